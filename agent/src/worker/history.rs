//! The last drops of each port, with their packets: what `weft why` tells.
//!
//! Kept are, for each port, a few packets that it sent and a few that were for it, each with how many like it were
//! dropped and when the last was. A new one takes the place of the one that is longest ago. Flows that drop bring
//! their counts in when they are read; the memory is taken when a port first drops something, and used again.

use std::collections::HashMap;

use weft_flow::FlowKey;
use weft_flowsim::{Held, Reason, Time};
use weft_topology::id::PortId;

use super::tally::Lost;

/// Packets that are kept of a port, each way.
const MOST: usize = 32;
/// Ports of which packets are kept, both ways counted.
const MOST_RINGS: usize = 8_192;

/// The last drops.
#[derive(Default)]
pub(super) struct History {
    rings: HashMap<(PortId, Way), Vec<Dropped>>,
}

/// Which way a packet was going, as its port sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Way {
    /// The port's machine sent it.
    From,
    /// It was for the port.
    To,
}

/// Why it went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Why {
    /// By a verdict.
    Verdict(Reason),
    /// The agent lost it.
    Lost(Lost),
}

/// Packets that were dropped, by one of them.
#[derive(Clone, Debug)]
pub(super) struct Dropped {
    /// That one.
    pub(super) key: FlowKey,
    /// Why.
    pub(super) why: Why,
    /// The port at its other end, if that is known.
    pub(super) other: Option<PortId>,
    /// How many.
    pub(super) packets: u64,
    /// When the last of them was dropped.
    pub(super) last: Time,
}

impl History {
    /// Packets like this one were dropped.
    pub(super) fn note(
        &mut self,
        (port, way): (PortId, Way),
        key: &FlowKey,
        (why, other): (Why, Option<PortId>),
        packets: u64,
        at: Time,
    ) {
        let is_full = self.rings.len() >= MOST_RINGS;
        let ring = match self.rings.get_mut(&(port, way)) {
            Some(ring) => ring,
            None if is_full => return,
            None => self
                .rings
                .entry((port, way))
                .or_insert_with(|| Vec::with_capacity(MOST)),
        };
        let same = |it: &&mut Dropped| it.why == why && it.other == other && it.key == *key;
        if let Some(known) = ring.iter_mut().find(same) {
            known.packets += packets;
            known.last = known.last.max(at);
            return;
        }
        if ring.len() < MOST {
            ring.push(Dropped {
                key: key.clone(),
                why,
                other,
                packets,
                last: at,
            });
        } else if let Some(oldest) = ring.iter_mut().min_by_key(|it| it.last) {
            oldest.key.clone_from(key);
            oldest.why = why;
            oldest.other = other;
            oldest.packets = packets;
            oldest.last = at;
        }
    }

    /// More packets that a port sent were dropped for this reason by a flow that is gone.
    pub(super) fn more(&mut self, port: PortId, reason: Reason, packets: u64) {
        let ring = self.rings.get_mut(&(port, Way::From));
        let alike = ring.into_iter().flatten();
        let newest = alike
            .filter(|it| it.why == Why::Verdict(reason))
            .max_by_key(|it| it.last);
        if let Some(newest) = newest {
            newest.packets += packets;
        }
    }

    /// What is known of a port.
    pub(super) fn of(&self, port: PortId) -> Vec<(Way, Dropped)> {
        let of = |way| {
            let ring = self.rings.get(&(port, way));
            let dropped = ring.into_iter().flatten();
            dropped.map(move |dropped| (way, dropped.clone()))
        };
        of(Way::From).chain(of(Way::To)).collect()
    }

    /// Forgets ports that are not wanted any more.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(PortId) -> bool) {
        self.rings.retain(|(port, _), _| is_wanted(*port));
    }
}

/// Tells of packets of one kind what a verdict makes of them: why it drops them, if it does, and at which ports they
/// are kept back.
pub(super) fn tell(
    history: &mut History,
    port: PortId,
    key: &FlowKey,
    (dropped, held): (Option<Reason>, &[Held]),
    packets: u64,
    at: Time,
) {
    if let Some(reason) = dropped {
        let to = held.first().map(|held| held.port);
        let why = (Why::Verdict(reason), to);
        history.note((port, Way::From), key, why, packets, at);
    }
    for held in held {
        let why = (Why::Verdict(held.reason), Some(port));
        history.note((held.port, Way::To), key, why, packets, at);
    }
}

#[cfg(test)]
mod tests {
    use weft_flow::Field;

    use super::*;

    fn port(n: u128) -> PortId {
        PortId(uuid::Uuid::from_u128(n))
    }

    fn key(n: u32) -> FlowKey {
        let mut key = FlowKey::new();
        key.set(Field::Ipv4Src, n.into());
        key
    }

    #[test]
    fn packets_alike_are_one_entry_and_the_longest_ago_makes_room() {
        let mut history = History::default();
        let from = (port(1), Way::From);
        let why = (Why::Lost(Lost::PuntLimit), None);
        for at in 0..100 {
            let n = u32::try_from(at).unwrap();
            history.note(from, &key(n), why, 1, Time(at));
            history.note(from, &key(0), why, 2, Time(at));
        }
        let kept = history.of(port(1));
        assert_eq!(kept.len(), MOST);
        let first = kept.iter().find(|(_, it)| it.key == key(0)).unwrap();
        assert_eq!((first.1.packets, first.1.last), (201, Time(99)));
        assert!(
            kept.iter()
                .all(|(_, it)| it.key == key(0) || it.last >= Time(69))
        );
        // The other way, another port and another reason are others.
        let reason = Reason::Hairpin(port(1));
        history.note((port(1), Way::To), &key(0), why, 1, Time(1));
        history.note((port(2), Way::From), &key(0), why, 1, Time(1));
        history.note(from, &key(0), (Why::Verdict(reason), None), 1, Time(100));
        history.more(port(1), reason, 7);
        history.more(port(2), reason, 7);
        assert_eq!(history.of(port(1)).len(), MOST + 1);
        let of = |way, why| {
            let all = history.of(port(1)).into_iter();
            let is = |it: &(Way, Dropped)| it.0 == way && it.1.why == why && it.1.key == key(0);
            all.filter(is).map(|(_, it)| it.packets).collect::<Vec<_>>()
        };
        assert_eq!(of(Way::From, Why::Verdict(reason)), [8]);
        assert_eq!(of(Way::To, why.0), [1]);
        history.retain(|of| of != port(1));
        assert!(history.of(port(1)).is_empty());
        assert_eq!(history.of(port(2)).len(), 1);
    }
}

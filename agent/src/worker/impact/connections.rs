//! Connections that would not go on.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use weft_flow::Action;
use weft_flowsim::{Conversation, Outcome};
use weft_ovs::conntrack::{Entry, Part, Tuple};
use weft_topology::LocalPort;
use weft_topology::id::PortId;
use weft_wire::impact::{Effect, End, Icmp, Impact, LostConnection};

use super::Look;
use super::words::{accepting, denial, port_gone, protocol, tcp_state};
use crate::worker::connections::{Judgement, judgement};

/// A connection: its entries in the zones of this host's ports, at least one.
struct Connection<'e> {
    entries: &'e [Entry],
    conversation: &'e Conversation,
}

impl Look<'_> {
    /// Visits those of these entries' connections that would not go on, in the order of their tuples.
    pub(super) fn connections(
        &mut self,
        entries: Vec<Entry>,
        conversations: &HashMap<u32, Conversation>,
        each: &mut dyn FnMut(Impact) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut of: BTreeMap<(Tuple, u32), Vec<Entry>> = BTreeMap::new();
        for entry in entries {
            of.entry((entry.original, entry.mark))
                .or_default()
                .push(entry);
        }
        for ((_, mark), entries) in &of {
            let Some(conversation) = conversations.get(mark) else {
                self.result.unknown += 1;
                continue;
            };
            self.result.connections += 1;
            let connection = Connection {
                entries,
                conversation,
            };
            if let Some(lost) = self.lost(&connection) {
                each(Impact::Connection(lost))?;
            }
        }
        ControlFlow::Continue(())
    }

    fn lost(&mut self, of: &Connection<'_>) -> Option<LostConnection> {
        let first = of.entries.first()?;
        let goes = self.port_that_goes(of);
        let then = self.then().connection(first, of.conversation, None);
        if let Some(then) = &then
            && goes.is_none()
            && self.goes_on(of, then)
        {
            return None;
        }
        let mut steps = Vec::new();
        let now = self
            .now()
            .connection(first, of.conversation, Some(&mut steps))?;
        // What is denied already is about to be cut, and not by this change.
        let kept = |entry: &&Entry| judgement(&now, entry.zone) == Judgement::Stays;
        let kept: Vec<&Entry> = of.entries.iter().filter(kept).collect();
        if kept.is_empty() || now.reason.is_drop() {
            return None;
        }
        let allowed_by = accepting(&steps, self.now);
        let denied = |entry: &&&Entry| {
            then.as_ref()
                .is_some_and(|then| judgement(then, entry.zone) == Judgement::Denied)
        };
        let cut = kept.iter().filter(denied).count();
        let (effect, entries) = match goes {
            Some(_) => {
                let in_zone = |entry: &&&Entry| !self.has_zone(entry.zone);
                (Effect::Ends, kept.iter().filter(in_zone).count())
            }
            None if cut > 0 => (Effect::Cut, cut),
            None => (Effect::Stops, 0),
        };
        let denied_by = match goes {
            Some(port) => port_gone(port, self.then),
            None => {
                let mut steps = Vec::new();
                let then = self
                    .then()
                    .connection(first, of.conversation, Some(&mut steps))?;
                denial(&then, &steps, self.then)
            }
        };
        let counters = first.counters;
        Some(LostConnection {
            protocol: protocol(first.original.protocol),
            from: end(
                &first.original,
                Side::From,
                self.now.local_by_port(of.conversation.port),
            ),
            to: end(&first.original, Side::To, self.far_end(&now)),
            icmp: icmp(&first.original),
            state: first.tcp_state.map(tcp_state),
            answered: first.status.has_seen_reply(),
            since: first.began.map(|began| began.as_secs()),
            expires_seconds: first.timeout.map(|left| left.as_secs()),
            packets: counters.map(|both| both.original.packets + both.reply.packets),
            entries,
            effect,
            allowed_by,
            denied_by,
        })
    }

    /// Whether it would still pass, or nothing can be said.
    fn goes_on(&mut self, of: &Connection<'_>, then: &Outcome) -> bool {
        if !then.missing.is_empty() {
            self.result.undecided += 1;
            return true;
        }
        let denied = |entry: &Entry| judgement(then, entry.zone) == Judgement::Denied;
        !of.entries.iter().any(denied) && !then.reason.is_drop()
    }

    fn has_zone(&self, zone: u16) -> bool {
        self.then.local_by_number(zone.into()).is_some()
    }

    /// A port of the connection that this host would not carry any more: that where it begins, or the only ones where
    /// it leaves. A zone may have it of a flood, from the time when it was not known where it goes.
    fn port_that_goes(&mut self, of: &Connection<'_>) -> Option<PortId> {
        let begins = of.conversation.port;
        if self.then.local_by_port(begins).is_none() {
            return Some(begins);
        }
        if self.then.local_ports().count() == self.now.local_ports().count() {
            return None;
        }
        let now = self
            .now()
            .connection(of.entries.first()?, of.conversation, None)?;
        let mut leaves = outputs(&now).filter_map(|number| self.now.local_by_number(number));
        let first = leaves.next()?.port;
        let goes = |port| self.then.local_by_port(port).is_none();
        (goes(first) && leaves.all(|local| goes(local.port))).then_some(first)
    }

    /// The port to which its original packets go, if it is one.
    fn far_end(&self, now: &Outcome) -> Option<&LocalPort> {
        let mut leaves = outputs(now);
        let number = leaves.next().filter(|_| leaves.next().is_none())?;
        self.now.local_by_number(number)
    }
}

/// The datapath ports where a packet leaves.
pub(super) fn outputs(outcome: &Outcome) -> impl Iterator<Item = u32> + '_ {
    outcome.actions.iter().filter_map(|action| match action {
        Action::Output(number) => Some(*number),
        _ => None,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    From,
    To,
}

fn end(tuple: &Tuple, side: Side, local: Option<&LocalPort>) -> End {
    let (address, port) = match (side, tuple.part) {
        (Side::From, Part::Ports { source, .. }) => (tuple.source, Some(source)),
        (Side::From, _) => (tuple.source, None),
        (Side::To, Part::Ports { destination, .. }) => (tuple.destination, Some(destination)),
        (Side::To, _) => (tuple.destination, None),
    };
    End {
        address,
        port,
        vif: local.map(|local| local.port),
        interface: local.map(|local| local.interface.clone()),
    }
}

fn icmp(tuple: &Tuple) -> Option<Icmp> {
    match tuple.part {
        Part::Icmp {
            identifier,
            kind,
            code,
        } => Some(Icmp {
            kind,
            code,
            identifier,
        }),
        Part::Ports { .. } | Part::Nothing => None,
    }
}

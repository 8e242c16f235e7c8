//! The datapath's meters: what a port may bring, limited by the kernel before it costs the agent anything.
//!
//! Each port has one for each [`Metered`], made when its number is known, which is before any flow names it, and
//! deleted when the port is let go. Which meter is whose follows from the port's number, so a restarted agent
//! finds them again.
//!
//! Races:
//! - *A flow names a meter that is not there*, because the kernel has refused it. Then it lets everything through, and
//!   the limit in the process holds ([`super::limit`]).
//! - *Packets pass while a meter of an earlier run is replaced.* The kernel does it in one step and answers with what
//!   the old one had counted; what of it was noted is not counted again. So it is with a deletion.
//! - *A number is used again by another port.* Letting a port go deletes its meters before the control side gives the
//!   number away.
//!
//! What it does not do: it hands out no numbers; which meter a flow names is the simulation's.

use std::collections::{BTreeMap, HashMap};

use weft_flowsim::Metered;
use weft_ovs::{Datapath, Error, Meter};
use weft_topology::id::PortId;

use super::tally::MOST_DROPS;
use crate::hot::Limits;

const EACH: usize = Metered::ALL.len();

/// The meters that there are, and what they have dropped.
pub(super) struct MeterBook {
    limits: Limits,
    /// By the number of the port in the datapath.
    ports: BTreeMap<u32, Kept>,
    /// What meters have dropped so far.
    sums: HashMap<(Option<PortId>, Metered), u64>,
    /// What earlier runs had counted of each meter by the time that they last wrote it down.
    noted: BTreeMap<u32, u64>,
    /// Whether it was said that the kernel takes no meter.
    is_refusal_said: bool,
}

/// The meters of one port.
#[derive(Default)]
struct Kept {
    /// Whose they are, once that is known.
    port: Option<PortId>,
    /// What each has dropped as far as it is counted; absent: the kernel does not have it.
    seen: [Option<u64>; EACH],
    /// What those of an earlier run have dropped since it last noted it, and is nobody's yet.
    owed: [u64; EACH],
}

impl MeterBook {
    /// Takes over the meters of a datapath, whose ports may have some. In the order of the ports' numbers and without
    /// a gap, as the kernel's table wants it.
    pub(super) fn open(
        limits: Limits,
        noted: BTreeMap<u32, u64>,
        datapath: &mut dyn Datapath,
    ) -> Result<Self, Error> {
        let mut book = Self {
            limits,
            ports: BTreeMap::new(),
            sums: HashMap::new(),
            noted,
            is_refusal_said: false,
        };
        let there: Vec<u32> = datapath.ports()?.iter().map(|port| port.port_no).collect();
        // What no port is found for goes when all are attached.
        for number in 1..=there.into_iter().max().unwrap_or(0) {
            book.put(datapath, number);
        }
        Ok(book)
    }

    /// A port has this number from now on.
    pub(super) fn attach(&mut self, datapath: &mut dyn Datapath, port: PortId, number: u32) {
        if number == 0 {
            return;
        }
        if !self.ports.contains_key(&number) {
            self.put(datapath, number);
        }
        let Some(kept) = self.ports.get_mut(&number) else {
            return;
        };
        kept.port = Some(port);
        for (metered, owed) in Metered::ALL.into_iter().zip(std::mem::take(&mut kept.owed)) {
            self.count(Some(port), metered, owed);
        }
    }

    /// A port is let go: its meters leave the kernel.
    pub(super) fn detach(&mut self, datapath: &mut dyn Datapath, port: PortId) {
        let mut kept = self.ports.iter();
        if let Some((&number, _)) = kept.find(|(_, kept)| kept.port == Some(port)) {
            self.delete(datapath, number);
        }
        if self.sums.len() >= MOST_DROPS {
            let of = self.sums.extract_if(|(of, _), _| *of == Some(port));
            let gone: Vec<_> = of.collect();
            for ((_, metered), packets) in gone {
                self.count(None, metered, packets);
            }
        }
    }

    /// All ports of an earlier run that are still wanted are attached: the meters of the others go.
    pub(super) fn adopted(&mut self, datapath: &mut dyn Datapath) {
        let of_nobody = self.ports.iter().filter(|(_, kept)| kept.port.is_none());
        let numbers: Vec<u32> = of_nobody.map(|(&number, _)| number).collect();
        for number in numbers {
            self.delete(datapath, number);
        }
        self.noted.clear();
    }

    /// The datapath is another one, without ports and meters.
    pub(super) fn rebuilt(&mut self) {
        self.ports.clear();
        self.noted.clear();
    }

    /// Reads what the kernel's meters have counted.
    pub(super) fn refresh(&mut self, datapath: &mut dyn Datapath) {
        let numbers: Vec<u32> = self.ports.keys().copied().collect();
        for number in numbers {
            for (place, metered) in Metered::ALL.into_iter().enumerate() {
                if self.seen(number, place).is_none() {
                    continue;
                }
                match datapath.meter(metered.meter(number)) {
                    Ok(stats) => {
                        let dropped = stats.map(|stats| stats.dropped_packets);
                        self.saw(number, place, dropped);
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a meter's counts are not known");
                        return;
                    }
                }
            }
        }
    }

    /// Packets that meters dropped, by port and name. What was to be logged is not among them: a copy is no packet.
    pub(super) fn drops(&self) -> impl Iterator<Item = (Option<PortId>, &'static str, u64)> + '_ {
        let sums = self.sums.iter();
        sums.filter(|((_, metered), _)| *metered != Metered::Log)
            .map(|(&(port, metered), &packets)| (port, metered.name(), packets))
    }

    /// Copies for the log of rules that meters dropped.
    pub(super) fn not_logged(&self) -> u64 {
        let sums = self.sums.iter();
        let of_log = sums.filter(|((_, metered), _)| *metered == Metered::Log);
        of_log.map(|(_, packets)| packets).sum()
    }

    /// What was counted of each meter, for the next run.
    pub(super) fn note(&self) -> BTreeMap<u32, u64> {
        let of_port = |(&number, kept): (&u32, &Kept)| {
            let seen = Metered::ALL.into_iter().zip(kept.seen);
            let noted =
                seen.filter_map(move |(metered, seen)| Some((metered.meter(number), seen?)));
            noted.collect::<Vec<_>>()
        };
        self.ports.iter().flat_map(of_port).collect()
    }

    /// Puts a port's meters, in the place of those that it has.
    fn put(&mut self, datapath: &mut dyn Datapath, number: u32) {
        let mut kept = Kept::default();
        for (place, metered) in Metered::ALL.into_iter().enumerate() {
            let id = metered.meter(number);
            match datapath.set_meter(id, self.meter(metered)) {
                Ok(replaced) => {
                    kept.seen[place] = Some(0);
                    let dropped = replaced.map_or(0, |stats| stats.dropped_packets);
                    let noted = self.noted.remove(&id).unwrap_or(0);
                    kept.owed[place] = dropped.saturating_sub(noted);
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.is_refusal_said, true) {
                        tracing::warn!(%error, "not all ports are metered by the kernel: what it does not \
                            meter, this process limits, at the cost of an upcall for each packet");
                    }
                }
            }
        }
        self.ports.insert(number, kept);
    }

    fn delete(&mut self, datapath: &mut dyn Datapath, number: u32) {
        for (place, metered) in Metered::ALL.into_iter().enumerate() {
            if self.seen(number, place).is_none() {
                continue;
            }
            match datapath.delete_meter(metered.meter(number)) {
                Ok(stats) => self.saw(number, place, stats.map(|stats| stats.dropped_packets)),
                Err(error) => tracing::debug!(%error, "a meter is left in the kernel"),
            }
        }
        if let Some(kept) = self.ports.remove(&number) {
            for (metered, owed) in Metered::ALL.into_iter().zip(kept.owed) {
                self.count(kept.port, metered, owed);
            }
        }
    }

    fn seen(&self, number: u32, place: usize) -> Option<u64> {
        *self.ports.get(&number)?.seen.get(place)?
    }

    /// What the kernel says that a meter has dropped; absent: it has no such meter any more.
    fn saw(&mut self, number: u32, place: usize, dropped: Option<u64>) {
        let Some(kept) = self.ports.get_mut(&number) else {
            return;
        };
        let (Some(seen), Some(metered)) = (kept.seen.get_mut(place), Metered::ALL.get(place))
        else {
            return;
        };
        let before = std::mem::replace(seen, dropped).unwrap_or(0);
        let more = dropped.map_or(0, |dropped| dropped.saturating_sub(before));
        match kept.port {
            Some(port) => self.count(Some(port), *metered, more),
            None => kept.owed[place] += more,
        }
    }

    fn count(&mut self, port: Option<PortId>, metered: Metered, packets: u64) {
        if packets > 0 {
            *self.sums.entry((port, metered)).or_default() += packets;
        }
    }

    fn meter(&self, metered: Metered) -> Meter {
        let Limits {
            punts_per_port,
            fragments_per_port,
            logs_per_port,
            log_burst,
            ..
        } = self.limits;
        let (rate, burst) = match metered {
            Metered::Punt(_) => (punts_per_port, punts_per_port),
            Metered::Fragment => (fragments_per_port, fragments_per_port),
            Metered::Log => (logs_per_port, log_burst),
        };
        Meter {
            rate,
            burst: burst.min(Meter::MAX_BURST),
        }
    }
}

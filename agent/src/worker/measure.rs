//! What the workers say of themselves in numbers.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use weft_flow::Ufid;
use weft_topology::id::PortId;
use weft_wire::control::DropInfo;

use super::meters::MeterBook;
use super::pool::Workers;
use super::run::Worker;
use super::tally::Counter;
use crate::accounts::Accounts;
use crate::hot::HotError;
use crate::measures::{Measures, PortMeasures};

/// Dropped packets by port and reason.
pub(super) type Drops = BTreeMap<(Option<PortId>, String), u64>;

/// One worker's part.
struct Part {
    ports: Vec<(PortId, PortMeasures)>,
    drops: Vec<(Option<PortId>, &'static str, u64)>,
    parked: usize,
}

impl Workers {
    /// All drops, those of earlier runs among them.
    pub(super) fn all_drops(&self) -> Result<Drops, HotError> {
        let parts = self.ask_all("list drops", |worker| {
            worker.tally.drops().collect::<Vec<_>>()
        })?;
        Ok(self.summed(parts))
    }

    /// With what meters have dropped.
    fn summed(
        &self,
        parts: impl IntoIterator<Item = Vec<(Option<PortId>, &'static str, u64)>>,
    ) -> Drops {
        let mut sums = self.earlier.clone();
        for (port, reason, packets) in parts.into_iter().flatten() {
            *sums.entry((port, reason.to_owned())).or_default() += packets;
        }
        self.metered(|meters| {
            for (port, reason, packets) in meters.drops() {
                *sums.entry((port, reason.to_owned())).or_default() += packets;
            }
        });
        sums
    }

    /// What was counted so far, for the next run: sums and flows of each worker as of one time.
    pub(super) fn note(&self) -> Result<Accounts, HotError> {
        let parts = self.ask_all("write down what was counted", |worker| {
            let flows = worker.table.iter();
            let drops = flows.filter(|(_, flow)| flow.drops());
            let seen: Vec<(Ufid, u64)> = drops
                .map(|(ufid, flow)| (ufid, flow.stats.packets))
                .filter(|(_, packets)| *packets > 0)
                .collect();
            // Flows of an earlier run that this one has not come to yet.
            let counted = worker.counted.clone();
            (worker.tally.drops().collect::<Vec<_>>(), seen, counted)
        })?;
        let (mut drops, mut flows) = (Vec::new(), BTreeMap::new());
        for (_, _, counted) in &parts {
            flows.extend(counted.iter().map(|(&ufid, &packets)| (ufid, packets)));
        }
        for (of, seen, _) in parts {
            drops.push(of);
            flows.extend(seen);
        }
        Ok(Accounts {
            starts: 0,
            drops: self.summed(drops),
            flows,
            meters: self.metered(MeterBook::note),
        })
    }

    pub(super) fn measured(&self) -> Result<Measures, HotError> {
        let parts = self.ask_all("measure", Worker::measure)?;
        let (datapath, vports, writes) = {
            let mut control = self.control();
            (control.info()?, control.ports()?, control.writes())
        };
        let (mut ports, mut drops, mut parked_packets) = (BTreeMap::new(), Vec::new(), 0);
        for part in parts {
            ports.extend(part.ports);
            drops.push(part.drops);
            parked_packets += part.parked;
        }
        let shared = &self.shared;
        let not_logged = self.metered(MeterBook::not_logged);
        Ok(Measures {
            datapath,
            vports,
            ports,
            drops: listed(self.summed(drops)),
            counters: shared
                .counters
                .measured(Counter::RulesNotLogged, not_logged),
            writes,
            upcall_delay: shared.upcall_delay(),
            inboxes: shared
                .postboxes()
                .map(|postbox| postbox.waiting())
                .collect(),
            parked_packets,
            parked_bytes: shared.parked.load(Ordering::Relaxed),
            flows: shared.flow_count(),
            flow_limit: self.flow_limit,
            macs: shared.learned.entries().len(),
        })
    }
}

impl Worker {
    fn measure(&mut self) -> Part {
        let of_port = |slot: &super::ports::PortSlot| {
            let flows = slot
                .number
                .map_or(0, |number| self.table.count_of_port(number));
            let measures = PortMeasures {
                flows,
                upcalls: slot.upcalls,
                overflows: slot.overflows,
            };
            (slot.port, measures)
        };
        Part {
            ports: self.ports.iter().map(of_port).collect(),
            drops: self.tally.drops().collect(),
            parked: self.parking.len(),
        }
    }
}

/// Drops as they are told.
pub(super) fn listed(drops: Drops) -> Vec<DropInfo> {
    let info = |((port, reason), packets)| DropInfo {
        port,
        reason,
        packets,
    };
    drops.into_iter().map(info).collect()
}

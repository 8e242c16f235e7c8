//! What a dump of the kernel's flows tells a worker: which flows are used, idle, or gone.

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;
use weft_flow::text::{Actions, Flow};
use weft_flow::{Field, Ufid};
use weft_flowsim::{PuntClass, Time};
use weft_ovs::{DumpedFlow, FlowName, FlowStats};
use weft_topology::Tag;

use super::batch::Write;
use super::history::tell;
use super::inbox::Dumped;
use super::run::Worker;
use super::tally::Counter;

/// A flow that no packet has met for so long is deleted.
const IDLE: Duration = Duration::from_secs(10);

/// A flow that was put so shortly before the dump, in milliseconds, may have been missed by it: it was judged, and
/// may not have been written yet.
const SETTLING: u64 = 1_000;

/// Flows that are asked for at the end of a dump which did not name them; the others, at the next one's.
const MISSED: usize = 512;

/// So many dumps it takes until all that an earlier run left of a port is known: the first may have begun before the
/// port was there.
const FIRST_DUMPS: u32 = 2;

impl Worker {
    /// A dump began.
    pub(super) fn dump_begins(&mut self, began: Time) {
        self.dump_began = Some(began);
        self.deleted.clear();
        self.ports.dumped();
        // 0 is the mark of flows that no dump has named.
        self.dump = self.dump.wrapping_add(1).max(1);
    }

    /// Flows that the dump found on this worker's ports.
    pub(super) fn dumped(&mut self, flows: Vec<Dumped>) {
        let mut due: SmallVec<[Ufid; 8]> = SmallVec::new();
        for Dumped { usage, whole } in flows {
            match usage.name {
                FlowName::Key(key) => {
                    self.tally.count(Counter::AuditUnknown);
                    self.batch.push(Write::DeleteUnnamed(key));
                }
                FlowName::Ufid(ufid) if self.table.mark(ufid, self.dump) => {
                    due.extend(self.is_due(ufid).then_some(ufid));
                    // The dump may have met the one of this id that was there before.
                    if !self.reborn.contains_key(&ufid) {
                        self.refresh(ufid, usage.stats);
                    }
                }
                FlowName::Ufid(ufid) if self.deleted.contains(&ufid) => {}
                FlowName::Ufid(ufid) => self.meet(ufid, whole),
            }
        }
        self.audit(&due);
    }

    /// A flow that this worker does not know. From a dump in brief it is looked up.
    fn meet(&mut self, ufid: Ufid, whole: Option<Box<DumpedFlow>>) {
        let found = match whole {
            Some(whole) => Ok(Some(*whole)),
            None => self.datapath.flow(ufid),
        };
        match found {
            Ok(Some(found)) => {
                self.note_unknown(&found);
                self.adopt(ufid, found);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "a flow in the kernel is not understood, deleted");
                self.batch.push(Write::Delete {
                    ufid,
                    seen: FlowStats::default(),
                    drops: None,
                });
                self.deleted.insert(ufid);
            }
        }
    }

    /// Of a port whose flows were dumped before, an unknown flow is none of an earlier run.
    fn note_unknown(&mut self, found: &DumpedFlow) {
        let number = found.key.u32(Field::InPort);
        let slot = number.and_then(|number| self.ports.by_number(number));
        if slot.is_some_and(|slot| slot.dumps > FIRST_DUMPS) {
            self.tally.count(Counter::AuditUnknown);
            let flow = Flow {
                key: &found.key,
                mask: &found.mask,
            };
            let has = Actions(&found.actions);
            tracing::warn!(%flow, %has, "a flow in the kernel that somebody else has put");
        }
    }

    /// The dump is complete: a flow that was there before it and that it did not name is gone, as a rule.
    /// While flows come and go, the kernel passes over some (`ovs_flow_tbl_dump_next` counts along a bucket, which
    /// changes, and begins anew in a table that grew), so each is asked for.
    pub(super) fn dump_ends(&mut self) {
        let Some(began) = self.dump_began.take() else {
            return;
        };
        let gone: Vec<Ufid> = self
            .table
            .unmarked(self.dump)
            .filter(|(_, flow)| flow.since.0 + SETTLING < began.0)
            .map(|(ufid, _)| ufid)
            .take(MISSED)
            .collect();
        for ufid in gone {
            match self.datapath.flow(ufid) {
                Ok(None) => self.vanished(ufid),
                _ => drop(self.table.mark(ufid, self.dump)),
            }
        }
        self.deleted.clear();
        self.counted = Arc::default();
        self.reborn.retain(|_, since| since.0 + SETTLING >= began.0);
        if self.index == 0 {
            let tags = self.shared.learned.age(self.now());
            self.announce(tags);
        }
    }

    /// Takes over a flow's statistics, and does what follows from them.
    pub(super) fn refresh(&mut self, ufid: Ufid, stats: FlowStats) {
        let now = self.now();
        let Some(flow) = self.table.get(ufid) else {
            return;
        };
        let port = self.port_of(flow.in_port());
        let hits = stats.packets.saturating_sub(flow.stats.packets);
        let idle = stats
            .idle
            .unwrap_or_else(|| Duration::from_millis(now.0 - flow.since.0.min(now.0)));
        let mut back: Vec<Tag> = Vec::new();
        if hits > 0 {
            if flow.drops() {
                self.tally.dropped(port, flow.reason, hits);
            }
            let used = Time(now.0.saturating_sub(millis(idle)));
            // What a service is given is told when it is served.
            let is_served = PuntClass::of_actions(&flow.actions).is_some();
            if let Some(port) = port.filter(|_| !is_served) {
                let verdict = (flow.drops().then_some(flow.reason), &flow.held[..]);
                tell(&mut self.history, port, &flow.key, verdict, hits, used);
            }
            let learned = &self.shared.learned;
            let comes_back = |tag: &&Tag| match **tag {
                Tag::Mac(bridge, vlan, mac) => learned.touch((bridge, vlan, mac), used, now),
                _ => false,
            };
            back.extend(flow.tags.iter().filter(comes_back));
        }
        let ended = flow.valid_until.is_some_and(|until| until <= now);
        // A dump may have looked at it before it was last written, which told more.
        if let Some(seen) = self.table.stats_mut(ufid)
            && stats.packets >= seen.packets
        {
            *seen = stats;
        }
        self.announce(back);
        if idle >= IDLE {
            self.delete_flow(ufid);
        } else if ended {
            self.judge_flow(ufid);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

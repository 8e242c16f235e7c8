//! Adoption: a flow that the kernel has and this worker does not know, left by an earlier run of the
//! agent or put by somebody else, is judged like any other. What agrees stays, with its id and its
//! counters; what does not is changed in place or deleted.

use weft_flow::Ufid;
use weft_flowsim::Install;
use weft_ovs::DumpedFlow;
use weft_topology::Tag;

use super::batch::Write;
use super::judge::Act;
use super::ports::{set_pid, without_pid};
use super::run::Worker;
use super::tally::Counter;
use crate::flows::table::Flow;

impl Worker {
    /// Takes over a flow, or deletes it.
    pub(super) fn adopt(&mut self, ufid: Ufid, found: DumpedFlow) {
        // The port was let go while the dump ran; its flows are another worker's, or nobody's.
        let number = found.key.u32(weft_flow::Field::InPort);
        let Some(pid) = number
            .and_then(|number| self.ports.by_number(number))
            .map(|slot| slot.source.pid())
        else {
            return;
        };
        let foreign = !found.key.unknown.is_empty();
        let outcome = match foreign {
            true => None,
            false => self.judge(Act::Simulate, &found.key, &[]),
        };
        let Some(mut outcome) = outcome else {
            self.disown(ufid, &found);
            return;
        };
        // Undecided is not wrong: it stays, and is judged when what is missing arrives.
        let undecided = !outcome.missing.is_empty();
        self.ask_for(&outcome.missing);
        let lasts = outcome.install == Install::Flow
            && outcome.effects.is_empty()
            && found.mask.covers(&outcome.mask);
        if !undecided && !lasts {
            self.disown(ufid, &found);
            self.scratch.recycle(outcome);
            return;
        }
        let mut tags = std::mem::take(&mut outcome.tags);
        tags.extend(outcome.missing.iter().copied().map(Tag::Object));
        let mut actions = match undecided {
            true => without_pid(&found.actions),
            false => std::mem::take(&mut outcome.actions),
        };
        set_pid(&mut actions, pid);
        let changed = actions != found.actions;
        let flow = Flow {
            key: found.key,
            mask: found.mask,
            actions,
            tags,
            reason: outcome.reason,
            valid_until: outcome.valid_until,
            stats: found.stats,
            since: self.now(),
        };
        self.table.insert(ufid, flow);
        if changed {
            self.batch.push(Write::SetActions {
                ufid,
                seen: found.stats,
                drops: None,
            });
        }
        self.tally.count(Counter::FlowsAdopted);
        self.scratch.recycle(outcome);
    }

    fn disown(&mut self, ufid: Ufid, found: &DumpedFlow) {
        tracing::debug!(%ufid, key = ?found.key, "flow of an earlier run is not right, deleted");
        self.batch.push(Write::Delete {
            ufid,
            seen: found.stats,
            drops: None,
        });
        self.deleted.insert(ufid);
    }
}

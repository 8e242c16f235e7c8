//! Adoption: a flow that the kernel has and this worker does not know, left by an earlier run of the
//! agent or put by somebody else, is judged like any other. What agrees stays, with its id and its
//! counters; what does not is changed in place or deleted. What an earlier run's drop flow has dropped since it
//! was last counted is counted here.

use weft_flow::{Action, Ufid};
use weft_flowsim::{Install, Logged};
use weft_ovs::{DumpedFlow, FlowStats};
use weft_topology::Tag;

use super::batch::Write;
use super::judge::Act;
use super::ports::{set_pid, without_pid};
use super::run::Worker;
use super::tally::{Counter, Lost};
use crate::flows::table::{NewFlow, Verdict};

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
        let port = self.port_of(number);
        let foreign = !found.key.unknown.is_empty();
        let outcome = match foreign {
            true => None,
            false => self.judge(Act::Simulate, &found.key, &[]),
        };
        let uncounted = self.uncounted(ufid, &found);
        let Some(mut outcome) = outcome else {
            self.tally.lost_many(port, Lost::EarlierRun, uncounted);
            self.disown(ufid, &found);
            return;
        };
        match outcome.drops() {
            true => self.tally.dropped(port, outcome.reason, uncounted),
            false => self.tally.lost_many(port, Lost::EarlierRun, uncounted),
        }
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
        let was_drop = is_drop(&found.actions);
        let becomes_drop = changed && !was_drop && outcome.drops();
        // With another socket for the log it drops as it did.
        let drops = (was_drop && outcome.drops()).then_some((port, outcome.reason));
        let new = NewFlow {
            key: &found.key,
            mask: &found.mask,
            verdict: Verdict {
                actions: &actions,
                tags: &tags,
                held: &outcome.held,
                reason: outcome.reason,
                valid_until: outcome.valid_until,
            },
            stats: match becomes_drop {
                true => FlowStats::default(),
                false => found.stats,
            },
            since: self.now(),
        };
        self.table.insert(ufid, new);
        if let Some(conversation) = outcome.conversation {
            self.meet_conversation(conversation, &tags);
        }
        if becomes_drop {
            // As everywhere, of a flow that drops the kernel counts nothing but drops.
            self.reborn.insert(ufid, self.now());
        }
        if changed {
            self.batch.push(Write::SetActions {
                ufid,
                seen: found.stats,
                drops,
                anew: becomes_drop,
            });
        }
        self.tally.count(Counter::FlowsAdopted);
        self.scratch.recycle(outcome);
    }

    /// Packets that a drop flow dropped and nobody counted. Those of a flow that the earlier run had not noted
    /// are all of them: it was put after the last note.
    fn uncounted(&self, ufid: Ufid, found: &DumpedFlow) -> u64 {
        if !is_drop(&found.actions) {
            return 0;
        }
        let counted = self.counted.get(&ufid).copied().unwrap_or(0);
        found.stats.packets.saturating_sub(counted)
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

/// Whether actions do nothing, or nothing but copy the packet for the log of rules.
fn is_drop(actions: &[Action]) -> bool {
    match actions {
        [] => true,
        [_] => Logged::copy_in(actions).is_some(),
        _ => false,
    }
}

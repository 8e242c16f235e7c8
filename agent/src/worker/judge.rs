//! Judging: one call of the simulation with its guard, and judging again what depends on facts that
//! changed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use weft_flow::{FlowKey, Ufid};
use weft_flowsim::{Effect, Install, Learned, Outcome, Probe, serve};
use weft_topology::Tag;

use super::batch::Write;
use super::ports::{set_pid, without_pid};
use super::run::Worker;
use super::tally::Counter;
use crate::flows::learned::Learnt;
use crate::flows::table::Verdict;

/// What is done with a packet's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Walk it through the topology.
    Simulate,
    /// Give it to a local service.
    Serve,
}

impl Worker {
    /// Judges a packet. `None` is a defect of the simulation, which must not end the worker: nothing
    /// of it is kept, since all that a simulation changes is its own outcome.
    pub(super) fn judge(&mut self, act: Act, key: &FlowKey, packet: &[u8]) -> Option<Outcome> {
        let shared = self.shared.clone();
        self.judge_by(act, key, packet, &shared.learned)
    }

    /// The same by other learned tables.
    pub(super) fn judge_by(
        &mut self,
        act: Act,
        key: &FlowKey,
        packet: &[u8],
        learned: &dyn Learned,
    ) -> Option<Outcome> {
        let now = self.now();
        let snapshot = &self.snapshot;
        let simulate = self.simulate;
        let scratch = &mut self.scratch;
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let mut probe = Probe::new(key, packet, learned, now, scratch);
            match act {
                Act::Simulate => simulate(snapshot, &mut probe),
                Act::Serve => serve(snapshot, &mut probe),
            }
        }));
        judged
            .map_err(|_| tracing::error!(?key, "the simulation of a packet failed"))
            .ok()
    }

    /// Does what an outcome asks beside its actions; frames to send in answer go into the batch.
    pub(super) fn carry_out(&mut self, outcome: &Outcome, key_attrs: &[u8]) {
        for effect in &outcome.effects {
            match effect {
                Effect::Learn {
                    bridge,
                    vlan,
                    mac,
                    port,
                } => {
                    let now = self.now();
                    match self.shared.learned.learn(*bridge, *vlan, *mac, *port, now) {
                        Learnt::Known => {}
                        Learnt::Changed => self.announce(vec![Tag::Mac(*bridge, *vlan, *mac)]),
                        Learnt::Refused => self.tally.count(Counter::MacsRefused),
                    }
                }
                Effect::Answer { port, frame, .. } => {
                    let Some(local) = self.snapshot.local_by_port(*port) else {
                        continue;
                    };
                    let out = [weft_flow::Action::Output(local.number)];
                    self.batch.execute(frame, key_attrs, &out, (None, None));
                    self.tally.count(Counter::Answers);
                }
                Effect::Unanswered { host, why } => {
                    self.tally.count(Counter::Unanswered);
                    tracing::debug!(%host, %why, "DHCP says nothing");
                }
            }
        }
    }

    /// Judges the flows under these tags again: those that are right stay, those whose actions alone are
    /// wrong are changed in place, the rest goes.
    pub(super) fn judge_again<'a>(&mut self, tags: impl Iterator<Item = &'a Tag>) {
        for ufid in self.table.under(tags) {
            self.judge_flow(ufid);
        }
    }

    /// Judges one flow again.
    pub(super) fn judge_flow(&mut self, ufid: Ufid) {
        let Some(flow) = self.table.get(ufid) else {
            return;
        };
        let (key, mask) = (flow.key.clone(), flow.mask.clone());
        let installed = without_pid(&flow.actions);
        self.tally.count(Counter::Rechecks);
        let Some(outcome) = self.judge(Act::Simulate, &key, &[]) else {
            self.delete_flow(ufid);
            return;
        };
        let keeps = outcome.upholds(&installed, &mask);
        let lasts = outcome.install == Install::Flow
            && outcome.missing.is_empty()
            && outcome.effects.is_empty()
            && mask.covers(&outcome.mask);
        if keeps || lasts {
            self.renew(ufid, outcome, keeps);
        } else {
            self.delete_flow(ufid);
            self.scratch.recycle(outcome);
        }
    }

    /// Keeps a flow with what it depends on now; its actions too, if they differ.
    fn renew(&mut self, ufid: Ufid, outcome: Outcome, same_actions: bool) {
        let Some(flow) = self.table.get(ufid) else {
            return;
        };
        let (was, seen, number) = (flow.reason, flow.stats, flow.in_port());
        let dropped = flow.drops();
        let drops = dropped.then(|| (self.port_of(number), was));
        // Its packets up to now were dropped for another reason: the kernel says how many as it is written.
        let recount = drops.is_some() && was != outcome.reason;
        let kept = same_actions.then(|| flow.actions.clone());
        self.table.decide(
            ufid,
            Verdict {
                actions: kept.as_deref().unwrap_or(&outcome.actions),
                tags: &outcome.tags,
                held: &outcome.held,
                reason: outcome.reason,
                valid_until: outcome.valid_until,
            },
        );
        if let Some(conversation) = outcome.conversation {
            self.meet_conversation(conversation, &outcome.tags);
        }
        if !same_actions {
            let pid = number.and_then(|number| self.ports.by_number(number));
            let pid = pid.map_or(0, |slot| slot.source.pid());
            set_pid(self.table.actions_mut(ufid).unwrap_or_default(), pid);
            tracing::trace!(%ufid, %was, reason = %outcome.reason, "flow changed in place");
        }
        // Of a flow that drops the kernel counts nothing but drops, so that the next run of the agent can go on
        // counting (crate::accounts).
        let anew = !dropped && outcome.drops();
        if anew {
            let now = self.now();
            self.table.begin_anew(ufid, now);
            self.reborn.insert(ufid, now);
        }
        if !same_actions || recount {
            self.batch.push(Write::SetActions {
                ufid,
                seen,
                drops,
                anew,
            });
        }
        self.scratch.recycle(outcome);
    }
}

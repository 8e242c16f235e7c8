//! The auditor: flows of the kernel are simulated again in the background, though nothing changed. A flow is right if
//! its actions are equal and the bits read now lie within its installed mask. One that is not is counted, logged with
//! what differs, and changed in place or deleted; then the kernel is asked whether that was done.
//!
//! Pace: a dump names flows in chunks, and of each chunk those are looked at whose turn it is ([`Worker::is_due`]): a
//! handful of a small table, a 64th of a large one. So a table of any size is gone through within 64 dumps, about two
//! minutes, and the cost is a fixed share of the dump's own, which is bounded ([`super::sweep`]). Looking is a read of
//! the kernel's flow and a simulation: it does not prolong the life of a flow or of a learned MAC, and teaches nothing.
//!
//! Races; none of them may look like a wrong flow:
//! - *The topology changes.* A worker judges by its own snapshot, and its flows are past it before it takes the next
//!   message. What other workers have in force does not matter.
//! - *Writes of this worker are on their way.* They are sent before a flow is looked at.
//! - *A MAC was learned, moved or removed, and this worker has not heard of it yet.* What looks wrong is looked at again
//!   by a message to itself, behind all that was announced by then. It counts only if the table of MACs is the same at
//!   both looks and all its changes were announced ([`MacTable::announced_state`]); else it is looked at once more.
//! - *A MAC's age is over and it is not removed yet*: simulations hide it already, flows may have been made with it or
//!   without. A flow is right if it agrees with either.
//! - *What decides is not loaded*: no finding. *The verdict ends by itself, and has ended*: it is judged anyway.
//! - *A flow was put for a guess* about connection tracking's answer ([`super::foresee`]): the answer is part of its
//!   key, so it is right for the packets that it matches, or not.
//! - *Its packets have something to teach, but their port has as many MACs as it may*: nothing wrong with the flow.
//!
//! Flows that the kernel lost, and flows there that nobody here has put, are found by each dump as a whole
//! ([`super::stats`]).

use weft_flow::text::{Actions, Flow};
use weft_flow::{Field, Ufid};
use weft_flowsim::{Install, Learned, Outcome, Time};
use weft_ovs::{DumpedFlow, Error, FlowStats};
use weft_topology::MacAddr;
use weft_topology::id::{BridgeId, PortId};

use super::batch::Write;
use super::inbox::Message;
use super::judge::Act;
use super::ports::set_pid;
use super::run::Worker;
use super::tally::Counter;
use crate::flows::learned::MacTable;
use crate::flows::table::{NewFlow, Verdict};

/// Within so many dumps all flows are looked at. A power of two.
const ROUND: u32 = 64;
/// So many flows are looked at in a dump, or twice as many, where there are more.
const FEW: usize = 16;
/// So often a flow that looks wrong is looked at again while the table of MACs changes. Then its next turn has to do.
const LOOKS: u32 = 8;

/// What a look at a flow shows.
enum Finding {
    /// It is right, or nobody can say now.
    Nothing,
    /// The kernel does not have it.
    Gone,
    /// It is not right.
    Wrong(Box<Wrong>),
}

/// A flow that is not right.
struct Wrong {
    /// As the kernel has it; absent: it cannot be read.
    found: Option<DumpedFlow>,
    /// What the simulation says; absent: it cannot say anything.
    outcome: Option<Outcome>,
}

/// The table of MACs with those whose age is over.
struct Ageless<'a>(&'a MacTable);

impl Learned for Ageless<'_> {
    fn mac(&self, bridge: BridgeId, vlan: u16, mac: MacAddr, _now: Time) -> Option<PortId> {
        self.0.mac(bridge, vlan, mac, Time(0))
    }
}

impl Worker {
    /// Whether it is a flow's turn in the dump in progress. With twice the flows every other turn of each is left out,
    /// so none waits longer than a round however their number changes.
    pub(super) fn is_due(&self, ufid: Ufid) -> bool {
        let [.., high, low] = ufid.0;
        let wanted = self.table.len().div_ceil(FEW).next_power_of_two();
        let among = u32::try_from(wanted).unwrap_or(ROUND).min(ROUND);
        let place = u32::from(u16::from_be_bytes([high, low]));
        self.settings.audit && (place ^ self.dump) & (among - 1) == 0
    }

    /// Looks at flows, and repairs those that are not right.
    pub(super) fn audit(&mut self, flows: &[Ufid]) {
        if flows.is_empty() {
            return;
        }
        self.flush();
        for &ufid in flows {
            if self.table.get(ufid).is_some() {
                self.tally.count(Counter::AuditChecked);
                self.examine(ufid, None, LOOKS);
            }
        }
    }

    /// Looks at a flow, which looked wrong already when the table of MACs was in a state that all had heard of.
    fn examine(&mut self, ufid: Ufid, known: Option<u64>, looks: u32) {
        let before = self.shared.learned.announced_state();
        let wrong = match self.look(ufid) {
            Finding::Nothing => return,
            Finding::Gone => return self.vanished(ufid),
            Finding::Wrong(wrong) => wrong,
        };
        let state = before.filter(|_| before == self.shared.learned.announced_state());
        if state.is_some() && state == known {
            return self.repair(ufid, *wrong);
        }
        if let Some(outcome) = wrong.outcome {
            self.scratch.recycle(outcome);
        }
        if looks > 0 {
            let again = move |worker: &mut Worker| worker.examine(ufid, state, looks - 1);
            self.shared.send(self.index, Message::Ask(Box::new(again)));
        }
    }

    fn look(&mut self, ufid: Ufid) -> Finding {
        let now = self.now();
        let Some(flow) = self.table.get(ufid) else {
            return Finding::Nothing;
        };
        if flow.valid_until.is_some_and(|until| until <= now) {
            return Finding::Nothing;
        }
        let number = flow.in_port();
        let found = match self.datapath.flow(ufid) {
            Ok(Some(found)) => found,
            Ok(None) => return Finding::Gone,
            Err(Error::Malformed { .. }) => return wrong(None, None),
            Err(error) => {
                tracing::debug!(%ufid, %error, "flow not read");
                return Finding::Nothing;
            }
        };
        let pid = number.and_then(|number| self.ports.by_number(number));
        let Some(pid) = pid.map(|slot| slot.source.pid()) else {
            return Finding::Nothing;
        };
        if found.key.u32(Field::InPort) != number || !found.key.unknown.is_empty() {
            return wrong(Some(found), None);
        }
        let Some(outcome) = self.judge(Act::Simulate, &found.key, &[]) else {
            return wrong(Some(found), None);
        };
        if !outcome.missing.is_empty() || is_right(&outcome, &found, pid) {
            self.scratch.recycle(outcome);
            return Finding::Nothing;
        }
        let shared = self.shared.clone();
        let ageless = Ageless(&shared.learned);
        let older = self.judge_by(Act::Simulate, &found.key, &[], &ageless);
        let was_right = older
            .as_ref()
            .is_some_and(|outcome| is_right(outcome, &found, pid));
        if let Some(outcome) = older {
            self.scratch.recycle(outcome);
        }
        match was_right {
            true => Finding::Nothing,
            false => wrong(Some(found), Some(outcome)),
        }
    }

    /// The kernel has lost a flow; its next packet puts it again.
    pub(super) fn vanished(&mut self, ufid: Ufid) {
        if self.table.remove(ufid).is_some() {
            self.tally.count(Counter::FlowsVanished);
            tracing::warn!(%ufid, "a flow vanished from the kernel: somebody deleted it");
        }
    }

    fn repair(&mut self, ufid: Ufid, wrong: Wrong) {
        self.tally.count(Counter::AuditDisagreed);
        self.report(ufid, &wrong);
        match wrong {
            Wrong {
                found: Some(found),
                outcome: Some(outcome),
            } if outcome.fits(&found.mask) => self.put_right(ufid, &found, outcome),
            Wrong { outcome, .. } => {
                if let Some(outcome) = outcome {
                    self.scratch.recycle(outcome);
                }
                self.delete_flow(ufid);
            }
        }
        self.flush();
        let wanted = self.table.get(ufid).map(|flow| &flow.actions);
        match self.datapath.flow(ufid) {
            Ok(now) if now.as_ref().map(|now| &now.actions) == wanted => {
                self.tally.count(Counter::AuditRepaired);
            }
            now => tracing::error!(%ufid, ?now, "a flow that is not right could not be repaired"),
        }
    }

    /// Gives a flow the right actions, and the table what the kernel has.
    fn put_right(&mut self, ufid: Ufid, found: &DumpedFlow, outcome: Outcome) {
        let Some(flow) = self.table.get(ufid) else {
            return;
        };
        let (seen, since, number) = (flow.stats, flow.since, flow.in_port());
        let now = self.now();
        let becomes_drop = outcome.drops();
        let new = NewFlow {
            key: &found.key,
            mask: &found.mask,
            verdict: Verdict {
                actions: &outcome.actions,
                tags: &outcome.tags,
                reason: outcome.reason,
                valid_until: outcome.valid_until,
                held: &outcome.held,
            },
            // Of a flow that drops the kernel counts nothing but drops.
            stats: match becomes_drop {
                true => FlowStats::default(),
                false => seen,
            },
            since: match becomes_drop {
                true => now,
                false => since,
            },
        };
        self.table.insert(ufid, new);
        if let Some(conversation) = outcome.conversation {
            self.meet_conversation(conversation, &outcome.tags);
        }
        let slot = number.and_then(|number| self.ports.by_number(number));
        let pid = slot.map_or(0, |slot| slot.source.pid());
        set_pid(self.table.actions_mut(ufid).unwrap_or_default(), pid);
        if becomes_drop {
            self.reborn.insert(ufid, now);
        }
        self.batch.push(Write::SetActions {
            ufid,
            seen,
            drops: None,
            anew: becomes_drop,
        });
        self.scratch.recycle(outcome);
    }

    /// Says what differs, and whose doing it seems to be.
    fn report(&self, ufid: Ufid, wrong: &Wrong) {
        let Some(found) = &wrong.found else {
            tracing::warn!(%ufid, "a flow in the kernel cannot be read any more: somebody changed it");
            return;
        };
        let flow = self.table.get(ufid);
        let as_put =
            flow.is_some_and(|flow| (&flow.mask, &flow.actions) == (&found.mask, &found.actions));
        let whose = match as_put {
            true => "it is as this program put it, which is a defect",
            false => "somebody changed it",
        };
        let (key, has) = (&found.key, Actions(&found.actions));
        let matches = Flow {
            key,
            mask: &found.mask,
        };
        match &wrong.outcome {
            Some(outcome) => tracing::warn!(
                %ufid, flow = %matches, %has,
                wants = %Actions(&outcome.actions),
                depends_on = %Flow { key, mask: &outcome.mask },
                reason = %outcome.reason,
                "a flow in the kernel is not right: {whose}"
            ),
            None => {
                tracing::warn!(%ufid, flow = %matches, %has, "a flow in the kernel cannot be judged: {whose}")
            }
        }
    }
}

fn wrong(found: Option<DumpedFlow>, outcome: Option<Outcome>) -> Finding {
    Finding::Wrong(Box::new(Wrong { found, outcome }))
}

/// Whether a flow, which brings packets up to this socket, may stay as it is. What its packets may have to teach does
/// not matter here.
fn is_right(outcome: &Outcome, found: &DumpedFlow, pid: u32) -> bool {
    if outcome.install != Install::Flow || !found.mask.covers(&outcome.mask) {
        return false;
    }
    let mut wanted = outcome.actions.clone();
    set_pid(&mut wanted, pid);
    wanted == found.actions
}

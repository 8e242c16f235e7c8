//! What becomes of a packet that the kernel brought up.

use std::time::Instant;

use weft_flow::{Action, Field, FlowKey, Ufid};
use weft_flowsim::{Install, Logged, Outcome, PuntClass};
use weft_ovs::{FlowStats, Upcall, UpcallKind};
use weft_topology::ObjectId;
use weft_topology::id::PortId;

use super::batch::Write;
use super::history::{Way, Why, tell};
use super::judge::Act;
use super::park::{Full, ParkedPacket};
use super::ports::set_pid;
use super::run::Worker;
use super::tally::{Counter, Lost};
use crate::flows::table::{NewFlow, Verdict};
use crate::hot::Event;

/// A packet with what has to go back to the kernel with it.
#[derive(Clone, Copy)]
struct Packet<'a> {
    key: &'a FlowKey,
    key_attrs: &'a [u8],
    bytes: &'a [u8],
    back: (Option<u16>, Option<u64>),
}

impl Worker {
    /// One upcall of a port.
    pub(super) fn on_upcall(&mut self, port: PortId, pid: u32, upcall: &Upcall<'_>) {
        let read = Instant::now();
        let packet = Packet {
            key: &upcall.key,
            key_attrs: upcall.key_attrs,
            bytes: upcall.packet,
            back: (upcall.mru, upcall.hash),
        };
        match upcall.kind {
            UpcallKind::Miss => self.tally.count(Counter::Misses),
            UpcallKind::Action => {
                if let Some(logged) = Logged::of_userdata(upcall.userdata) {
                    self.log_rules(port, upcall, logged);
                    return;
                }
                self.tally.count(Counter::Punts);
                // The class that the flow named may be another by now: the packet is judged again.
                if PuntClass::from_userdata(upcall.userdata).is_none() {
                    self.tally.lost(Some(port), Lost::BadUpcall);
                    return;
                }
            }
        }
        let Some(outcome) = self.judge(Act::Simulate, packet.key, packet.bytes) else {
            self.lose(port, packet.key, Lost::SimulationFailed);
            return;
        };
        if !outcome.missing.is_empty() {
            self.park(ParkedPacket::of(port, upcall), &outcome);
            self.scratch.recycle(outcome);
            return;
        }
        self.unwritten.push(read);
        self.settle(port, pid, packet, outcome, upcall.kind);
    }

    /// Judges the packets that waited, now that there is another snapshot.
    pub(super) fn judge_parked(&mut self) {
        for parked in self.parking.leave_all() {
            let port = parked.port;
            let number = parked.key.u32(Field::InPort);
            let slot = number.and_then(|number| self.ports.by_number(number));
            let Some(pid) = slot
                .filter(|slot| slot.port == port)
                .map(|slot| slot.source.pid())
            else {
                self.lose(port, &parked.key, Lost::ParkedTooLong);
                continue;
            };
            let Some(outcome) = self.judge(Act::Simulate, &parked.key, &parked.packet) else {
                self.lose(port, &parked.key, Lost::SimulationFailed);
                continue;
            };
            if !outcome.missing.is_empty() {
                self.park(parked, &outcome);
                self.scratch.recycle(outcome);
                continue;
            }
            let packet = Packet {
                key: &parked.key,
                key_attrs: &parked.key_attrs,
                bytes: &parked.packet,
                back: (parked.mru, parked.hash),
            };
            self.settle(port, pid, packet, outcome, UpcallKind::Miss);
        }
    }

    fn park(&mut self, packet: ParkedPacket, outcome: &Outcome) {
        let port = packet.port;
        match self.parking.park(packet) {
            Ok(()) => self.tally.count(Counter::Parked),
            Err(Full::Budget) => self.tally.lost(Some(port), Lost::ParkingFull),
            Err(Full::Oldest(oldest)) => {
                self.tally.count(Counter::Parked);
                self.lose(oldest.port, &oldest.key, Lost::ParkedTooLong);
            }
        }
        self.ask_for(&outcome.missing);
    }

    /// Tells the control side what is missing, each object once until a snapshot comes.
    pub(super) fn ask_for(&mut self, missing: &[ObjectId]) {
        let fresh: Vec<_> = missing
            .iter()
            .copied()
            .filter(|&object| self.asked.insert(object))
            .collect();
        if !fresh.is_empty() {
            self.shared.tell(Event::Missing(fresh));
        }
    }

    /// Carries out a verdict: effects, then the flow, then the packet, so that the packets behind it
    /// meet the flow.
    fn settle(
        &mut self,
        port: PortId,
        pid: u32,
        packet: Packet<'_>,
        outcome: Outcome,
        came: UpcallKind,
    ) {
        self.carry_out(&outcome, packet.key_attrs);
        // The later pass first: a packet that meets this flow must not come up again for want of that one.
        self.foresee(pid, packet.key, &outcome);
        if outcome.install == Install::Flow {
            self.install(pid, packet.key, &outcome);
        }
        match outcome.punt() {
            Some(class) => {
                // One that a flow brought up was copied for the log by that flow; one that is sent on is copied then.
                if came == UpcallKind::Miss
                    && let Some(copy) = Logged::copy_in(&outcome.actions)
                {
                    self.execute(pid, packet, std::slice::from_ref(copy));
                }
                self.serve(port, pid, packet, class);
            }
            None => self.send(port, pid, packet, &outcome),
        }
        self.scratch.recycle(outcome);
    }

    /// Gives a packet to a local service, if the port has not had its share.
    fn serve(&mut self, port: PortId, pid: u32, packet: Packet<'_>, class: PuntClass) {
        let now = self.now();
        let number = packet.key.u32(Field::InPort);
        let slot = number.and_then(|number| self.ports.by_number_mut(number));
        if slot.is_some_and(|slot| !slot.may_punt(class, now)) {
            self.lose(port, packet.key, Lost::PuntLimit);
            return;
        }
        let Some(outcome) = self.judge(Act::Serve, packet.key, packet.bytes) else {
            self.tally.lost(Some(port), Lost::SimulationFailed);
            return;
        };
        self.carry_out(&outcome, packet.key_attrs);
        self.send(port, pid, packet, &outcome);
        self.scratch.recycle(outcome);
    }

    /// Sends the packet where its verdict wants it, and counts it if that is nowhere.
    fn send(&mut self, port: PortId, pid: u32, packet: Packet<'_>, outcome: &Outcome) {
        if outcome.drops() {
            self.tally.dropped(Some(port), outcome.reason, 1);
        }
        let now = self.now();
        let verdict = (outcome.drops().then_some(outcome.reason), &outcome.held[..]);
        tell(&mut self.history, port, packet.key, verdict, 1, now);
        if !outcome.actions.is_empty() {
            self.execute(pid, packet, &outcome.actions);
        }
    }

    fn execute(&mut self, pid: u32, packet: Packet<'_>, actions: &[Action]) {
        self.batch
            .execute(packet.bytes, packet.key_attrs, actions, packet.back);
        self.batch.set_pid_of_last(pid);
    }

    /// The agent itself loses a packet of a port.
    fn lose(&mut self, port: PortId, key: &FlowKey, lost: Lost) {
        self.tally.lost(Some(port), lost);
        let now = self.now();
        let why = (Why::Lost(lost), None);
        self.history.note((port, Way::From), key, why, 1, now);
    }

    /// Puts the flow of a verdict, unless it is on its way already (its first packets came up together).
    pub(super) fn install(&mut self, pid: u32, key: &FlowKey, outcome: &Outcome) {
        let mask = match self.settings.exact_flows {
            true => exact(key),
            false => outcome.flow_mask(key),
        };
        let ufid = Ufid::of(key, &mask);
        if self.table.get(ufid).is_some() {
            return;
        }
        if let Some(number) = key.u32(Field::InPort)
            && self.table.count_of_port(number) >= self.settings.flows_per_port
            && let Some(oldest) = self.table.oldest_of_port(number)
        {
            self.delete_flow(oldest);
            self.tally.count(Counter::FlowsEvicted);
        }
        let new = NewFlow {
            key,
            mask: &mask,
            verdict: Verdict {
                actions: &outcome.actions,
                tags: &outcome.tags,
                held: &outcome.held,
                reason: outcome.reason,
                valid_until: outcome.valid_until,
            },
            stats: FlowStats::default(),
            since: self.now(),
        };
        self.table.insert(ufid, new);
        if let Some(conversation) = outcome.conversation {
            self.meet_conversation(conversation, &outcome.tags);
        }
        set_pid(self.table.actions_mut(ufid).unwrap_or_default(), pid);
        if self.deleted.remove(&ufid) {
            self.reborn.insert(ufid, self.now());
        }
        self.batch.push(Write::Put(ufid));
    }
}

/// A mask in which every field of the key counts.
fn exact(key: &FlowKey) -> weft_flow::FlowMask {
    let mut mask = weft_flow::FlowMask::new();
    for (field, _) in key.fields() {
        mask.add_field(field);
    }
    mask
}

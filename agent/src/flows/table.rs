//! A worker's share of the kernel's flow table: the flows of the ports that it owns, found by id, by
//! the tags of the facts that they depend on, and by port.
//!
//! Flows stand in slots that are used again with the memory that they have: a new flow in the place of one
//! that went allocates nothing.

use std::collections::HashMap;

use foldhash::quality::RandomState;
use weft_flow::{Action, Field, FlowKey, FlowMask, Ufid};
use weft_flowsim::{Held, PuntClass, Reason, Time};
use weft_ovs::FlowStats;
use weft_topology::Tag;

use super::tags::{Member, Place, TagIndex};

/// A flow that this worker has put into the kernel, or adopted from it.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The key of the packet that made it.
    pub key: FlowKey,
    /// Which bits of it count.
    pub mask: FlowMask,
    /// Its actions, with this worker's netlink port ids.
    pub actions: Vec<Action>,
    /// The facts that it depends on.
    pub tags: Vec<Tag>,
    /// Ports that its packets are for and do not leave by.
    pub held: Vec<Held>,
    /// Why it does what it does.
    pub reason: Reason,
    /// When the verdict ends by itself.
    pub valid_until: Option<Time>,
    /// What it had seen when last looked at.
    pub stats: FlowStats,
    /// When it was put or adopted.
    pub since: Time,
}

/// A flow to be entered.
#[derive(Clone, Copy, Debug)]
pub struct NewFlow<'a> {
    /// The key of the packet that made it.
    pub key: &'a FlowKey,
    /// Which bits of it count.
    pub mask: &'a FlowMask,
    /// What its packets do, and why.
    pub verdict: Verdict<'a>,
    /// What it has seen.
    pub stats: FlowStats,
    /// When it was put or adopted.
    pub since: Time,
}

/// What the packets of a flow do.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    /// The actions, with this worker's netlink port ids.
    pub actions: &'a [Action],
    /// The facts that they depend on.
    pub tags: &'a [Tag],
    /// Ports that the packets are for and do not leave by.
    pub held: &'a [Held],
    /// Why.
    pub reason: Reason,
    /// When the verdict ends by itself.
    pub valid_until: Option<Time>,
}

/// What is left of a flow that was taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The datapath port that its packets came in by.
    pub in_port: Option<u32>,
    /// Why its packets were dropped by the kernel; absent: they were not.
    pub drops: Option<Reason>,
    /// What it had seen when last looked at.
    pub stats: FlowStats,
}

impl Flow {
    /// The datapath port that its packets come in by.
    pub fn in_port(&self) -> Option<u32> {
        self.key.u32(Field::InPort)
    }

    /// Whether its packets are dropped by the kernel; those that come up are dropped, and counted, by the agent.
    pub fn drops(&self) -> bool {
        self.reason.is_drop() && PuntClass::of_actions(&self.actions).is_none()
    }

    fn empty() -> Self {
        Self {
            key: FlowKey::new(),
            mask: FlowMask::new(),
            actions: Vec::new(),
            tags: Vec::new(),
            held: Vec::new(),
            reason: Reason::NoSuchPort(0),
            valid_until: None,
            stats: FlowStats::default(),
            since: Time(0),
        }
    }

    fn decide(&mut self, verdict: Verdict<'_>) {
        self.actions.clear();
        self.actions.extend_from_slice(verdict.actions);
        self.tags.clear();
        self.tags.extend_from_slice(verdict.tags);
        self.held.clear();
        self.held.extend_from_slice(verdict.held);
        self.reason = verdict.reason;
        self.valid_until = verdict.valid_until;
    }
}

/// The flows of one worker.
#[derive(Debug, Default)]
pub struct FlowTable {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_id: HashMap<Ufid, u32, RandomState>,
    by_tag: TagIndex,
    by_port: HashMap<u32, Line, RandomState>,
}

/// A flow, or the memory of one that went.
#[derive(Debug)]
struct Slot {
    ufid: Ufid,
    flow: Flow,
    /// Where it stands under each of its tags, in their order.
    places: Vec<Place>,
    /// The port that it came in by when it was entered.
    port: Option<u32>,
    earlier: Option<u32>,
    later: Option<u32>,
    /// The last dump of the kernel's flows that named it.
    dump: u32,
}

/// The flows of one port, in the order in which they were entered.
#[derive(Clone, Copy, Debug)]
struct Line {
    count: usize,
    oldest: u32,
    newest: u32,
}

impl FlowTable {
    /// A flow by its id.
    pub fn get(&self, ufid: Ufid) -> Option<&Flow> {
        let slot = *self.by_id.get(&ufid)?;
        Some(&self.slots.get(slot as usize)?.flow)
    }

    /// A flow's statistics.
    pub fn stats_mut(&mut self, ufid: Ufid) -> Option<&mut FlowStats> {
        Some(&mut self.flow_mut(ufid)?.stats)
    }

    /// A flow is put into the kernel anew: it has seen nothing yet.
    pub fn begin_anew(&mut self, ufid: Ufid, now: Time) {
        if let Some(flow) = self.flow_mut(ufid) {
            flow.stats = FlowStats::default();
            flow.since = now;
        }
    }

    /// A flow's actions, for the netlink port ids in them.
    pub fn actions_mut(&mut self, ufid: Ufid) -> Option<&mut [Action]> {
        Some(&mut self.flow_mut(ufid)?.actions)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Ufid, &Flow)> {
        let flow = |slot: u32| self.slots.get(slot as usize).map(|slot| &slot.flow);
        self.by_id
            .iter()
            .filter_map(move |(&ufid, &slot)| Some((ufid, flow(slot)?)))
    }

    /// Notes that a dump, whose number is not 0, named a flow; whether it is here.
    pub fn mark(&mut self, ufid: Ufid, dump: u32) -> bool {
        let slot = self.by_id.get(&ufid);
        let slot = slot.and_then(|&at| self.slots.get_mut(at as usize));
        slot.is_some_and(|slot| {
            slot.dump = dump;
            true
        })
    }

    /// The flows that a dump has not named.
    pub fn unmarked(&self, dump: u32) -> impl Iterator<Item = (Ufid, &Flow)> {
        let slots = self.by_id.values();
        let slots = slots.filter_map(|&at| self.slots.get(at as usize));
        slots
            .filter(move |slot| slot.dump != dump)
            .map(|slot| (slot.ufid, &slot.flow))
    }

    /// How many come in by a port.
    pub fn count_of_port(&self, number: u32) -> usize {
        self.by_port.get(&number).map_or(0, |line| line.count)
    }

    /// The flows that come in by a port, the oldest first.
    pub fn of_port(&self, number: u32) -> Vec<Ufid> {
        let first = self.by_port.get(&number).map(|line| line.oldest);
        let slot = |at: u32| self.slots.get(at as usize);
        std::iter::successors(first.and_then(slot), |of| of.later.and_then(slot))
            .map(|slot| slot.ufid)
            .collect()
    }

    /// The oldest flow of a port.
    pub fn oldest_of_port(&self, number: u32) -> Option<Ufid> {
        let oldest = self.by_port.get(&number)?.oldest;
        Some(self.slots.get(oldest as usize)?.ufid)
    }

    /// The flows that depend on one of these facts, each once, in the order of ids.
    pub fn under<'a>(&self, tags: impl IntoIterator<Item = &'a Tag>) -> Vec<Ufid> {
        let slots = tags.into_iter().flat_map(|tag| self.by_tag.under(tag));
        let mut found: Vec<Ufid> = slots
            .filter_map(|slot| Some(self.slots.get(slot as usize)?.ufid))
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Enters a flow, in the place of the one with this id if there is one.
    pub fn insert(&mut self, ufid: Ufid, new: NewFlow<'_>) {
        let at = match self.by_id.get(&ufid) {
            Some(&at) => {
                self.untag(at);
                at
            }
            None => self.take_slot(ufid, new.key.u32(Field::InPort)),
        };
        if let Some(slot) = self.slots.get_mut(at as usize) {
            let flow = &mut slot.flow;
            flow.key.clone_from(new.key);
            flow.mask.clone_from(new.mask);
            flow.stats = new.stats;
            flow.since = new.since;
            flow.decide(new.verdict);
        }
        self.tag(at);
    }

    /// Gives a flow another verdict; the rest of it stays.
    pub fn decide(&mut self, ufid: Ufid, verdict: Verdict<'_>) {
        let Some(&at) = self.by_id.get(&ufid) else {
            return;
        };
        self.untag(at);
        if let Some(slot) = self.slots.get_mut(at as usize) {
            slot.flow.decide(verdict);
        }
        self.tag(at);
    }

    /// Takes a flow out.
    pub fn remove(&mut self, ufid: Ufid) -> Option<Gone> {
        let at = self.by_id.remove(&ufid)?;
        self.untag(at);
        self.leave_line(at);
        self.free.push(at);
        let flow = &self.slots.get(at as usize)?.flow;
        Some(Gone {
            in_port: flow.in_port(),
            drops: flow.drops().then_some(flow.reason),
            stats: flow.stats,
        })
    }

    fn flow_mut(&mut self, ufid: Ufid) -> Option<&mut Flow> {
        let slot = *self.by_id.get(&ufid)?;
        Some(&mut self.slots.get_mut(slot as usize)?.flow)
    }

    /// A slot for a flow that is new, at the end of its port's line.
    fn take_slot(&mut self, ufid: Ufid, port: Option<u32>) -> u32 {
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                ufid,
                flow: Flow::empty(),
                places: Vec::new(),
                port: None,
                earlier: None,
                later: None,
                dump: 0,
            });
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        self.by_id.insert(ufid, at);
        let newest = port.and_then(|number| self.enter_line(number, at));
        if let Some(slot) = self.slots.get_mut(at as usize) {
            slot.ufid = ufid;
            slot.port = port;
            slot.earlier = newest;
            slot.later = None;
            slot.dump = 0;
        }
        at
    }

    /// Who was the newest until now.
    fn enter_line(&mut self, port: u32, at: u32) -> Option<u32> {
        let Some(line) = self.by_port.get_mut(&port) else {
            let line = Line {
                count: 1,
                oldest: at,
                newest: at,
            };
            self.by_port.insert(port, line);
            return None;
        };
        line.count += 1;
        let before = std::mem::replace(&mut line.newest, at);
        if let Some(slot) = self.slots.get_mut(before as usize) {
            slot.later = Some(at);
        }
        Some(before)
    }

    fn leave_line(&mut self, at: u32) {
        let Some(slot) = self.slots.get(at as usize) else {
            return;
        };
        let (port, earlier, later) = (slot.port, slot.earlier, slot.later);
        if let Some(slot) = earlier.and_then(|at| self.slots.get_mut(at as usize)) {
            slot.later = later;
        }
        if let Some(slot) = later.and_then(|at| self.slots.get_mut(at as usize)) {
            slot.earlier = earlier;
        }
        let Some((port, line)) = port.and_then(|port| Some((port, self.by_port.get_mut(&port)?)))
        else {
            return;
        };
        line.count -= 1;
        match (earlier, later) {
            (None, None) => drop(self.by_port.remove(&port)),
            (None, Some(later)) => line.oldest = later,
            (Some(earlier), None) => line.newest = earlier,
            (Some(_), Some(_)) => {}
        }
    }

    fn tag(&mut self, at: u32) {
        let Some(slot) = self.slots.get_mut(at as usize) else {
            return;
        };
        for (nth, tag) in (0..).zip(&slot.flow.tags) {
            slot.places
                .push(self.by_tag.insert(*tag, Member { slot: at, nth }));
        }
    }

    fn untag(&mut self, at: u32) {
        while let Some(place) = self
            .slots
            .get_mut(at as usize)
            .and_then(|slot| slot.places.pop())
        {
            let Some((moved, to)) = self.by_tag.remove(place) else {
                continue;
            };
            let slot = self.slots.get_mut(moved.slot as usize);
            if let Some(place) = slot.and_then(|slot| slot.places.get_mut(moved.nth as usize)) {
                *place = to;
            }
        }
    }
}

#[cfg(test)]
mod tests;

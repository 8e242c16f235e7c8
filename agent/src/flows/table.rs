//! A worker's share of the kernel's flow table: the flows of the ports that it owns, found by id, by
//! the tags of the facts that they depend on, and by port.

use std::collections::{HashMap, HashSet, VecDeque};

use weft_flow::{Action, Field, FlowKey, FlowMask, Ufid};
use weft_flowsim::{Reason, Time};
use weft_ovs::FlowStats;
use weft_topology::Tag;

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
    /// Why it does what it does.
    pub reason: Reason,
    /// When the verdict ends by itself.
    pub valid_until: Option<Time>,
    /// What it had seen when last looked at.
    pub stats: FlowStats,
    /// When it was put or adopted.
    pub since: Time,
}

impl Flow {
    /// The datapath port that its packets come in by.
    pub fn in_port(&self) -> Option<u32> {
        self.key.u32(Field::InPort)
    }
}

/// The flows of one worker.
#[derive(Debug, Default)]
pub struct FlowTable {
    flows: HashMap<Ufid, Flow>,
    by_tag: HashMap<Tag, HashSet<Ufid>>,
    by_port: HashMap<u32, PortFlows>,
}

/// The flows of one port, the oldest first.
#[derive(Debug, Default)]
struct PortFlows {
    live: HashSet<Ufid>,
    /// May name flows that are gone, and one that was put again twice; skipped when met.
    order: VecDeque<Ufid>,
}

impl FlowTable {
    /// A flow by its id.
    pub fn get(&self, ufid: Ufid) -> Option<&Flow> {
        self.flows.get(&ufid)
    }

    /// A flow by its id, for its statistics; tags and key are changed by [`FlowTable::insert`].
    pub fn stats_mut(&mut self, ufid: Ufid) -> Option<&mut FlowStats> {
        self.flows.get_mut(&ufid).map(|flow| &mut flow.stats)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.flows.is_empty()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Ufid, &Flow)> {
        self.flows.iter().map(|(&ufid, flow)| (ufid, flow))
    }

    /// How many come in by a port.
    pub fn count_of_port(&self, number: u32) -> usize {
        self.by_port
            .get(&number)
            .map_or(0, |flows| flows.live.len())
    }

    /// The flows that come in by a port.
    pub fn of_port(&self, number: u32) -> Vec<Ufid> {
        self.by_port
            .get(&number)
            .map_or_else(Vec::new, |flows| flows.live.iter().copied().collect())
    }

    /// The oldest flow of a port.
    pub fn oldest_of_port(&mut self, number: u32) -> Option<Ufid> {
        let flows = self.by_port.get_mut(&number)?;
        while let Some(&ufid) = flows.order.front() {
            if flows.live.contains(&ufid) {
                return Some(ufid);
            }
            flows.order.pop_front();
        }
        None
    }

    /// The flows that depend on one of these facts, each once, in the order of ids.
    pub fn under<'a>(&self, tags: impl IntoIterator<Item = &'a Tag>) -> Vec<Ufid> {
        let mut found: Vec<Ufid> = tags
            .into_iter()
            .filter_map(|tag| self.by_tag.get(tag))
            .flatten()
            .copied()
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Enters a flow, in the place of the one with this id if there is one.
    pub fn insert(&mut self, ufid: Ufid, flow: Flow) {
        if let Some(before) = self.flows.get(&ufid) {
            untag(&mut self.by_tag, ufid, &before.tags);
        } else if let Some(number) = flow.in_port() {
            let flows = self.by_port.entry(number).or_default();
            flows.live.insert(ufid);
            flows.order.push_back(ufid);
        }
        for tag in &flow.tags {
            self.by_tag.entry(*tag).or_default().insert(ufid);
        }
        self.flows.insert(ufid, flow);
    }

    /// Takes a flow out.
    pub fn remove(&mut self, ufid: Ufid) -> Option<Flow> {
        let flow = self.flows.remove(&ufid)?;
        untag(&mut self.by_tag, ufid, &flow.tags);
        if let Some(number) = flow.in_port()
            && let Some(flows) = self.by_port.get_mut(&number)
        {
            flows.live.remove(&ufid);
            if flows.live.is_empty() {
                self.by_port.remove(&number);
            } else if flows.order.len() > 2 * flows.live.len() + 64 {
                let live = &flows.live;
                flows.order.retain(|ufid| live.contains(ufid));
            }
        }
        Some(flow)
    }
}

fn untag(by_tag: &mut HashMap<Tag, HashSet<Ufid>>, ufid: Ufid, tags: &[Tag]) {
    for tag in tags {
        if let Some(flows) = by_tag.get_mut(tag) {
            flows.remove(&ufid);
            if flows.is_empty() {
                by_tag.remove(tag);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;
    use weft_topology::id::{BridgeId, PortId};

    fn flow(in_port: u128, tags: &[Tag]) -> Flow {
        let mut key = FlowKey::new();
        key.set(Field::InPort, in_port);
        Flow {
            key,
            mask: FlowMask::new(),
            actions: Vec::new(),
            tags: tags.to_vec(),
            reason: Reason::NoSuchPort(0),
            valid_until: None,
            stats: FlowStats::default(),
            since: Time(0),
        }
    }

    fn id(n: u8) -> Ufid {
        Ufid([n; 16])
    }

    fn flood(bridge: u128) -> Tag {
        Tag::Flood(BridgeId(Uuid::from_u128(bridge)))
    }

    #[test]
    fn a_tag_finds_the_flows_that_depend_on_it_now_and_each_once() {
        let mut table = FlowTable::default();
        let local = Tag::Local(PortId(Uuid::nil()));
        table.insert(id(1), flow(1, &[flood(1), local]));
        table.insert(id(2), flow(1, &[local]));
        assert_eq!(table.under(&[flood(1), local]), [id(1), id(2)]);
        table.insert(id(1), flow(1, &[flood(2)]));
        assert_eq!(table.under(&[flood(1), local]), [id(2)]);
        table.remove(id(2));
        assert!(table.under(&[local]).is_empty());
        assert_eq!(table.by_tag.len(), 1);
    }

    #[test]
    fn the_oldest_flow_of_a_port_is_found_past_those_that_are_gone() {
        let mut table = FlowTable::default();
        for n in 1..=3 {
            table.insert(id(n), flow(7, &[]));
        }
        table.insert(id(9), flow(8, &[]));
        table.remove(id(1));
        assert_eq!(table.oldest_of_port(7), Some(id(2)));
        assert_eq!(table.count_of_port(7), 2);
        table.remove(id(2));
        table.remove(id(3));
        assert_eq!(table.oldest_of_port(7), None);
        assert!(!table.by_port.contains_key(&7));
    }
}

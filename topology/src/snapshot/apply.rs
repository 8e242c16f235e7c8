//! From changes to a new version and the tags of the facts that changed.
//!
//! | changed | tags beside `Object` of it |
//! |---|---|
//! | a port that is carried here: appeared, vanished, moved, administrative state | `Flood` of its bridge, `Local` |
//! | a local port | `Local`, `Flood` of its bridge |
//! | MAC entry | `Mac` |
//! | ARP entry | `Neighbour` |
//! | DHCP host | `Dhcp`; if address or MAC changed, `Neighbour` |
//! | DHCP subnet | `Dhcp` of each of its hosts |
//! | the address of a subnet's DHCP server | `Object` of the subnet, `Neighbour` of both addresses |
//! | route | `Object` of its router |
//! | member of an address group | `Member`; if it is the first or the last of its group with a prefix of that length, `Object` of the group |
//! | rule | `Object` of its chain |
//! | what a chain needs to know of a packet, by a change of one that it jumps to | `Object` of the chain |
//!
//! Each is given for the old and for the new value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::LocalPort;
use super::programs::Stale;
use super::tables::{Tables, length_of};
use crate::dhcp::DhcpSubnet;
use crate::id::{DhcpSubnetId, ObjectId, PortId};
use crate::object::{Change, Object};
use crate::port::Port;
use crate::tag::Tag;

/// Applies changes; of several to one object the last counts.
pub(super) fn changes(tables: &mut Arc<Tables>, changes: &[Change]) -> BTreeSet<Tag> {
    let last: BTreeMap<ObjectId, Option<Object>> = changes
        .iter()
        .map(|change| match change {
            Change::Put(object) => (object.id(), Some(object.clone())),
            Change::Gone(id) => (*id, None),
        })
        .collect();
    write(
        tables,
        last.into_iter().map(|(id, object)| (id, Some(object))),
    )
}

/// Drops objects as if they had never been loaded.
pub(super) fn forget(tables: &mut Arc<Tables>, ids: &[ObjectId]) -> BTreeSet<Tag> {
    write(tables, ids.iter().map(|id| (*id, None)))
}

/// Replaces the local ports.
pub(super) fn local_ports(tables: &mut Arc<Tables>, ports: &[LocalPort]) -> BTreeSet<Tag> {
    let mut wanted: BTreeMap<PortId, Arc<LocalPort>> = BTreeMap::new();
    let mut owner: BTreeMap<u32, PortId> = BTreeMap::new();
    for local in ports {
        if let Some(other) = owner.insert(local.number, local.port)
            && other != local.port
        {
            wanted.remove(&other);
        }
        if let Some(old) = wanted.insert(local.port, Arc::new(local.clone()))
            && old.number != local.number
        {
            owner.remove(&old.number);
        }
    }

    let gone = tables
        .local
        .keys()
        .filter(|id| !wanted.contains_key(id))
        .map(|id| (*id, None));
    let changed: Vec<(PortId, Option<Arc<LocalPort>>)> = gone
        .chain(
            wanted
                .iter()
                .filter(|(id, local)| tables.local.get(*id) != Some(*local))
                .map(|(id, local)| (*id, Some(local.clone()))),
        )
        .collect();
    let mut tags = BTreeSet::new();
    if changed.is_empty() {
        return tags;
    }
    let tables = Arc::make_mut(tables);
    for (id, _) in &changed {
        tags.insert(Tag::Local(*id));
        let bridge = tables.port(*id).and_then(|port| port.bridge());
        tags.extend(bridge.map(Tag::Flood));
    }
    tables.set_local(&changed);
    tags
}

/// Writes each object's new state, then finds the DHCP servers' addresses again that may have moved.
fn write(
    shared: &mut Arc<Tables>,
    states: impl Iterator<Item = (ObjectId, Option<Option<Object>>)>,
) -> BTreeSet<Tag> {
    let mut tags = BTreeSet::new();
    let (mut touched, mut stale) = (Touched::default(), Stale::default());
    for (id, new) in states {
        let old = shared.objects.get(&id);
        if old == new.as_ref() {
            continue;
        }
        let old = old.cloned().flatten();
        tags.insert(Tag::Object(id));
        let tables = Arc::make_mut(shared);
        let now = new.as_ref().and_then(Option::as_ref);
        touched.note(tables, &old, now, &mut tags);
        stale.note(tables, id, old.as_ref(), now);
        tables.set(id, new);
    }
    if !tags.is_empty() {
        let tables = Arc::make_mut(shared);
        touched.settle(tables, &mut tags);
        stale.settle(tables, &mut tags);
    }
    tags
}

/// The DHCP subnets whose server's address must be found again.
#[derive(Default)]
struct Touched {
    /// Those that changed, as they were before.
    changed: BTreeMap<DhcpSubnetId, Option<Arc<DhcpSubnet>>>,
    /// Those that did not.
    others: BTreeSet<DhcpSubnetId>,
}

impl Touched {
    /// Adds the tags of one object's change, beside its own. `tables` are those before it.
    fn note(
        &mut self,
        tables: &Tables,
        old: &Option<Object>,
        new: Option<&Object>,
        tags: &mut BTreeSet<Tag>,
    ) {
        let (old, new) = (old.as_ref(), new);
        match (old, new) {
            (Some(Object::Port(_)), _) | (_, Some(Object::Port(_))) => {
                port_tags(tables, old.and_then(as_port), new.and_then(as_port), tags);
                return;
            }
            (Some(Object::DhcpHost(a)), Some(Object::DhcpHost(b)))
                if (a.bridge, a.addr, a.mac) == (b.bridge, b.addr, b.mac) =>
            {
                tags.insert(Tag::Dhcp(a.bridge, a.mac));
                return;
            }
            _ => {}
        }
        for object in [old, new].into_iter().flatten() {
            match object {
                Object::MacEntry(entry) => {
                    tags.insert(Tag::Mac(entry.bridge, entry.vlan, entry.mac));
                }
                Object::ArpEntry(entry) => {
                    tags.insert(Tag::Neighbour(entry.bridge, entry.ip));
                    tables.servers_touched_by(entry.bridge, entry.ip, &mut self.others);
                }
                Object::DhcpHost(host) => {
                    tags.insert(Tag::Dhcp(host.bridge, host.mac));
                    tags.insert(Tag::Neighbour(host.bridge, host.addr.into()));
                    tables.servers_touched_by(host.bridge, host.addr.into(), &mut self.others);
                }
                Object::DhcpSubnet(subnet) => {
                    let before = tables.subnet(subnet.id).cloned();
                    self.changed.insert(subnet.id, before);
                    for host in tables.hosts_by_subnet.under(&subnet.id) {
                        tags.insert(Tag::Dhcp(host.bridge, host.mac));
                    }
                }
                Object::Route(route) => {
                    tags.insert(Tag::Object(route.router.into()));
                }
                Object::AddressGroupMember(member) => {
                    tags.insert(Tag::Member(member.group, member.prefix.trunc()));
                    // The first of its length, or the last.
                    let others = tables.lengths.get(&length_of(member));
                    if others.is_none_or(|count| *count == 1) {
                        tags.insert(Tag::Object(member.group.into()));
                    }
                }
                Object::Rule(rule) => {
                    tags.insert(Tag::Object(rule.chain.into()));
                }
                _ => {}
            }
        }
    }

    fn settle(self, tables: &mut Tables, tags: &mut BTreeSet<Tag>) {
        for (id, old) in &self.changed {
            tables.settle_server(*id, old.as_ref(), tags);
        }
        for id in self.others {
            if !self.changed.contains_key(&id) {
                let same = tables.subnet(id).cloned();
                tables.settle_server(id, same.as_ref(), tags);
            }
        }
    }
}

fn as_port(object: &Object) -> Option<&Arc<Port>> {
    match object {
        Object::Port(port) => Some(port),
        _ => None,
    }
}

fn port_tags(
    tables: &Tables,
    old: Option<&Arc<Port>>,
    new: Option<&Arc<Port>>,
    tags: &mut BTreeSet<Tag>,
) {
    let place = |port: Option<&Arc<Port>>| port.map(|p| (p.bridge(), p.router(), p.admin_state_up));
    if place(old) == place(new) {
        return;
    }
    for port in [old, new].into_iter().flatten() {
        if tables.local.contains_key(&port.id) {
            tags.insert(Tag::Local(port.id));
            tags.extend(port.bridge().map(Tag::Flood));
        }
    }
}

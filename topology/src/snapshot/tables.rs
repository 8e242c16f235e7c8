//! What a snapshot holds: the objects, the local ports, and indices over both. Every index is a
//! function of objects and local ports, kept in step by [`Tables::set`] and [`Tables::set_local`].

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use imbl::OrdMap;
use ipnet::{IpNet, Ipv4Net};
use pnet_base::MacAddr;
use uuid::Uuid;

use super::LocalPort;
use super::index::Index;
use super::programs::{Leads, Program};
use crate::bridge::{ArpEntry, MacEntry};
use crate::chain::AddressGroupMember;
use crate::dhcp::{DhcpHost, DhcpSubnet};
use crate::id::{
    AddressGroupId, BridgeId, ChainId, DhcpSubnetId, ObjectId, PortId, RouterId, RuleId,
};
use crate::object::Object;
use crate::port::{Port, PortDevice};
use crate::router::Route;

/// The content of a snapshot.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tables {
    /// Objects that are followed; `None`: known not to exist.
    pub(super) objects: OrdMap<ObjectId, Option<Object>>,
    /// Ports by their device.
    pub(super) ports: Index<ObjectId, Port>,
    pub(super) mac_entries: Index<(BridgeId, u16, MacAddr), MacEntry>,
    pub(super) arp_entries: Index<(BridgeId, IpAddr), ArpEntry>,
    pub(super) subnets: Index<(BridgeId, Ipv4Net), DhcpSubnet>,
    pub(super) hosts_by_mac: Index<(BridgeId, MacAddr), DhcpHost>,
    pub(super) hosts_by_addr: Index<(BridgeId, Ipv4Addr), DhcpHost>,
    pub(super) hosts_by_subnet: Index<DhcpSubnetId, DhcpHost>,
    pub(super) routes: Index<(RouterId, IpNet), Route>,
    pub(super) members: Index<(AddressGroupId, IpNet), AddressGroupMember>,
    /// How many members of a group have a prefix of a length, by family (true: IPv6); never 0.
    pub(super) lengths: OrdMap<(AddressGroupId, bool, u8), usize>,
    pub(super) programs: OrdMap<ChainId, Arc<Program>>,
    /// The chains that jump to a chain.
    pub(super) callers: Leads<ChainId>,
    /// The chains that name a rule which is not there, or not loaded, or another chain's.
    pub(super) waiting: Leads<RuleId>,

    /// The address that each subnet's DHCP server speaks from.
    pub(super) servers: OrdMap<DhcpSubnetId, Ipv4Addr>,
    /// Subnets by the address of their server.
    pub(super) subnets_by_server: Index<(BridgeId, Ipv4Addr), DhcpSubnet>,
    /// Subnets whose server has to take an address that is free.
    pub(super) subnets_without_server: Index<(BridgeId, Ipv4Net), DhcpSubnet>,

    pub(super) local: OrdMap<PortId, Arc<LocalPort>>,
    pub(super) local_by_number: OrdMap<u32, Arc<LocalPort>>,
    /// Local ports by their bridge, in the order of ids; never empty. A change copies the list, as
    /// a flow that floods to it is written anew, too.
    pub(super) local_by_bridge: OrdMap<BridgeId, Arc<[Arc<LocalPort>]>>,
}

/// What becomes of the ports of a bridge that are carried here.
type CarriedChanges = BTreeMap<PortId, Option<Arc<LocalPort>>>;

/// The device that a port belongs to, as an object.
pub(super) fn device_of(port: &Port) -> ObjectId {
    match port.device {
        PortDevice::Bridge { bridge } => bridge.into(),
        PortDevice::Router { router, .. } => router.into(),
    }
}

/// The family and length of a member's prefix, with its group.
pub(super) fn length_of(member: &AddressGroupMember) -> (AddressGroupId, bool, u8) {
    let prefix = member.prefix;
    (member.group, prefix.addr().is_ipv6(), prefix.prefix_len())
}

impl Tables {
    /// The object, if it is followed and exists.
    pub(super) fn here(&self, id: ObjectId) -> Option<&Object> {
        self.objects.get(&id)?.as_ref()
    }

    /// The port, if it is followed and exists.
    pub(super) fn port(&self, id: PortId) -> Option<&Arc<Port>> {
        match self.here(id.into())? {
            Object::Port(port) => Some(port),
            _ => None,
        }
    }

    /// The subnet, if it is followed and exists.
    pub(super) fn subnet(&self, id: DhcpSubnetId) -> Option<&Arc<DhcpSubnet>> {
        match self.here(id.into())? {
            Object::DhcpSubnet(subnet) => Some(subnet),
            _ => None,
        }
    }

    /// Writes an object (`Some(Some)`), notes that it does not exist (`Some(None)`), or drops it.
    /// Servers' addresses are not touched: see [`Tables::settle_server`].
    pub(super) fn set(&mut self, id: ObjectId, object: Option<Option<Object>>) {
        let old = match object.clone() {
            Some(object) => self.objects.insert(id, object),
            None => self.objects.remove(&id),
        };
        if let Some(old) = old.flatten() {
            self.unindex(&old);
        }
        if let Some(new) = object.flatten() {
            self.index(&new);
        }
    }

    /// Writes or removes local ports, each named once.
    pub(super) fn set_local(&mut self, changes: &[(PortId, Option<Arc<LocalPort>>)]) {
        let mut by_bridge: BTreeMap<BridgeId, CarriedChanges> = BTreeMap::new();
        for (id, local) in changes {
            let old = match local.clone() {
                Some(local) => self.local.insert(*id, local),
                None => self.local.remove(id),
            };
            // The number may be another port's by now.
            if let Some(old) = old
                && self.local_by_number.get(&old.number) == Some(&old)
            {
                self.local_by_number.remove(&old.number);
            }
            if let Some(new) = local.clone() {
                self.local_by_number.insert(new.number, new);
            }
            if let Some(bridge) = self.port(*id).and_then(|port| port.bridge()) {
                by_bridge
                    .entry(bridge)
                    .or_default()
                    .insert(*id, local.clone());
            }
        }
        for (bridge, changes) in by_bridge {
            self.set_carried(bridge, changes);
        }
    }

    fn set_carried(&mut self, bridge: BridgeId, changes: CarriedChanges) {
        let old = self.local_by_bridge.get(&bridge);
        let kept = old.into_iter().flat_map(|list| list.iter());
        let kept = kept
            .filter(|local| !changes.contains_key(&local.port))
            .cloned();
        let mut list: Vec<_> = kept.collect();
        list.extend(changes.into_values().flatten());
        list.sort_by_key(|local| local.port);
        if list.is_empty() {
            self.local_by_bridge.remove(&bridge);
        } else {
            self.local_by_bridge.insert(bridge, list.into());
        }
    }

    fn index(&mut self, object: &Object) {
        let id = object.id().id;
        match object {
            Object::Port(port) => {
                self.ports.insert(device_of(port), id, port);
                let local = self.local.get(&port.id).cloned();
                if let (Some(bridge), Some(local)) = (port.bridge(), local) {
                    self.set_carried(bridge, [(port.id, Some(local))].into());
                }
            }
            Object::MacEntry(entry) => {
                self.mac_entries
                    .insert((entry.bridge, entry.vlan, entry.mac), id, entry);
            }
            Object::ArpEntry(entry) => {
                self.arp_entries.insert((entry.bridge, entry.ip), id, entry);
            }
            Object::DhcpSubnet(subnet) => {
                self.subnets
                    .insert((subnet.bridge, subnet.prefix), id, subnet);
            }
            Object::DhcpHost(host) => {
                self.hosts_by_mac.insert((host.bridge, host.mac), id, host);
                self.hosts_by_addr
                    .insert((host.bridge, host.addr), id, host);
                self.hosts_by_subnet.insert(host.subnet, id, host);
            }
            Object::Route(route) => {
                self.routes
                    .insert((route.router, route.destination.trunc()), id, route);
            }
            Object::AddressGroupMember(member) => {
                self.members
                    .insert((member.group, member.prefix.trunc()), id, member);
                *self.lengths.entry(length_of(member)).or_default() += 1;
            }
            _ => {}
        }
    }

    fn unindex(&mut self, object: &Object) {
        let id: Uuid = object.id().id;
        match object {
            Object::Port(port) => {
                self.ports.remove(device_of(port), id);
                if let (Some(bridge), true) = (port.bridge(), self.local.contains_key(&port.id)) {
                    self.set_carried(bridge, [(port.id, None)].into());
                }
            }
            Object::MacEntry(entry) => {
                self.mac_entries
                    .remove((entry.bridge, entry.vlan, entry.mac), id);
            }
            Object::ArpEntry(entry) => self.arp_entries.remove((entry.bridge, entry.ip), id),
            Object::DhcpSubnet(subnet) => {
                self.subnets.remove((subnet.bridge, subnet.prefix), id);
            }
            Object::DhcpHost(host) => {
                self.hosts_by_mac.remove((host.bridge, host.mac), id);
                self.hosts_by_addr.remove((host.bridge, host.addr), id);
                self.hosts_by_subnet.remove(host.subnet, id);
            }
            Object::Route(route) => {
                self.routes
                    .remove((route.router, route.destination.trunc()), id);
            }
            Object::AddressGroupMember(member) => {
                self.members
                    .remove((member.group, member.prefix.trunc()), id);
                let key = length_of(member);
                match self.lengths.get_mut(&key) {
                    Some(count) if *count > 1 => *count -= 1,
                    _ => drop(self.lengths.remove(&key)),
                }
            }
            _ => {}
        }
    }
}

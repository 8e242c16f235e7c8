//! The topology: every object that there is, valid as a whole, with the questions that a service asks.
//!
//! It is changed by transactions, see [`Topology::apply`]. Like a snapshot it is immutable and cheap to
//! clone: a transaction that is refused has changed nothing.

mod consistency;
mod newly_named;
mod transaction;

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use uuid::Uuid;

pub use transaction::Applied;

use crate::bridge::Bridge;
use crate::chain::{AddressGroup, Chain, PortGroup, Rule};
use crate::dhcp::{Dhcp6Subnet, DhcpHost, DhcpSubnet};
use crate::host::{Host, TunnelZone};
use crate::id::{
    AddressGroupId, BridgeId, ChainId, Dhcp6SubnetId, DhcpHostId, DhcpSubnetId, HostId, Kind,
    ObjectId, PortGroupId, PortId, RouteId, RouterId, RuleId, TunnelZoneId,
};
use crate::object::Object;
use crate::port::{Binding, Port};
use crate::router::{Route, Router};

/// All objects. Every one satisfies what validation asks of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    objects: OrdMap<ObjectId, Object>,
    /// Which objects name which: (named, naming).
    referrers: OrdSet<(ObjectId, ObjectId)>,
    tunnel_keys: OrdSet<(u32, PortId)>,
    bindings: OrdSet<(Binding, PortId)>,
}

macro_rules! by_id {
    ($($(#[$doc:meta])* $name:ident($id:ident) -> $kind:ident;)*) => {
        $(
            $(#[$doc])*
            pub fn $name(&self, id: $id) -> Option<&Arc<$kind>> {
                match self.object(id.into())? {
                    Object::$kind(object) => Some(object),
                    _ => None,
                }
            }
        )*
    };
}

impl Topology {
    /// Any object.
    pub fn object(&self, id: ObjectId) -> Option<&Object> {
        self.objects.get(&id)
    }

    by_id! {
        /// A bridge.
        bridge(BridgeId) -> Bridge;
        /// A router.
        router(RouterId) -> Router;
        /// A port.
        port(PortId) -> Port;
        /// A route.
        route(RouteId) -> Route;
        /// A chain.
        chain(ChainId) -> Chain;
        /// A rule.
        rule(RuleId) -> Rule;
        /// A port group.
        port_group(PortGroupId) -> PortGroup;
        /// An address group.
        address_group(AddressGroupId) -> AddressGroup;
        /// A DHCP subnet.
        dhcp_subnet(DhcpSubnetId) -> DhcpSubnet;
        /// A DHCP host.
        dhcp_host(DhcpHostId) -> DhcpHost;
        /// A DHCPv6 subnet.
        dhcp6_subnet(Dhcp6SubnetId) -> Dhcp6Subnet;
        /// A hypervisor.
        host(HostId) -> Host;
        /// A tunnel zone.
        tunnel_zone(TunnelZoneId) -> TunnelZone;
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there is no object.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// All objects, by kind and id.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.values()
    }

    /// All objects of a kind, by id.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Object> {
        let id = |id| ObjectId { kind, id };
        self.objects
            .range(id(Uuid::nil())..=id(Uuid::max()))
            .map(|(_, object)| object)
    }

    /// The objects that name another, by kind and id: its users, its children among them.
    pub fn referrers(&self, id: ObjectId) -> impl Iterator<Item = &Object> {
        let (least, greatest) = (Kind::ALL[0], Kind::ALL[Kind::ALL.len() - 1]);
        self.naming(id, least, greatest)
    }

    /// The objects of one kind that name another, by id: a bridge's ports, a subnet's hosts, …
    pub fn referrers_of_kind(&self, id: ObjectId, kind: Kind) -> impl Iterator<Item = &Object> {
        self.naming(id, kind, kind)
    }

    /// The port that a tunnel key names.
    pub fn port_by_tunnel_key(&self, key: u32) -> Option<PortId> {
        self.ports_with_key(key).next()
    }

    /// The greatest tunnel key in use, 0 if there is none.
    pub fn greatest_tunnel_key(&self) -> u32 {
        self.tunnel_keys.get_max().map_or(0, |(key, _)| *key)
    }

    /// The port that is bound to an interface of a host.
    pub fn port_by_binding(&self, binding: &Binding) -> Option<PortId> {
        self.ports_bound_to(binding).next()
    }

    fn ports_with_key(&self, key: u32) -> impl Iterator<Item = PortId> {
        let (first, last) = (PortId(Uuid::nil()), PortId(Uuid::max()));
        self.tunnel_keys
            .range((key, first)..=(key, last))
            .map(|(_, port)| *port)
    }

    fn ports_bound_to(&self, binding: &Binding) -> impl Iterator<Item = PortId> {
        let key = |port: Uuid| (binding.clone(), PortId(port));
        self.bindings
            .range(key(Uuid::nil())..=key(Uuid::max()))
            .map(|(_, port)| *port)
    }

    fn naming(&self, target: ObjectId, first: Kind, last: Kind) -> impl Iterator<Item = &Object> {
        let key = |kind, id| (target, ObjectId { kind, id });
        self.referrers
            .range(key(first, Uuid::nil())..=key(last, Uuid::max()))
            .filter_map(|(_, source)| self.objects.get(source))
    }

    /// Writes or removes an object, whatever validation says.
    fn set(&mut self, id: ObjectId, object: Option<Object>) {
        let old = match object.clone() {
            Some(object) => self.objects.insert(id, object),
            None => self.objects.remove(&id),
        };
        if let Some(old) = old {
            for reference in old.references() {
                self.referrers.remove(&(reference.target, id));
            }
            if let Object::Port(port) = old {
                self.tunnel_keys.remove(&(port.tunnel_key, port.id));
                if let Some(binding) = port.binding.clone() {
                    self.bindings.remove(&(binding, port.id));
                }
            }
        }
        if let Some(new) = object {
            for reference in new.references() {
                self.referrers.insert((reference.target, id));
            }
            if let Object::Port(port) = new {
                self.tunnel_keys.insert((port.tunnel_key, port.id));
                if let Some(binding) = port.binding.clone() {
                    self.bindings.insert((binding, port.id));
                }
            }
        }
    }
}

/// Objects as the store has them, which were valid when they were written: they are not looked at again.
impl FromIterator<Object> for Topology {
    fn from_iter<I: IntoIterator<Item = Object>>(objects: I) -> Self {
        let mut topology = Topology::default();
        for object in objects {
            topology.set(object.id(), Some(object));
        }
        topology
    }
}

//! What a snapshot answers.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};
use pnet_base::MacAddr;

use super::{Known, LocalPort, Program, Snapshot};
use crate::bridge::Bridge;
use crate::chain::{AddressGroup, Chain, PortGroup, Rule};
use crate::dhcp::{DhcpHost, DhcpSubnet};
use crate::host::{Host, TunnelZone};
use crate::id::{
    AddressGroupId, BridgeId, ChainId, DhcpSubnetId, HostId, ObjectId, PortGroupId, PortId,
    RouteId, RouterId, RuleId, TunnelZoneId,
};
use crate::object::Object;
use crate::port::Port;
use crate::router::{Route, Router};

macro_rules! by_id {
    ($($(#[$doc:meta])* $name:ident($id:ident) -> $kind:ident;)*) => {
        $(
            $(#[$doc])*
            pub fn $name(&self, id: $id) -> Known<&Arc<$kind>> {
                match self.object(id.into()) {
                    Known::Here(Object::$kind(object)) => Known::Here(object),
                    Known::NotLoaded => Known::NotLoaded,
                    _ => Known::Absent,
                }
            }
        )*
    };
}

/// Objects by their id. Tag: `Object`.
impl Snapshot {
    /// Any object.
    pub fn object(&self, id: ObjectId) -> Known<&Object> {
        match self.tables.objects.get(&id) {
            Some(Some(object)) => Known::Here(object),
            Some(None) => Known::Absent,
            None => Known::NotLoaded,
        }
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
        /// A hypervisor.
        host(HostId) -> Host;
        /// A tunnel zone.
        tunnel_zone(TunnelZoneId) -> TunnelZone;
    }

    /// A chain as it is evaluated. Tag: `Object` of the chain, which covers its rules, too.
    pub fn program(&self, id: ChainId) -> Known<&Arc<Program>> {
        match self.tables.programs.get(&id) {
            Some(program) => Known::Here(program),
            None if self.chain(id).is_loaded() => Known::Absent,
            None => Known::NotLoaded,
        }
    }

    /// All objects that exist and are followed, in the order of ids.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.tables.objects.values().filter_map(Option::as_ref)
    }

    /// The ids that are followed and known not to exist.
    pub fn absent(&self) -> impl Iterator<Item = ObjectId> {
        let slots = self.tables.objects.iter();
        slots.filter(|(_, slot)| slot.is_none()).map(|(id, _)| *id)
    }
}

/// Ports.
impl Snapshot {
    /// The local port with a number in the datapath. Tag: `Local` of the port that it names. `None`
    /// has no tag, so that a verdict on a frame from an unknown number must not be kept.
    pub fn local_by_number(&self, number: u32) -> Option<&LocalPort> {
        self.tables.local_by_number.get(&number).map(Arc::as_ref)
    }

    /// How the datapath carries a port. Tag: `Local`.
    pub fn local_by_port(&self, port: PortId) -> Option<&LocalPort> {
        self.tables.local.get(&port).map(Arc::as_ref)
    }

    /// All local ports, in the order of ids.
    pub fn local_ports(&self) -> impl Iterator<Item = &LocalPort> {
        self.tables.local.values().map(Arc::as_ref)
    }

    /// The ports of a bridge that the datapath carries, whatever their administrative state, in
    /// the order of ids. Tag: `Flood`, which also covers their administrative state.
    pub fn local_ports_of(&self, bridge: BridgeId) -> impl Iterator<Item = &LocalPort> {
        let list = self.tables.local_by_bridge.get(&bridge);
        list.into_iter()
            .flat_map(|list| list.iter().map(Arc::as_ref))
    }

    /// The ports of a bridge that are followed, in the order of ids.
    pub fn ports_of_bridge(&self, bridge: BridgeId) -> impl Iterator<Item = &Arc<Port>> {
        self.tables.ports.under(&bridge.into())
    }

    /// The ports of a router that are followed, in the order of ids.
    pub fn ports_of_router(&self, router: RouterId) -> impl Iterator<Item = &Arc<Port>> {
        self.tables.ports.under(&router.into())
    }
}

/// A bridge's tables.
impl Snapshot {
    /// Where the persistent table has a MAC, VLAN 0 for untagged frames. Tag: `Mac`.
    pub fn mac_entry(&self, bridge: BridgeId, vlan: u16, mac: MacAddr) -> Option<PortId> {
        let entry = self.tables.mac_entries.first(&(bridge, vlan, mac))?;
        Some(entry.port)
    }

    /// Which MAC the persistent table has for an address. Tag: `Neighbour`.
    pub fn arp_entry(&self, bridge: BridgeId, ip: IpAddr) -> Option<MacAddr> {
        Some(self.tables.arp_entries.first(&(bridge, ip))?.mac)
    }

    /// The DHCP host with a MAC, in the first subnet by prefix that has it. Where that subnet is
    /// disabled, the host is not answered. Tag: `Dhcp`.
    pub fn dhcp_host(
        &self,
        bridge: BridgeId,
        mac: MacAddr,
    ) -> Option<(&Arc<DhcpSubnet>, &Arc<DhcpHost>)> {
        let hosts = self.tables.hosts_by_mac.under(&(bridge, mac));
        hosts
            .filter_map(|host| Some((self.tables.subnet(host.subnet)?, host)))
            .min_by_key(|(subnet, host)| (subnet.prefix, host.id))
    }

    /// The DHCP host with an address. Tag: `Neighbour`, as far as its MAC is concerned.
    pub fn dhcp_host_by_addr(&self, bridge: BridgeId, addr: Ipv4Addr) -> Option<&Arc<DhcpHost>> {
        self.tables.hosts_by_addr.first(&(bridge, addr))
    }

    /// A bridge's DHCP subnets, in the order of prefixes.
    pub fn dhcp_subnets(&self, bridge: BridgeId) -> impl Iterator<Item = &Arc<DhcpSubnet>> {
        self.tables
            .subnets
            .between((bridge, LEAST_PREFIX), (bridge, GREATEST_PREFIX))
    }

    /// The address that a subnet's DHCP server speaks from: the one configured, else the default
    /// gateway's, else the lowest address of the subnet that no DHCP host and no ARP entry has. `None`
    /// when the subnet is not here, or is full. Tag: `Object` of the subnet.
    pub fn dhcp_server(&self, subnet: DhcpSubnetId) -> Option<Ipv4Addr> {
        self.tables.servers.get(&subnet).copied()
    }

    /// The subnet whose DHCP server has an address: the first enabled one by prefix, else the first
    /// disabled one. Tag: `Neighbour`, which also covers whether it is enabled.
    pub fn dhcp_server_by_addr(
        &self,
        bridge: BridgeId,
        addr: Ipv4Addr,
    ) -> Option<&Arc<DhcpSubnet>> {
        let subnets = self.tables.subnets_by_server.under(&(bridge, addr));
        subnets.min_by_key(|subnet| (!subnet.enabled, subnet.prefix, subnet.id))
    }
}

const LEAST_PREFIX: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0);
const GREATEST_PREFIX: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::BROADCAST, 32);

/// Routes and address groups.
impl Snapshot {
    /// A router's routes to an address, the longest prefix first; equal prefixes in the order of
    /// weights. Tag: `Object` of the router.
    pub fn routes_to(&self, router: RouterId, addr: IpAddr) -> impl Iterator<Item = &Arc<Route>> {
        prefixes_of(addr).flat_map(move |prefix| {
            let mut routes: Vec<_> = self.tables.routes.under(&(router, prefix)).collect();
            routes.sort_by_key(|route| (route.weight, route.id));
            routes
        })
    }

    /// The lengths of the prefixes of a family in a group, each once, the shortest first. Tag: `Object` of
    /// the group, as far as new lengths are concerned.
    pub fn group_lengths(
        &self,
        group: AddressGroupId,
        is_ipv6: bool,
    ) -> impl Iterator<Item = u8> + '_ {
        let lengths = self
            .tables
            .lengths
            .range((group, is_ipv6, 0)..=(group, is_ipv6, u8::MAX));
        lengths.map(|((_, _, length), _)| *length)
    }

    /// Whether a prefix itself stands in a group. Tag: `Member`.
    pub fn group_has(&self, group: AddressGroupId, prefix: IpNet) -> bool {
        self.tables
            .members
            .first(&(group, prefix.trunc()))
            .is_some()
    }

    /// Whether an address is in a group. Tags: `Object` of the group, and `Member` of each prefix of the
    /// address that has one of the group's lengths.
    pub fn group_contains(&self, group: AddressGroupId, addr: IpAddr) -> bool {
        let mut lengths = self.group_lengths(group, addr.is_ipv6());
        lengths.any(|length| {
            let prefix = IpNet::new(addr, length);
            prefix.is_ok_and(|prefix| self.group_has(group, prefix))
        })
    }
}

/// The prefixes that contain an address, the longest first.
fn prefixes_of(addr: IpAddr) -> impl Iterator<Item = IpNet> {
    let longest = if addr.is_ipv4() { 32 } else { 128 };
    (0..=longest)
        .rev()
        .filter_map(move |length| Some(IpNet::new(addr, length).ok()?.trunc()))
}

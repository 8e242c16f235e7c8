//! What can be wrong with an object by itself.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use pnet_base::MacAddr;
use uuid::Uuid;

use super::{Findings, Problem, Violation};
use crate::bridge::{ArpEntry, Bridge, MacEntry};
use crate::chain::AddressGroupMember;
use crate::dhcp::{Dhcp6Host, Dhcp6Subnet, DhcpHost, DhcpSubnet};
use crate::host::{Host, TunnelZoneHost};
use crate::object::Object;
use crate::port::{Port, PortDevice};
use crate::router::{NextHop, Route};

/// Greatest key of a port in tunnels; two further bits of the 24 say what the sender knows.
pub const MAX_TUNNEL_KEY: u32 = (1 << 22) - 1;
/// Least MTU of IPv4 (RFC 791).
pub const MIN_MTU: u16 = 68;
/// Greatest VLAN id of a frame; 4095 is reserved (IEEE 802.1Q).
pub const MAX_VLAN: u16 = 4094;
/// Loopback and multicast: no hosts of a network are there.
const RESERVED: [Ipv4Net; 2] = [
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4),
];

impl Object {
    /// Everything that is wrong with the object by itself.
    pub fn check(&self) -> Vec<Violation> {
        let mut found = Findings::of(self.id());
        found.names(self);
        match self {
            Object::Bridge(bridge) => found.bridge(bridge),
            Object::Port(port) => found.port(port),
            Object::Route(route) => found.route(route),
            Object::Chain(chain) => found.chain(chain),
            Object::Rule(rule) => found.rule(rule),
            Object::AddressGroupMember(member) => found.member(member),
            Object::DhcpSubnet(subnet) => found.subnet(subnet),
            Object::DhcpHost(host) => found.dhcp_host(host),
            Object::Dhcp6Subnet(subnet) => found.subnet6(subnet),
            Object::Dhcp6Host(host) => found.dhcp_host6(host),
            Object::MacEntry(entry) => found.mac_entry(entry),
            Object::ArpEntry(entry) => found.arp_entry(entry),
            Object::Host(host) => found.host(host),
            Object::TunnelZoneHost(member) => found.zone_member(member),
            Object::Router(_)
            | Object::PortGroup(_)
            | Object::AddressGroup(_)
            | Object::TunnelZone(_) => {}
        }
        found.into_violations()
    }
}

impl Findings {
    fn bridge(&mut self, bridge: &Bridge) {
        self.mtu("mtu", bridge.mtu);
    }

    fn mac_entry(&mut self, entry: &MacEntry) {
        let expected = MacEntry::new(entry.bridge, entry.vlan, entry.mac, entry.port);
        self.derived(entry.id.0, expected.id.0);
        self.vlan("vlan", entry.vlan, 0);
        self.unicast_mac("mac", entry.mac);
    }

    fn arp_entry(&mut self, entry: &ArpEntry) {
        let expected = ArpEntry::new(entry.bridge, entry.ip, entry.mac);
        self.derived(entry.id.0, expected.id.0);
        self.unicast("ip", entry.ip);
        self.unicast_mac("mac", entry.mac);
    }

    fn port(&mut self, port: &Port) {
        self.range("tunnel_key", port.tunnel_key, 1, MAX_TUNNEL_KEY);
        if let Some(vlan) = port.vlan {
            self.vlan("vlan", vlan, 1);
        }
        if let PortDevice::Router { mac, addresses, .. } = &port.device {
            self.unicast_mac("device", *mac);
            for address in addresses {
                self.unicast("device", address.addr());
            }
            let when = "on a router's port";
            self.require(port.vlan.is_none(), "vlan", Problem::MustBeEmpty { when });
        }
        self.require(port.peer != Some(port.id), "peer", Problem::OwnPeer);
        if let Some(binding) = &port.binding {
            let name = &binding.interface;
            let problem = Problem::InterfaceName(name.clone());
            self.require(is_interface_name(name), "binding", problem);
            let when = "on a port that is linked to a peer";
            self.require(
                port.peer.is_none(),
                "binding",
                Problem::MustBeEmpty { when },
            );
        }
        for pair in port.security.iter().flat_map(|security| &security.pairs) {
            self.unicast_mac("security", pair.mac);
            self.prefix("security", pair.prefix);
        }
    }

    fn route(&mut self, route: &Route) {
        self.prefix("source", route.source);
        self.prefix("destination", route.destination);
        self.same_family("source", route.source.addr(), route.destination.addr());
        if let NextHop::Port {
            gateway: Some(gateway),
            ..
        } = route.next_hop
        {
            self.unicast("next_hop", gateway);
            self.same_family("next_hop", gateway, route.destination.addr());
        }
    }

    fn member(&mut self, member: &AddressGroupMember) {
        self.prefix("prefix", member.prefix);
        let expected = AddressGroupMember::new(member.group, member.prefix);
        self.derived(member.id.0, expected.id.0);
    }

    fn subnet(&mut self, subnet: &DhcpSubnet) {
        self.prefix("prefix", subnet.prefix.into());
        self.subnet_of_hosts("prefix", subnet.prefix);
        self.derived(
            subnet.id.0,
            DhcpSubnet::id_of(subnet.bridge, subnet.prefix).0,
        );
        for (field, addrs) in [
            ("server_addr", subnet.server_addr.as_slice()),
            ("default_gateway", subnet.default_gateway.as_slice()),
            ("dns_servers", &subnet.dns_servers),
        ] {
            for addr in addrs {
                self.unicast(field, (*addr).into());
            }
        }
        self.mtu("interface_mtu", subnet.interface_mtu);
        for route in &subnet.static_routes {
            self.prefix("static_routes", route.destination.into());
        }
        if let Some(seconds) = subnet.lease_seconds {
            self.range("lease_seconds", seconds, 1, u32::MAX);
        }
    }

    fn dhcp_host(&mut self, host: &DhcpHost) {
        self.derived(host.id.0, DhcpHost::id_of(host.subnet, host.mac).0);
        self.unicast_mac("mac", host.mac);
        self.unicast("addr", host.addr.into());
        // 0.0.0.0/8 is this network (RFC 1122 §3.2.1.3); 0.0.0.0 itself is told above.
        let of_this_network = host.addr.octets()[0] == 0 && !host.addr.is_unspecified();
        let problem = Problem::NotUnicast(host.addr.into());
        self.require(
            !host.addr.is_loopback() && !of_this_network,
            "addr",
            problem,
        );
    }

    fn subnet6(&mut self, subnet: &Dhcp6Subnet) {
        self.prefix("prefix", subnet.prefix.into());
        self.derived(
            subnet.id.0,
            Dhcp6Subnet::id_of(subnet.bridge, subnet.prefix).0,
        );
        for addr in &subnet.dns_servers {
            self.unicast("dns_servers", (*addr).into());
        }
    }

    fn dhcp_host6(&mut self, host: &Dhcp6Host) {
        self.derived(host.id.0, Dhcp6Host::id_of(host.subnet, &host.client_id).0);
        self.require(!host.client_id.is_empty(), "client_id", Problem::Empty);
        self.unicast("addr", host.addr.into());
    }

    fn host(&mut self, host: &Host) {
        self.require(!host.name.is_empty(), "name", Problem::Empty);
    }

    fn zone_member(&mut self, member: &TunnelZoneHost) {
        let expected = TunnelZoneHost::new(member.zone, member.host, member.addr);
        self.derived(member.id.0, expected.id.0);
        self.unicast("addr", member.addr);
    }

    fn derived(&mut self, id: Uuid, expected: Uuid) {
        self.require(id == expected, "id", Problem::WrongId { expected });
    }

    pub(super) fn range(&mut self, field: &'static str, value: u32, least: u32, most: u32) {
        let problem = Problem::OutOfRange {
            value: value.into(),
            least: least.into(),
            most: most.into(),
        };
        self.require((least..=most).contains(&value), field, problem);
    }

    pub(super) fn vlan(&mut self, field: &'static str, vlan: u16, least: u16) {
        self.range(field, vlan.into(), least.into(), MAX_VLAN.into());
    }

    fn mtu(&mut self, field: &'static str, mtu: Option<u16>) {
        if let Some(mtu) = mtu {
            self.range(field, mtu.into(), MIN_MTU.into(), u16::MAX.into());
        }
    }

    fn unicast_mac(&mut self, field: &'static str, mac: MacAddr) {
        let one_station = mac.is_unicast() && !mac.is_zero();
        self.require(one_station, field, Problem::NotUnicastMac(mac));
    }

    fn unicast(&mut self, field: &'static str, addr: IpAddr) {
        let limited_broadcast = matches!(addr, IpAddr::V4(v4) if v4.is_broadcast());
        let one_host = !addr.is_unspecified() && !addr.is_multicast() && !limited_broadcast;
        self.require(one_host, field, Problem::NotUnicast(addr));
    }

    pub(super) fn prefix(&mut self, field: &'static str, prefix: IpNet) {
        self.require(prefix == prefix.trunc(), field, Problem::HostBits(prefix));
    }

    /// Neither multicast nor loopback, nor so wide that they are in it.
    fn subnet_of_hosts(&mut self, field: &'static str, prefix: Ipv4Net) {
        let overlapping = RESERVED
            .into_iter()
            .find(|reserved| reserved.contains(&prefix) || prefix.contains(reserved));
        if let Some(reserved) = overlapping {
            let (prefix, reserved) = (prefix.into(), reserved.into());
            self.add(field, Problem::NotASubnet { prefix, reserved });
        }
    }

    pub(super) fn same_family(&mut self, field: &'static str, a: IpAddr, b: IpAddr) {
        let problem = Problem::Families(a.to_string(), b.to_string());
        self.require(a.is_ipv4() == b.is_ipv4(), field, problem);
    }

    /// The address is one that a host of the subnet can have.
    pub(crate) fn host_of(&mut self, field: &'static str, addr: IpAddr, prefix: IpNet) {
        self.require(
            prefix.contains(&addr),
            field,
            Problem::Outside { addr, prefix },
        );
        if let (IpAddr::V4(v4), IpNet::V4(net)) = (addr, prefix) {
            let problem = Problem::NotAHost { addr, prefix };
            self.require(!is_reserved(v4, net), field, problem);
        }
    }
}

/// Whether an address of a subnet means the subnet or all its hosts. Subnets of /31 (RFC 3021) and
/// /32 have no such address.
fn is_reserved(addr: Ipv4Addr, net: Ipv4Net) -> bool {
    net.prefix_len() <= 30 && (addr == net.network() || addr == net.broadcast())
}

/// Whether a name can be a network interface's: 1 to 15 bytes (`dev_valid_name` of the kernel), without
/// those that the kernel takes for patterns (`%d`).
pub fn is_interface_name(name: &str) -> bool {
    let forbidden = |c: char| matches!(c, '/' | ':' | '%') || c.is_whitespace() || c.is_control();
    (1..=15).contains(&name.len()) && name != "." && name != ".." && !name.contains(forbidden)
}

#[cfg(test)]
mod tests {
    use super::is_interface_name;

    #[test]
    fn names_that_the_kernel_refuses_or_takes_for_patterns_are_refused_here() {
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "a b",
            "a:b",
            "sixteencharsname",
            "a\n",
            "tap%d",
            "%d",
            "50%",
            "%",
        ] {
            assert!(!is_interface_name(bad), "{bad:?}");
        }
        for good in ["t", "tap0", "tap12345678-90", "fifteen-chars-x"] {
            assert!(is_interface_name(good), "{good:?}");
        }
    }
}

//! DHCP subnets and hosts of bridges, as the operator configures them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};
use pnet_base::MacAddr;
use serde::{Deserialize, Serialize};

use crate::id::{BridgeId, Dhcp6HostId, Dhcp6SubnetId, DhcpHostId, DhcpSubnetId, Kind, derived_id};

/// The MAC that DHCP servers have on every bridge, in what they send and where ARP asks for them.
pub const SERVER_MAC: MacAddr = MacAddr(0x02, 0x77, 0x65, 0x66, 0x74, 0x01);

/// An IPv4 subnet that a bridge answers DHCP for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhcpSubnet {
    /// Derived from bridge and prefix.
    pub id: DhcpSubnetId,
    /// The bridge.
    pub bridge: BridgeId,
    /// The subnet; its host bits are zero.
    pub prefix: Ipv4Net,
    /// When false, its hosts get no answer.
    pub enabled: bool,
    /// The address that the server speaks from (option 54, ARP, renewals).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_addr: Option<Ipv4Addr>,
    /// Option 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_gateway: Option<Ipv4Addr>,
    /// Option 6.
    #[serde(default)]
    pub dns_servers: Vec<Ipv4Addr>,
    /// Option 26 in bytes; absent: the bridge's MTU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface_mtu: Option<u16>,
    /// Options 121 and 249, without the default route, which is added.
    #[serde(default)]
    pub static_routes: Vec<StaticRoute>,
    /// Option 51 in seconds; absent: a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_seconds: Option<u32>,
    /// Further options for all hosts of the subnet.
    #[serde(default)]
    pub options: Vec<DhcpOption>,
}

/// A classless static route (RFC 3442).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticRoute {
    /// Where to.
    pub destination: Ipv4Net,
    /// By which router.
    pub gateway: Ipv4Addr,
}

/// A host known to a DHCP subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhcpHost {
    /// Derived from subnet and MAC.
    pub id: DhcpHostId,
    /// The subnet.
    pub subnet: DhcpSubnetId,
    /// The bridge of the subnet, so that an agent need not look it up.
    pub bridge: BridgeId,
    /// The client's hardware address.
    pub mac: MacAddr,
    /// The address that it gets.
    pub addr: Ipv4Addr,
    /// Option 12 and a name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Further options for this host; they win over the subnet's and the built-in ones.
    #[serde(default)]
    pub options: Vec<DhcpOption>,
}

/// A DHCP option as the operator wrote it: the code is a number or a name that DHCP implementations
/// use, the value is parsed by the option's type. `weft-dhcp` says whether a pair is valid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DhcpOption {
    /// Number (`"66"`) or name (`"tftp-server"`).
    pub code: String,
    /// Its value in text; `hex:0a0b` gives raw bytes.
    pub value: String,
}

/// An IPv6 subnet that a bridge answers DHCPv6 for and advertises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dhcp6Subnet {
    /// Derived from bridge and prefix.
    pub id: Dhcp6SubnetId,
    /// The bridge.
    pub bridge: BridgeId,
    /// The subnet; its host bits are zero.
    pub prefix: Ipv6Net,
    /// Recursive DNS servers.
    #[serde(default)]
    pub dns_servers: Vec<Ipv6Addr>,
    /// How routers announce it and how clients get addresses.
    #[serde(default)]
    pub mode: Ipv6Mode,
}

/// How clients of an IPv6 subnet get their addresses (Neutron's `ipv6_address_mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ipv6Mode {
    /// Stateless autoconfiguration only (RFC 4862).
    #[default]
    Slaac,
    /// Autoconfiguration, other options by DHCPv6 (RFC 8415 §6.1).
    DhcpStateless,
    /// Addresses by DHCPv6.
    DhcpStateful,
}

/// A host known to a DHCPv6 subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dhcp6Host {
    /// Derived from subnet and client id.
    pub id: Dhcp6HostId,
    /// The subnet.
    pub subnet: Dhcp6SubnetId,
    /// The bridge of the subnet.
    pub bridge: BridgeId,
    /// The client's DUID as hex, or its MAC.
    pub client_id: String,
    /// The address that it gets.
    pub addr: Ipv6Addr,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl DhcpSubnet {
    /// The id that bridge and prefix give.
    pub fn id_of(bridge: BridgeId, prefix: Ipv4Net) -> DhcpSubnetId {
        DhcpSubnetId(derived_id(
            Kind::DhcpSubnet,
            bridge.0,
            &prefix.trunc().to_string(),
        ))
    }

    /// Whether an address is in the subnet.
    pub fn contains(&self, addr: IpAddr) -> bool {
        matches!(addr, IpAddr::V4(addr) if self.prefix.contains(&addr))
    }
}

impl DhcpHost {
    /// The id that subnet and MAC give.
    pub fn id_of(subnet: DhcpSubnetId, mac: MacAddr) -> DhcpHostId {
        DhcpHostId(derived_id(Kind::DhcpHost, subnet.0, &mac.to_string()))
    }
}

impl Dhcp6Subnet {
    /// The id that bridge and prefix give.
    pub fn id_of(bridge: BridgeId, prefix: Ipv6Net) -> Dhcp6SubnetId {
        Dhcp6SubnetId(derived_id(
            Kind::Dhcp6Subnet,
            bridge.0,
            &prefix.trunc().to_string(),
        ))
    }
}

impl Dhcp6Host {
    /// The id that subnet and client id give.
    pub fn id_of(subnet: Dhcp6SubnetId, client_id: &str) -> Dhcp6HostId {
        Dhcp6HostId(derived_id(Kind::Dhcp6Host, subnet.0, client_id))
    }
}

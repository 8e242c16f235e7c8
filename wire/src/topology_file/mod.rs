//! The topology file: a part of the topology as people write it, in TOML ([`docs/topology-file.md`]).
//!
//! A table's key is a name within the file, or an object's id. What is absent has its default, so a
//! file says all of an object that it names, apart from where a port is bound.
//!
//! Unknown fields are refused, unlike in other messages: a network must not be made without what its
//! file asks for.
//!
//! [`docs/topology-file.md`]: ../../../../docs/topology-file.md

mod filter;

pub use filter::{
    ActionEntry, AddressGroupEntry, ChainEntry, PairEntry, PortGroupEntry, RuleEntry, Tests,
};

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use weft_topology::MacAddr;

/// A file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopologyFile {
    /// Under which name the service remembers what the file made, so that what a later version of it
    /// no longer names is removed. Absent: nothing is remembered, and nothing ever removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Bridges by name or id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bridge: BTreeMap<String, BridgeEntry>,
    /// Chains of rules by name or id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub chain: BTreeMap<String, ChainEntry>,
    /// Port groups by name or id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub port_group: BTreeMap<String, PortGroupEntry>,
    /// Address groups by name or id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub address_group: BTreeMap<String, AddressGroupEntry>,
}

/// A bridge with all that the file has of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BridgeEntry {
    /// Its id; absent: the key if that is one, else derived from the file's name and the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// Its name; absent: the key, unless that is an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The tenant that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// When false it forwards and answers nothing.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub up: bool,
    /// The network's MTU in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// Whether guests' VLANs are bridged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vlan_aware: bool,
    /// The chain that frames entering the bridge pass, by key or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound: Option<String>,
    /// The chain that frames leaving the bridge pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound: Option<String>,
    /// Whom the bridge answers ARP and neighbour solicitations for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub arp: BTreeMap<IpAddr, MacAddr>,
    /// Where MAC addresses are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mac: Vec<MacPlace>,
    /// IPv4 subnets that the bridge answers DHCP for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subnet: BTreeMap<Ipv4Net, SubnetEntry>,
    /// Ports by name or id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub port: BTreeMap<String, PortEntry>,
}

/// An entry of a bridge's MAC table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MacPlace {
    /// The address.
    pub mac: MacAddr,
    /// The port of this bridge, by key or id.
    pub port: String,
    /// VLAN id, 0 for untagged.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub vlan: u16,
}

/// A DHCP subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubnetEntry {
    /// When false, its hosts get no answer.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub enabled: bool,
    /// The default router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Ipv4Addr>,
    /// The address that the DHCP server speaks from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Ipv4Addr>,
    /// Name servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<Ipv4Addr>,
    /// MTU in bytes; absent: the bridge's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// How long a lease lasts; absent: a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_seconds: Option<u32>,
    /// Static routes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteEntry>,
    /// Further options for all hosts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<OptionEntry>,
    /// Who gets which address, by MAC.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub host: BTreeMap<MacAddr, HostEntry>,
}

/// A static route that DHCP tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteEntry {
    /// Where to.
    pub to: Ipv4Net,
    /// By which router.
    pub via: Ipv4Addr,
}

/// A further DHCP option.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionEntry {
    /// Its number or name.
    pub name: String,
    /// Its value in text.
    pub value: String,
}

/// A host known to a DHCP subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostEntry {
    /// The address that it gets.
    pub address: Ipv4Addr,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Further options for it alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<OptionEntry>,
}

/// A port of a bridge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortEntry {
    /// Its id; absent: the key if that is one, else derived from the bridge's id and the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    /// The tenant that owns it; absent: the bridge's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// When false nothing passes.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub up: bool,
    /// Frames of this VLAN pass here, untagged beyond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// What a user of the REST API calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vif: Option<Uuid>,
    /// The port of this file at the other end of a link, as `BRIDGE/PORT` or by id. One end says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The chain that frames from the port pass, by key or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound: Option<String>,
    /// The chain that frames to the port pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound: Option<String>,
    /// The port groups that it is in, by key or id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The addresses that may be used there; absent: any that its chains let pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<Vec<PairEntry>>,
    /// The interface that carries it; absent: whatever carries it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind: Option<BindEntry>,
}

/// An interface of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BindEntry {
    /// The host's name or id.
    pub host: String,
    /// The interface's name there.
    pub interface: String,
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_true(value: &bool) -> bool {
    *value
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(value: &u16) -> bool {
    *value == 0
}

// === defaults, as those of an empty table ===

impl Default for BridgeEntry {
    fn default() -> Self {
        Self {
            id: None,
            name: None,
            tenant: None,
            up: true,
            mtu: None,
            vlan_aware: false,
            inbound: None,
            outbound: None,
            arp: BTreeMap::new(),
            mac: Vec::new(),
            subnet: BTreeMap::new(),
            port: BTreeMap::new(),
        }
    }
}

impl Default for PortEntry {
    fn default() -> Self {
        Self {
            id: None,
            tenant: None,
            up: true,
            vlan: None,
            vif: None,
            peer: None,
            inbound: None,
            outbound: None,
            groups: Vec::new(),
            security: None,
            bind: None,
        }
    }
}

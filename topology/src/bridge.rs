//! Bridges and their persistent tables.

use std::net::IpAddr;

use pnet_base::MacAddr;
use serde::{Deserialize, Serialize};

use crate::id::{ArpEntryId, BridgeId, ChainId, Kind, MacEntryId, PortId, derived_id};

/// A virtual layer 2 switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bridge {
    /// Its id.
    pub id: BridgeId,
    /// The tenant that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// A name for people; need not be unique.
    #[serde(default)]
    pub name: String,
    /// When false the bridge forwards and answers nothing.
    pub admin_state_up: bool,
    /// Chain that frames entering the bridge pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound_filter: Option<ChainId>,
    /// Chain that frames leaving the bridge pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound_filter: Option<ChainId>,
    /// The MTU of the network in bytes, as guests shall use it (the tunnel's overhead is already subtracted).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// Whether guests' VLAN-tagged frames are bridged, each VLAN with a MAC table of its own. When
    /// false, tagged frames are dropped (a priority tag, VLAN 0, is stripped).
    #[serde(default)]
    pub vlan_aware: bool,
}

/// A persistent entry of a bridge's MAC table. A learned entry for the same address overrides it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MacEntry {
    /// Derived from bridge, VLAN and MAC.
    pub id: MacEntryId,
    /// The bridge whose table this is.
    pub bridge: BridgeId,
    /// VLAN id 1 to 4094, or 0 for untagged frames.
    pub vlan: u16,
    /// The address.
    pub mac: MacAddr,
    /// Where it is.
    pub port: PortId,
}

/// A persistent entry of a bridge's table of neighbours: the bridge answers ARP (IPv4) or
/// neighbour solicitations (IPv6) for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArpEntry {
    /// Derived from bridge and address.
    pub id: ArpEntryId,
    /// The bridge whose table this is.
    pub bridge: BridgeId,
    /// The neighbour's address.
    pub ip: IpAddr,
    /// The neighbour's MAC.
    pub mac: MacAddr,
}

impl MacEntry {
    /// An entry with the id that its key gives.
    pub fn new(bridge: BridgeId, vlan: u16, mac: MacAddr, port: PortId) -> Self {
        let id = derived_id(Kind::MacEntry, bridge.0, &format!("{vlan}/{mac}"));
        Self {
            id: MacEntryId(id),
            bridge,
            vlan,
            mac,
            port,
        }
    }
}

impl ArpEntry {
    /// An entry with the id that its key gives.
    pub fn new(bridge: BridgeId, ip: IpAddr, mac: MacAddr) -> Self {
        let id = derived_id(Kind::ArpEntry, bridge.0, &ip.to_string());
        Self {
            id: ArpEntryId(id),
            bridge,
            ip,
            mac,
        }
    }
}

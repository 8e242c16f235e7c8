//! Ports of bridges and routers.

use std::collections::BTreeSet;

use ipnet::IpNet;
use pnet_base::MacAddr;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{BridgeId, ChainId, HostId, PortGroupId, PortId, RouterId};

/// A port of a virtual device. It is *exterior* when bound to a host's interface, *interior* when
/// linked to a peer port, and *unplugged* otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Its id.
    pub id: PortId,
    /// The tenant that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The device it belongs to.
    pub device: PortDevice,
    /// When false nothing passes, either way.
    pub admin_state_up: bool,
    /// Chain that frames pass from the port into its device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound_filter: Option<ChainId>,
    /// Chain that frames pass from the device out of the port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound_filter: Option<ChainId>,
    /// The groups it is a member of.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub port_groups: BTreeSet<PortGroupId>,
    /// The port at the other end of an interior link; both ends name each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<PortId>,
    /// The host's interface that it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
    /// The host that had it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_host: Option<HostId>,
    /// What a user of the REST API calls it (Neutron: the port's id).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vif_id: Option<Uuid>,
    /// The number that names this port in tunnels, 1 to 2^22 - 1, given when the port is created.
    pub tunnel_key: u32,
    /// On an interior bridge port: frames of this VLAN pass here, untagged beyond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// Source addresses that may be used here; absent: the port is judged by its chains alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<PortSecurity>,
}

/// The device that a port belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PortDevice {
    /// A bridge's port.
    Bridge {
        /// Which bridge.
        bridge: BridgeId,
    },
    /// A router's port, with the addresses the router has there.
    Router {
        /// Which router.
        router: RouterId,
        /// The router's MAC on this port.
        mac: MacAddr,
        /// The router's addresses with their prefix lengths.
        addresses: Vec<IpNet>,
    },
}

/// An interface of a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Binding {
    /// The hypervisor.
    pub host: HostId,
    /// The network interface's name there, 1 to 15 bytes.
    pub interface: String,
}

/// Which source addresses a port may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortSecurity {
    /// Pairs of MAC and prefix, the port's own among them.
    pub pairs: Vec<AddressPair>,
}

/// A MAC together with the addresses that it may speak for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AddressPair {
    /// The Ethernet source.
    pub mac: MacAddr,
    /// The IP prefix.
    pub prefix: IpNet,
}

impl Port {
    /// The bridge that it belongs to, if it is a bridge's port.
    pub fn bridge(&self) -> Option<BridgeId> {
        match self.device {
            PortDevice::Bridge { bridge } => Some(bridge),
            PortDevice::Router { .. } => None,
        }
    }

    /// The router that it belongs to, if it is a router's port.
    pub fn router(&self) -> Option<RouterId> {
        match self.device {
            PortDevice::Bridge { .. } => None,
            PortDevice::Router { router, .. } => Some(router),
        }
    }
}

//! Questions to the list of objects.

use weft_topology::bridge::Bridge;
use weft_topology::dhcp::{DhcpHost, DhcpSubnet};
use weft_topology::id::{BridgeId, PortId};
use weft_topology::port::Port;
use weft_topology::{MacAddr, Object};

use crate::World;

impl World {
    pub(crate) fn bridge(&self, id: BridgeId) -> Option<&Bridge> {
        self.objects.iter().find_map(|object| match object {
            Object::Bridge(bridge) if bridge.id == id => Some(bridge.as_ref()),
            _ => None,
        })
    }

    pub(crate) fn port(&self, id: PortId) -> Option<&Port> {
        self.objects.iter().find_map(|object| match object {
            Object::Port(port) if port.id == id => Some(port.as_ref()),
            _ => None,
        })
    }

    pub(crate) fn subnets(&self) -> impl Iterator<Item = &DhcpSubnet> {
        self.objects.iter().filter_map(|object| match object {
            Object::DhcpSubnet(subnet) => Some(subnet.as_ref()),
            _ => None,
        })
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = &DhcpHost> {
        self.objects.iter().filter_map(|object| match object {
            Object::DhcpHost(host) => Some(host.as_ref()),
            _ => None,
        })
    }

    /// Where the persistent table has a MAC.
    pub(crate) fn persistent(&self, bridge: BridgeId, vlan: u16, mac: MacAddr) -> Option<PortId> {
        let entries = self.objects.iter().filter_map(|object| match object {
            Object::MacEntry(e) if (e.bridge, e.vlan, e.mac) == (bridge, vlan, mac) => {
                Some((e.id, e.port))
            }
            _ => None,
        });
        entries.min().map(|(_, port)| port)
    }

    /// The datapath's number of a port that is carried here and a port of the bridge.
    pub(crate) fn carried(&self, port: PortId, bridge: BridgeId) -> Option<u32> {
        let local = self.local.iter().find(|local| local.port == port)?;
        (self.port(port)?.bridge() == Some(bridge)).then_some(local.number)
    }

    pub(crate) fn is_up(&self, port: PortId) -> bool {
        self.port(port).is_some_and(|port| port.admin_state_up)
    }
}

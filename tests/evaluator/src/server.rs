//! The address that a DHCP server speaks from.

use std::net::Ipv4Addr;

use weft_topology::Object;
use weft_topology::dhcp::DhcpSubnet;
use weft_topology::id::{BridgeId, DhcpSubnetId};

use crate::World;

impl World {
    /// The address of a subnet's DHCP server: the one configured, else the default gateway's, else
    /// the lowest host address of the subnet that no DHCP host and no ARP entry of its bridge has.
    pub fn server_address(&self, id: DhcpSubnetId) -> Option<Ipv4Addr> {
        let subnet = self.subnets().find(|subnet| subnet.id == id)?;
        let configured = subnet.server_addr.or(subnet.default_gateway);
        configured.or_else(|| {
            let mut addresses = subnet.prefix.hosts();
            addresses.find(|addr| !self.is_taken(subnet.bridge, *addr))
        })
    }

    /// All DHCP subnets.
    pub(crate) fn subnets(&self) -> impl Iterator<Item = &DhcpSubnet> {
        self.objects.iter().filter_map(|object| match object {
            Object::DhcpSubnet(subnet) => Some(subnet.as_ref()),
            _ => None,
        })
    }

    fn is_taken(&self, bridge: BridgeId, addr: Ipv4Addr) -> bool {
        self.objects.iter().any(|object| match object {
            Object::DhcpHost(host) => host.bridge == bridge && host.addr == addr,
            Object::ArpEntry(entry) => entry.bridge == bridge && entry.ip == addr,
            _ => false,
        })
    }
}

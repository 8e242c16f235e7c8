//! Rule 10: frames that go to DHCP, and the address that a DHCP server speaks from.

use std::net::Ipv4Addr;

use weft_topology::MacAddr;
use weft_topology::Object;
use weft_topology::dhcp::{DhcpHost, DhcpSubnet};
use weft_topology::id::{BridgeId, DhcpHostId, DhcpSubnetId};

use crate::World;
use crate::enter::Entered;
use crate::frame::{Frame, ipv4_at, mac_at, u16_at};

impl World {
    /// The subnet and the host for which DHCP takes a frame.
    pub(crate) fn dhcp_request(&self, entered: &Entered) -> Option<(DhcpSubnetId, DhcpHostId)> {
        if entered.vlan != 0 {
            return None;
        }
        let destination = client_destination(&entered.frame)?;
        let to_server = destination.is_broadcast() || self.is_server(entered.bridge, destination);
        let (subnet, host) = self.host_of(entered.bridge, entered.frame.source)?;
        let own = is_own_request(&entered.frame);
        (to_server && subnet.enabled && own).then_some((subnet.id, host.id))
    }

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

    /// Whether the server of an enabled subnet of the bridge has an address.
    pub(crate) fn is_server(&self, bridge: BridgeId, addr: Ipv4Addr) -> bool {
        self.subnets().any(|subnet| {
            subnet.bridge == bridge
                && subnet.enabled
                && self.server_address(subnet.id) == Some(addr)
        })
    }

    /// The first subnet by prefix that has a MAC as its host.
    fn host_of(&self, bridge: BridgeId, mac: MacAddr) -> Option<(&DhcpSubnet, &DhcpHost)> {
        let hosts = self
            .hosts()
            .filter(|host| host.bridge == bridge && host.mac == mac);
        hosts
            .filter_map(|host| {
                let subnet = self.subnets().find(|subnet| subnet.id == host.subnet)?;
                Some((subnet, host))
            })
            .min_by_key(|(subnet, host)| (subnet.prefix, host.id))
    }

    fn is_taken(&self, bridge: BridgeId, addr: Ipv4Addr) -> bool {
        self.objects.iter().any(|object| match object {
            Object::DhcpHost(host) => host.bridge == bridge && host.addr == addr,
            Object::ArpEntry(entry) => entry.bridge == bridge && entry.ip == addr,
            _ => false,
        })
    }
}

/// The IP destination of what the key shows as a message of a DHCP client.
fn client_destination(frame: &Frame) -> Option<Ipv4Addr> {
    let payload = frame.payload()?;
    let header = payload.ipv4_header()?;
    let fragment = u16_at(payload.bytes, 6)? & 0x3fff != 0;
    let udp = *payload.bytes.get(9)? == 17;
    let whole_udp = payload.bytes.len() >= header + 8;
    let from_client = u16_at(payload.bytes, header)? == 68;
    let to_server = u16_at(payload.bytes, header + 2)? == 67;
    let is_client = udp && whole_udp && !fragment && from_client && to_server;
    ipv4_at(payload.bytes, 16).filter(|_| is_client)
}

/// Whether the bytes are a request of the station that sent the frame (RFC 2131, figure 1).
fn is_own_request(frame: &Frame) -> bool {
    let Some(message) = bootp_message(frame) else {
        return false;
    };
    message.get(..3) == Some(&[1, 1, 6])
        && ipv4_at(message, 24) == Some(Ipv4Addr::UNSPECIFIED)
        && mac_at(message, 28) == Some(frame.source)
        && message.get(236..240) == Some(&[0x63, 0x82, 0x53, 0x63])
}

/// What UDP carries, if all lengths agree and the frame is Ethernet II.
fn bootp_message(frame: &Frame) -> Option<&[u8]> {
    let payload = frame.payload()?;
    let header = payload.ipv4_header()?;
    let version = payload.bytes.first()? >> 4;
    let packet = payload.bytes.get(..u16_at(payload.bytes, 2)?.into())?;
    let datagram = packet.get(header..)?;
    let message = datagram.get(8..u16_at(datagram, 4)?.into())?;
    (payload.ethernet_ii && version == 4).then_some(message)
}

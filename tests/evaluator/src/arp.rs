//! Rules 13 to 15: ARP requests that a bridge answers.

use std::net::{IpAddr, Ipv4Addr};

use weft_topology::dhcp::SERVER_MAC;
use weft_topology::id::BridgeId;
use weft_topology::{MacAddr, Object};

use crate::World;
use crate::enter::Entered;
use crate::frame::Arp;

impl World {
    /// The answer to a frame, if it is a request that the bridge answers.
    pub(crate) fn arp_answer(&self, entered: &Entered) -> Option<Vec<u8>> {
        if entered.vlan != 0 {
            return None;
        }
        let request = entered.frame.arp()?;
        let to = entered.frame.destination;
        let asked = to.is_broadcast() || to == SERVER_MAC;
        let gratuitous = request.sender == request.target;
        if request.operation != 1 || gratuitous || !asked {
            return None;
        }
        let found = self.neighbour(entered.bridge, request.target)?;
        let own = found == request.sender_mac;
        (!own).then(|| reply(entered.frame.source, found, &request))
    }

    /// The MAC behind an address, as far as the topology knows.
    fn neighbour(&self, bridge: BridgeId, addr: Ipv4Addr) -> Option<MacAddr> {
        let in_table = self.objects.iter().filter_map(|object| match object {
            Object::ArpEntry(e) if e.bridge == bridge && e.ip == IpAddr::V4(addr) => {
                Some((e.id, e.mac))
            }
            _ => None,
        });
        let hosts = self
            .hosts()
            .filter(|host| host.bridge == bridge && host.addr == addr);
        let server = self.is_server(bridge, addr).then_some(SERVER_MAC);
        let in_table = in_table.min().map(|(_, mac)| mac);
        let host = hosts
            .map(|host| (host.id, host.mac))
            .min()
            .map(|(_, mac)| mac);
        in_table.or(host).or(server)
    }
}

/// An ARP reply (RFC 826) in Ethernet II.
fn reply(to: MacAddr, found: MacAddr, request: &Arp) -> Vec<u8> {
    let mut frame = Vec::with_capacity(42);
    frame.extend(to.octets());
    frame.extend(found.octets());
    frame.extend([0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, 2]);
    frame.extend(found.octets());
    frame.extend(request.target.octets());
    frame.extend(request.sender_mac.octets());
    frame.extend(request.sender.octets());
    frame
}

//! What a reply is made from, besides the request.

use std::net::Ipv4Addr;

use weft_topology::bridge::Bridge;
use weft_topology::dhcp::{DhcpHost, DhcpSubnet};

/// The least MTU of IPv4 (RFC 791); smaller ones are taken as "none given".
const MIN_MTU: u16 = 68;
/// What a subnet that gives no lease time has: a day, as Neutron's and MidoNet's.
const DEFAULT_LEASE: u32 = 86_400;

/// The assignment of a client, with the network around it. The caller has found the host by the
/// frame's source MAC among the subnets of the bridge that the frame came in to.
#[derive(Clone, Copy, Debug)]
pub struct Lease<'a> {
    /// The bridge.
    pub bridge: &'a Bridge,
    /// A subnet of the bridge.
    pub subnet: &'a DhcpSubnet,
    /// A host of the subnet.
    pub host: &'a DhcpHost,
    /// The address that the server speaks from. The same in all replies of a subnet: clients renew
    /// with it.
    pub server: Ipv4Addr,
    /// Whether the client needs a route to 169.254.169.254 by way of the server.
    pub metadata_route: bool,
    /// DNS server of clients whose subnet names none.
    pub resolver: Option<Ipv4Addr>,
}

impl Lease<'_> {
    /// The MTU to tell clients, in bytes, if one is known: the subnet's, else the bridge's.
    pub fn mtu(&self) -> Option<u16> {
        [self.subnet.interface_mtu, self.bridge.mtu]
            .into_iter()
            .flatten()
            .find(|&mtu| mtu >= MIN_MTU)
    }

    /// The subnet's lease time in seconds; all ones are for ever.
    pub fn seconds(&self) -> u32 {
        self.subnet.lease_seconds.unwrap_or(DEFAULT_LEASE)
    }

    /// Whether a destination is one that the server listens on: its own address or broadcast.
    pub(crate) fn hears(&self, destination: Ipv4Addr) -> bool {
        destination == self.server || self.is_broadcast(destination)
    }

    fn is_broadcast(&self, destination: Ipv4Addr) -> bool {
        destination == Ipv4Addr::BROADCAST
            || (self.subnet.prefix.prefix_len() < 31
                && destination == self.subnet.prefix.broadcast())
    }
}

//! Tags: the facts that an outcome depended on. A change yields the tags of the facts it changed;
//! flows under them are simulated again.

use std::net::IpAddr;

use ipnet::IpNet;
use pnet_base::MacAddr;

use crate::id::{AddressGroupId, BridgeId, ObjectId, PortId};

/// A fact that an outcome may depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tag {
    /// An object's own fields, or that it is not there.
    Object(ObjectId),
    /// Which local ports a bridge has (whom a flood reaches).
    Flood(BridgeId),
    /// Where a MAC is on a bridge, VLAN 0 for untagged; also that it is nowhere.
    Mac(BridgeId, u16, MacAddr),
    /// What answers ARP or ND for an address on a bridge; also that nothing does.
    Neighbour(BridgeId, IpAddr),
    /// Whether DHCP serves a MAC on a bridge, and with what.
    Dhcp(BridgeId, MacAddr),
    /// Whether a prefix stands in an address group.
    Member(AddressGroupId, IpNet),
    /// Whether a port is carried by this host's datapath, and by which number.
    Local(PortId),
    /// What removing a rule does to connections that it admitted ([`crate::policy::Established`]).
    Established,
}

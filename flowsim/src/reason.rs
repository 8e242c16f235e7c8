//! Why a packet became what it became: one name for each way to end, with the object that decided.

use std::fmt;

use weft_topology::id::{BridgeId, ChainId, DhcpHostId, PortId, RuleId};
use weft_topology::{MacAddr, ObjectId};

use crate::security::Violation;

/// Why. [`Reason::name`] is what counters and `weft show` call it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reason {
    // === sent
    /// The destination is behind this port.
    Unicast(PortId),
    /// A group address: to every other port of the bridge.
    FloodGroup(BridgeId),
    /// The bridge does not know where the destination is: to every other port.
    FloodUnknown(BridgeId),
    // === taken by a local service
    /// A DHCP message of this host.
    Dhcp(DhcpHostId),
    /// A DHCP message of this host that gets no answer (RELEASE, a malformed option, …).
    DhcpUnanswered(DhcpHostId),
    /// An ARP request for an address that the bridge knows to be this MAC's.
    Arp(BridgeId, MacAddr),
    // === not at its end yet
    /// Looked up in the zone of this port, and judged again.
    Tracked(PortId),
    // === dropped
    /// This rule drops it.
    Filtered(RuleId),
    /// This rule drops it, and its sender is told where that may be.
    Rejected(RuleId),
    /// Flooded, and no port lets it out.
    FilteredEverywhere(BridgeId),
    /// A guest says that it is another.
    Security(PortId, Violation),
    /// It fits no connection that the zone of this port knows, and may not begin one.
    InvalidConnection(PortId),
    /// A reply in a connection that was cut: the rule that allowed it was taken away.
    Cut(PortId),
    /// It cannot be looked up in the zone of this port.
    Untrackable(PortId),
    /// A filter or a jump names a chain that does not exist.
    NoSuchChain(ChainId),
    /// The chain jumps too deep, or has too many rules for one packet.
    ChainTooLong(ChainId),
    /// The datapath port carries no virtual port.
    NoSuchPort(u32),
    /// The virtual port does not exist or is not a bridge's.
    NotABridgePort(PortId),
    /// The ingress port is administratively down.
    PortDown(PortId),
    /// The port's bridge does not exist.
    NoSuchBridge(BridgeId),
    /// The bridge is administratively down.
    BridgeDown(BridgeId),
    /// The packet has no Ethernet header.
    NoEthernet(PortId),
    /// Recirculated under an id that stands for nothing.
    NoSuchRecirculation(u32),
    /// The source address is a group's.
    SourceIsGroup(PortId),
    /// Link-local control (IEEE 802.1Q §8.6.3): 01:80:c2:00:00:00 to 0f.
    LinkLocalControl(BridgeId),
    /// A tag on a bridge without VLANs.
    Tagged(BridgeId),
    /// A tag that names no VLAN: 802.1ad, VLAN 4095, a second priority tag, or cut short.
    BadTag(BridgeId),
    /// Sent to the DHCP server's MAC, which forwards nothing.
    ForServer(BridgeId),
    /// The destination is behind the ingress port.
    Hairpin(PortId),
    /// The destination's port is not carried by this host, or not one of this bridge.
    NotHere(PortId),
    /// The destination's port is administratively down.
    EgressDown(PortId),
    /// To be flooded, and the bridge has no other port here that is up.
    NobodyElse(BridgeId),
    // === undecided
    /// An object that decides is not loaded yet.
    NotLoaded(ObjectId),
}

impl Reason {
    /// A name in kebab-case: stable, for metrics and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Unicast(_) => "unicast",
            Reason::FloodGroup(_) => "flood-group",
            Reason::FloodUnknown(_) => "flood-unknown",
            Reason::Dhcp(_) => "dhcp",
            Reason::DhcpUnanswered(_) => "dhcp-unanswered",
            Reason::Arp(..) => "arp",
            Reason::Tracked(_) => "tracked",
            Reason::Filtered(_) => "filtered",
            Reason::Rejected(_) => "rejected",
            Reason::FilteredEverywhere(_) => "filtered-everywhere",
            Reason::Security(_, violation) => violation.name(),
            Reason::InvalidConnection(_) => "invalid-connection",
            Reason::Cut(_) => "connection-cut",
            Reason::Untrackable(_) => "untrackable",
            Reason::NoSuchChain(_) => "no-such-chain",
            Reason::ChainTooLong(_) => "chain-too-long",
            Reason::NoSuchPort(_) => "no-such-port",
            Reason::NotABridgePort(_) => "not-a-bridge-port",
            Reason::PortDown(_) => "port-down",
            Reason::NoSuchBridge(_) => "no-such-bridge",
            Reason::BridgeDown(_) => "bridge-down",
            Reason::NoEthernet(_) => "no-ethernet",
            Reason::NoSuchRecirculation(_) => "no-such-recirculation",
            Reason::SourceIsGroup(_) => "source-is-group",
            Reason::LinkLocalControl(_) => "link-local-control",
            Reason::Tagged(_) => "tagged",
            Reason::BadTag(_) => "bad-tag",
            Reason::ForServer(_) => "for-server",
            Reason::Hairpin(_) => "hairpin",
            Reason::NotHere(_) => "not-here",
            Reason::EgressDown(_) => "egress-down",
            Reason::NobodyElse(_) => "nobody-else",
            Reason::NotLoaded(_) => "not-loaded",
        }
    }

    /// The object that decided, if one did.
    pub fn object(self) -> Option<ObjectId> {
        Some(match self {
            Reason::Unicast(port)
            | Reason::NotABridgePort(port)
            | Reason::PortDown(port)
            | Reason::NoEthernet(port)
            | Reason::SourceIsGroup(port)
            | Reason::Hairpin(port)
            | Reason::NotHere(port)
            | Reason::EgressDown(port)
            | Reason::Tracked(port)
            | Reason::Security(port, _)
            | Reason::InvalidConnection(port)
            | Reason::Cut(port)
            | Reason::Untrackable(port) => port.into(),
            Reason::Filtered(rule) | Reason::Rejected(rule) => rule.into(),
            Reason::NoSuchChain(chain) | Reason::ChainTooLong(chain) => chain.into(),
            Reason::FloodGroup(bridge)
            | Reason::FloodUnknown(bridge)
            | Reason::Arp(bridge, _)
            | Reason::NoSuchBridge(bridge)
            | Reason::BridgeDown(bridge)
            | Reason::LinkLocalControl(bridge)
            | Reason::Tagged(bridge)
            | Reason::BadTag(bridge)
            | Reason::ForServer(bridge)
            | Reason::NobodyElse(bridge)
            | Reason::FilteredEverywhere(bridge) => bridge.into(),
            Reason::Dhcp(host) | Reason::DhcpUnanswered(host) => host.into(),
            Reason::NotLoaded(object) => object,
            Reason::NoSuchPort(_) | Reason::NoSuchRecirculation(_) => return None,
        })
    }

    /// Whether the packet goes nowhere: neither out of a port nor to a local service that takes it.
    pub const fn is_drop(self) -> bool {
        !matches!(
            self,
            Reason::Unicast(_)
                | Reason::FloodGroup(_)
                | Reason::FloodUnknown(_)
                | Reason::Dhcp(_)
                | Reason::DhcpUnanswered(_)
                | Reason::Arp(..)
                | Reason::Tracked(_)
                | Reason::NotLoaded(_)
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Unicast(port) => write!(f, "sent out of port {port}"),
            Reason::FloodGroup(bridge) => write!(f, "group address, flooded on bridge {bridge}"),
            Reason::FloodUnknown(bridge) => {
                write!(f, "unknown destination, flooded on bridge {bridge}")
            }
            Reason::Dhcp(host) => write!(f, "to DHCP, for its host {host}"),
            Reason::DhcpUnanswered(host) => write!(f, "taken by DHCP, host {host} gets no answer"),
            Reason::Arp(bridge, mac) => write!(f, "ARP answered by bridge {bridge} with {mac}"),
            Reason::Tracked(port) => {
                write!(f, "looked up among the connections of port {port}")
            }
            Reason::Filtered(rule) => write!(f, "dropped by rule {rule}"),
            Reason::Rejected(rule) => write!(f, "rejected by rule {rule}"),
            Reason::FilteredEverywhere(bridge) => {
                write!(f, "flooded on bridge {bridge}, and let out by no port")
            }
            Reason::Security(port, violation) => {
                write!(f, "the guest at port {port} {}", violation.words())
            }
            Reason::InvalidConnection(port) => {
                write!(f, "fits no connection of port {port} and may not begin one")
            }
            Reason::Cut(port) => write!(
                f,
                "a reply in a connection of port {port} that is not allowed any more"
            ),
            Reason::Untrackable(port) => {
                write!(
                    f,
                    "cannot be looked up among the connections of port {port}"
                )
            }
            Reason::NoSuchChain(chain) => write!(f, "chain {chain} does not exist"),
            Reason::ChainTooLong(chain) => {
                write!(f, "chain {chain} jumps too deep or has too many rules")
            }
            Reason::NoSuchPort(number) => {
                write!(f, "datapath port {number} carries no virtual port")
            }
            Reason::NotABridgePort(port) => {
                write!(f, "port {port} does not exist or is no bridge's")
            }
            Reason::PortDown(port) => write!(f, "port {port} is administratively down"),
            Reason::NoSuchBridge(bridge) => write!(f, "bridge {bridge} does not exist"),
            Reason::BridgeDown(bridge) => write!(f, "bridge {bridge} is administratively down"),
            Reason::NoEthernet(port) => write!(f, "no Ethernet header, on port {port}"),
            Reason::NoSuchRecirculation(id) => write!(f, "recirculation id {id} is not in use"),
            Reason::SourceIsGroup(port) => {
                write!(f, "the source is a group address, on port {port}")
            }
            Reason::LinkLocalControl(bridge) => {
                write!(f, "link-local control frame, not bridged by {bridge}")
            }
            Reason::Tagged(bridge) => write!(f, "VLAN tag on bridge {bridge}, which has no VLANs"),
            Reason::BadTag(bridge) => write!(f, "tag names no VLAN of bridge {bridge}"),
            Reason::ForServer(bridge) => {
                write!(
                    f,
                    "sent to the DHCP server of bridge {bridge}, which forwards nothing"
                )
            }
            Reason::Hairpin(port) => {
                write!(f, "the destination is behind the ingress port {port}")
            }
            Reason::NotHere(port) => {
                write!(
                    f,
                    "the destination's port {port} is not on this host and bridge"
                )
            }
            Reason::EgressDown(port) => {
                write!(f, "the destination's port {port} is administratively down")
            }
            Reason::NobodyElse(bridge) => {
                write!(f, "bridge {bridge} has no other port here that is up")
            }
            Reason::NotLoaded(object) => write!(f, "{object} is not loaded yet"),
        }
    }
}

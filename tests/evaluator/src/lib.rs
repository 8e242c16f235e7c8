//! The reference evaluator: a second model of topology and frame, slow and plain, that says what
//! must happen to a frame. The simulation is held against it.
//!
//! Purpose: be obviously right. The topology is a list of objects, every question a scan of it;
//! there is no index, no snapshot, no cache and no mask.
//!
//! Place in the flow: tests only. Inputs are a topology, the ports that a datapath carries, the
//! time and a frame's bytes; the output is a [`Verdict`]. It shares with the product the object
//! types alone.
//!
//! What it does not do: interior links, routers and tunnels (they come with
//! the issues that build them), DHCP's own answer (that a frame goes to DHCP is a verdict), and
//! what a kernel does after the verdict (MTU, queues, meters).
//!
//! # The rules of layer 2
//!
//! A frame enters by a datapath port. The first rule that decides is the verdict, its [`Reason`]
//! stands in brackets. "Key" is what the kernel extracts: the Ethernet type of a SNAP frame with
//! OUI 0 is the one inside; the fields of an ARP that is not Ethernet/IPv4, of a cut-short header,
//! of a later fragment, read as zero or absent. No rule asks for a valid checksum.
//!
//! **Entry**
//!
//! 1. The datapath port carries no virtual port ⇒ drop [`NoSuchPort`](Reason::NoSuchPort). Nothing
//!    may be kept of this verdict.
//! 2. The virtual port does not exist, or belongs to no bridge ⇒ drop
//!    [`NotABridgePort`](Reason::NotABridgePort).
//! 3. The port is administratively down ⇒ drop [`PortDown`](Reason::PortDown).
//! 4. The bridge does not exist ⇒ drop [`NoSuchBridge`](Reason::NoSuchBridge); it is
//!    administratively down ⇒ drop [`BridgeDown`](Reason::BridgeDown).
//! 5. Fewer than 14 bytes ⇒ drop [`TooShort`](Reason::TooShort).
//! 6. The source MAC has the group bit (multicast, broadcast) ⇒ drop
//!    [`SourceIsGroup`](Reason::SourceIsGroup).
//! 7. The destination is 01:80:c2:00:00:00 to 01:80:c2:00:00:0f ⇒ drop
//!    [`LinkLocalControl`](Reason::LinkLocalControl), on every bridge, tagged or not.
//! 8. A priority tag (TPID 0x8100, VLAN 0, any priority), if it is the outermost, is taken off; all
//!    further rules and every output see the frame without it. Only one is.
//! 9. The frame now still has a tag (TPID 0x8100 or 0x88a8):
//!    - on a bridge that is not VLAN-aware ⇒ drop [`Tagged`](Reason::Tagged);
//!    - on a VLAN-aware bridge with TPID 0x88a8, with VLAN 0 (a second priority tag) or 4095, or
//!      cut short (no Ethernet type after it) ⇒ drop [`BadTag`](Reason::BadTag);
//!    - otherwise its VLAN is the one of the tag. The tag, and what is inside it, is kept in every
//!      output.
//!
//!    A frame without a tag is in VLAN 0.
//!
//! **Port security**, at a port that has it [`Security`](Reason::Security)
//!
//! The source MAC is of a pair; there is no second tag behind the one that names the VLAN; the type is ARP,
//! IPv4 or IPv6. In ARP, sender MAC and address are of one pair, or the address is 0.0.0.0. An IPv4 source is
//! in a prefix of a pair with the source MAC, or it is 0.0.0.0 in a DHCP client's broadcast. An IPv6 source is
//! so, or that MAC's link-local address, or `::` in a listener report or neighbour solicitation to a group of
//! the link. Neighbour discovery comes in one piece, with code 0; the MAC in its option (the source MAC where there is none)
//! is of a pair, and may use the target of an advertisement. No message from a DHCP server's port to a client's,
//! no router advertisement.
//!
//! **Connections**
//!
//! A port *asks* for the connection (for the ports) if any rule does that can be reached from its two chains or
//! its bridge's. IP frames to a station are tracked at a port that asks, but for ICMPv6 130 to 137 and 143. The
//! zone of the ingress port answers, else that of the first port where the frame leaves: invalid, or a reply in
//! a connection that was cut, ends it there [`InvalidConnection`](Reason::InvalidConnection) [`Cut`](Reason::Cut); a flood still leaves by
//! ports that do not ask. A
//! fragment that is tracked, or whose port's rules ask for ports, is put together first
//! [`PutTogether`](Reason::PutTogether). What leaves as an original packet enters its connection in the zone of
//! the ingress port, if that tracks it, and of each port where it leaves and that tracks it.
//!
//! Where connections are kept, an original packet of an admitted one passes chains that deny it, at a port that tracks
//! it or behind one, unless it is flooded; then it enters no connection.
//!
//! **Chains**
//!
//! The ingress port's inbound chain and the bridge's are asked after DHCP and before learning; the bridge's
//! outbound chain and that of the port where the frame leaves, for each such port, at the end. Rules are looked at
//! in order; accept, drop and reject end all chains of the place, return goes back to the chain that jumped,
//! the end of the first chain accepts. A condition holds if the fragment policy does and, inverted or not, all
//! its tests do; a field that is absent equals nothing. A frame that came in fragments passes if it would as a
//! first one and as a later one. Jumps go 32 deep at most, and 65,536 rules are looked at.
//!
//! A rule with a name for the log that decides at a place is logged, once for a frame: what it drops or rejects; what it
//! accepts if that is not tracked, or goes the way of the first packet of a connection that was not entered yet. Of a
//! datagram that came in fragments and is denied as one of them, only the denial is logged.
//!
//! **DHCP**, for frames of VLAN 0
//!
//! 10. All of these hold ⇒ the frame goes to DHCP and nowhere else, and teaches nothing
//!     [`Dhcp`](Reason::Dhcp):
//!     - key: IPv4, not a fragment, UDP, source port 68, destination port 67;
//!     - key: the IP destination is 255.255.255.255, or the server's address
//!       ([`server_address`](World::server_address)) of an enabled DHCP subnet of the bridge
//!       (whatever the Ethernet destination is);
//!     - the source MAC is a DHCP host of the bridge; of the subnets that exist and have it as a
//!       host the first by prefix (address, then length) is enabled;
//!     - bytes: Ethernet II, IP version 4, lengths of IP and UDP within what contains them, a BOOTP
//!       message of at least 240 bytes with `op` 1, `htype` 1, `hlen` 6, `giaddr` 0, `chaddr` equal
//!       to the source MAC, and DHCP's magic cookie.
//!
//!     Everything else is ordinary traffic: an unknown MAC, a disabled subnet, a relayed message,
//!     another's `chaddr`. Message type and options are DHCP's business.
//!
//! **Learning**
//!
//! 11. The source MAC is now learned in the frame's VLAN at the ingress port. It moves at once;
//!     nothing protects a persistent entry from it. This is a use of the entry.
//! 12. A learned entry is gone when its last use is the ageing time ago or longer (300 s unless
//!     configured), and counts for nothing while its port is not carried here or not a port of the
//!     bridge. Each frame that rule 18 judges by it is a use of it, whatever becomes of the frame.
//!
//! **ARP**, for frames of VLAN 0
//!
//! 13. An ARP request is *answerable* when the key shows ARP, operation 1, and sender and target
//!     addresses differ (else it is gratuitous), and the Ethernet destination is ff:ff:ff:ff:ff:ff
//!     or the DHCP server's MAC ([`SERVER_MAC`](weft_topology::dhcp::SERVER_MAC)).
//! 14. The target of an answerable request is known: the first of (a) the bridge's ARP table, (b) a
//!     DHCP host of the bridge with that address, its subnet enabled or not, (c) the server of an
//!     enabled DHCP subnet of the bridge, with the server's MAC. The MAC found is not the request's
//!     sender hardware address (an address's owner that probes for it, RFC 5227, must not find
//!     itself) ⇒ the request is answered out of its port and goes nowhere else
//!     [`ArpAnswered`](Reason::ArpAnswered). The answer is untagged Ethernet II of 42 bytes: from
//!     the MAC found to the request's Ethernet source. Where a table has several entries for an
//!     address, the least id counts.
//! 15. All other ARP is ordinary traffic: an unknown target, gratuitous, a reply, a unicast
//!     request.
//!
//! **Forwarding**
//!
//! 16. The destination has the group bit ⇒ flood [`FloodGroup`](Reason::FloodGroup). Flooding
//!     reaches every other port of the bridge that is carried here and administratively up, never
//!     the ingress port.
//! 17. VLAN 0 and the destination is the DHCP server's MAC ⇒ drop [`ForServer`](Reason::ForServer):
//!     a server forwards nothing, and no guest shall see what was meant for it.
//! 18. The destination is in the table of its VLAN: a learned entry, else a persistent one (the
//!     least id).
//!     - its port is the ingress port ⇒ drop [`Hairpin`](Reason::Hairpin);
//!     - its port is not carried here, or not a port of this bridge ⇒ drop
//!       [`NotHere`](Reason::NotHere);
//!     - its port is administratively down ⇒ drop [`EgressDown`](Reason::EgressDown);
//!     - otherwise ⇒ out of that port [`Unicast`](Reason::Unicast).
//! 19. Not in the table ⇒ flood [`FloodUnknown`](Reason::FloodUnknown).

mod arp;
mod dhcp;
mod enter;
mod filter;
mod frame;
mod learning;
mod objects;
mod packet;
mod security;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use weft_topology::id::{BridgeId, DhcpHostId, DhcpSubnetId, PortId, RuleId};
use weft_topology::{LocalPort, MacAddr, Object};

pub use security::Offence;

/// All that a verdict depends on beside the frame.
#[derive(Clone, Debug)]
pub struct World {
    /// The topology.
    pub objects: Vec<Object>,
    /// The ports that the datapath carries.
    pub local: Vec<LocalPort>,
    /// What the bridges have learned; entries that are too old may still stand here.
    pub learned: Vec<Learned>,
    /// How long a learned entry lives unused.
    pub ageing: Duration,
    /// Whether connections that were admitted are kept when rules deny them.
    pub keeps: bool,
}

/// Where a bridge has seen a MAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// The bridge.
    pub bridge: BridgeId,
    /// VLAN id, 0 for untagged frames.
    pub vlan: u16,
    /// The address.
    pub mac: MacAddr,
    /// The port behind which it is.
    pub port: PortId,
    /// When it was last used, on the clock that [`World::enter`] is given.
    pub used: Duration,
}

/// What becomes of one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The frames that leave, by datapath port.
    pub outputs: BTreeMap<u32, Vec<u8>>,
    /// A frame that the bridge itself answers with, out of this datapath port.
    pub answer: Option<(u32, Vec<u8>)>,
    /// A local service that the frame is handed to.
    pub punt: Option<Punt>,
    /// The ports whose zones get its connection.
    pub commits: BTreeSet<PortId>,
    /// What rules said of it that is to be logged.
    pub logged: BTreeSet<(RuleId, Said)>,
    /// Why.
    pub reason: Reason,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Said {
    /// It passes.
    Accept,
    /// It is dropped.
    Drop,
    /// It is dropped, and its sender told.
    Reject,
}

/// What connection tracking knows of a packet that enters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Its connection, as the zone says that is asked.
    pub connection: Connection,
    /// Whether its connection was entered in that zone before.
    pub is_entered: bool,
    /// Whether it came in fragments, which were put together.
    pub came_in_fragments: bool,
}

/// What a zone says of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// It begins one, or goes the way of the one that began it.
    #[default]
    Original,
    /// It goes the way of the one that began it, and that was admitted, between these MACs and from this port.
    Admitted,
    /// It is a reply, or an ICMP error about a connection.
    Return,
    /// The same, in a connection that was cut.
    ReturnCut,
    /// It fits none and may not begin one.
    Invalid,
}

/// A local service that takes a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Punt {
    /// The DHCP server of a subnet, for one of its hosts.
    Dhcp {
        /// The subnet.
        subnet: DhcpSubnetId,
        /// The host.
        host: DhcpHostId,
    },
}

/// The rule that decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Rule 1.
    NoSuchPort,
    /// Rule 2.
    NotABridgePort,
    /// Rule 3.
    PortDown,
    /// Rule 4.
    NoSuchBridge,
    /// Rule 4.
    BridgeDown,
    /// Rule 5.
    TooShort,
    /// Rule 6.
    SourceIsGroup,
    /// Rule 7.
    LinkLocalControl,
    /// Rule 9.
    Tagged,
    /// Rule 9.
    BadTag,
    /// Port security.
    Security(Offence),
    /// A fragment goes to be put together.
    PutTogether,
    /// No connection fits, and none may begin.
    InvalidConnection,
    /// The connection was cut.
    Cut,
    /// A rule drops it.
    Filtered(RuleId),
    /// A rule rejects it.
    Rejected(RuleId),
    /// Flooded, and no port lets it out.
    FilteredEverywhere,
    /// A filter or a jump names a chain that does not exist.
    NoSuchChain,
    /// Chains jump too deep, or have too many rules.
    ChainTooLong,
    /// Rule 10.
    Dhcp,
    /// Rule 14.
    ArpAnswered,
    /// Rule 16.
    FloodGroup,
    /// Rule 17.
    ForServer,
    /// Rule 18.
    Hairpin,
    /// Rule 18.
    NotHere,
    /// Rule 18.
    EgressDown,
    /// Rule 18.
    Unicast,
    /// Rule 19.
    FloodUnknown,
}

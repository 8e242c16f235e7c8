//! Chains, rules and their conditions, and the groups that conditions name.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use pnet_base::MacAddr;
use serde::{Deserialize, Serialize};

use crate::id::{
    AddressGroupId, AddressGroupMemberId, ChainId, Kind, PortGroupId, PortId, RuleId, derived_id,
};

/// Jumps from chain to chain in a row, at most: what a packet costs has an end.
pub const MOST_JUMPS: usize = 32;

/// An ordered list of rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Its id.
    pub id: ChainId,
    /// The tenant that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// A name for people; need not be unique.
    #[serde(default)]
    pub name: String,
    /// Its rules in the order of evaluation.
    #[serde(default)]
    pub rules: Vec<RuleId>,
}

/// One rule of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its id.
    pub id: RuleId,
    /// The chain that it belongs to.
    pub chain: ChainId,
    /// Which packets it is for.
    pub condition: Condition,
    /// What happens to them.
    pub action: RuleAction,
    /// A name under which matches are logged, rate-limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// What a rule does with the packets that meet its condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RuleAction {
    /// The packet passes this chain and those that jumped to it.
    Accept,
    /// The next rule is looked at.
    Continue,
    /// The packet is dropped in silence.
    Drop,
    /// The packet is dropped, and the sender is told.
    Reject,
    /// Back to the chain that jumped here.
    Return,
    /// Another chain is evaluated; when it does not decide, the next rule here.
    Jump {
        /// The other chain.
        chain: ChainId,
    },
    /// Source or destination are rewritten.
    Nat {
        /// Which of the two.
        direction: NatDirection,
        /// What to: one of these is chosen. Empty for a reverse rule.
        targets: Vec<NatTarget>,
        /// Whether this undoes what a forward rule did.
        reverse: bool,
        /// Where evaluation goes on after it.
        then: NatVerdict,
    },
}

/// Which address a NAT rule rewrites.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NatDirection {
    /// The source.
    Source,
    /// The destination.
    Destination,
}

/// Where evaluation goes on after a translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NatVerdict {
    /// The packet passes.
    Accept,
    /// The next rule is looked at.
    Continue,
    /// Back to the chain that jumped here.
    Return,
}

/// A range of addresses and ports that a NAT rule may choose from, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatTarget {
    /// First address.
    pub first: IpAddr,
    /// Last address, of the same family.
    pub last: IpAddr,
    /// Ports; absent: the packet keeps its own (static NAT).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<PortRange>,
}

/// A range of layer 4 ports (or of ICMP types, RFC 792), both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRange {
    /// First.
    pub first: u16,
    /// Last, not below `first`.
    pub last: u16,
}

/// A value to compare with, and whether the comparison must fail instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test<T> {
    /// The value.
    pub value: T,
    /// True: the rule is for packets that differ.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub invert: bool,
}

/// A MAC address of which some bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskedMac {
    /// The address.
    pub mac: MacAddr,
    /// Bits that are compared.
    pub mask: MacAddr,
}

/// What a rule asks of an IP packet's place in its datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FragmentPolicy {
    /// Any packet.
    #[default]
    Any,
    /// Only later fragments: those without a layer 4 header.
    Nonheader,
    /// Packets that have a layer 4 header: whole ones and first fragments.
    Header,
    /// Only whole packets.
    Unfragmented,
}

impl FragmentPolicy {
    /// The policy of a rule that does not say one, as in MidoNet's API. What tests layer 4 ports is for
    /// packets that have them; a translation that chooses or tests ports is for whole packets; all else
    /// is for any packet.
    pub fn default_of(condition: &Condition, action: &RuleAction) -> Self {
        let ports = condition.source_port.is_some() || condition.destination_port.is_some();
        match action {
            RuleAction::Nat {
                targets,
                reverse: false,
                ..
            } if ports || !is_static(targets) => FragmentPolicy::Unfragmented,
            _ if ports => FragmentPolicy::Header,
            _ => FragmentPolicy::Any,
        }
    }
}

/// Whether there is one address and no choice of ports.
fn is_static(targets: &[NatTarget]) -> bool {
    matches!(targets, [only] if only.first == only.last && only.ports.is_none())
}

/// Which packets a rule is for: those that pass every test given. With none given, every packet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Condition {
    /// The rule is for packets that do *not* pass all the tests.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub invert: bool,
    /// Only packets of connections' original direction (or their first packets).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub match_forward_flow: bool,
    /// Only replies, and ICMP errors related to a connection.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub match_return_flow: bool,
    /// Entered the device by one of these ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_ports: Option<Test<BTreeSet<PortId>>>,
    /// Leaves the device by one of these ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_ports: Option<Test<BTreeSet<PortId>>>,
    /// Entered the topology by a port of this group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_group: Option<Test<PortGroupId>>,
    /// Entered the device by a port of this group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_port_group: Option<Test<PortGroupId>>,
    /// Leaves the device by a port of this group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_port_group: Option<Test<PortGroupId>>,
    /// Source address is in this group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_group: Option<Test<AddressGroupId>>,
    /// Destination address is in this group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_group: Option<Test<AddressGroupId>>,
    /// Ethertype.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ether_type: Option<Test<u16>>,
    /// Ethernet source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac_source: Option<Test<MaskedMac>>,
    /// Ethernet destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac_destination: Option<Test<MaskedMac>>,
    /// VLAN id; 0 asks for an untagged frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<Test<u16>>,
    /// IP protocol or next header, or ARP operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Test<u8>>,
    /// The IP header's TOS or traffic class byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos: Option<Test<u8>>,
    /// Source address (in ARP, the sender's).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Test<IpNet>>,
    /// Destination address (in ARP, the target's).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<Test<IpNet>>,
    /// Source port, or ICMP type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_port: Option<Test<PortRange>>,
    /// Destination port, or ICMP code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_port: Option<Test<PortRange>>,
    /// Place in a fragmented datagram.
    pub fragment_policy: FragmentPolicy,
}

/// A named set of ports. A port names the groups that it is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortGroup {
    /// Its id.
    pub id: PortGroupId,
    /// The tenant that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// A name for people; need not be unique.
    #[serde(default)]
    pub name: String,
    /// Whether its members share the state of connections.
    #[serde(default)]
    pub stateful: bool,
}

/// A named set of IP prefixes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressGroup {
    /// Its id.
    pub id: AddressGroupId,
    /// The tenant that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// A name for people; need not be unique.
    #[serde(default)]
    pub name: String,
}

/// One prefix of an address group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressGroupMember {
    /// Derived from group and prefix.
    pub id: AddressGroupMemberId,
    /// The group.
    pub group: AddressGroupId,
    /// The prefix; a single address is a /32 or /128.
    pub prefix: IpNet,
}

impl AddressGroupMember {
    /// A member with the id that its key gives.
    pub fn new(group: AddressGroupId, prefix: IpNet) -> Self {
        let id = derived_id(
            Kind::AddressGroupMember,
            group.0,
            &prefix.trunc().to_string(),
        );
        Self {
            id: AddressGroupMemberId(id),
            group,
            prefix: prefix.trunc(),
        }
    }
}

//! A rule's condition as it is asked: what it tests, one after the other, and nothing of what it does not. Rules that
//! are passed over are most of what a packet meets, so a check is small and stands beside the others.

use ipnet::IpNet;
use smallvec::SmallVec;

use crate::chain::{Condition, FragmentPolicy, MaskedMac, PortRange, Test};
use crate::id::AddressGroupId;

/// All that a condition asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checks {
    /// Place in a fragmented datagram; it is no part of what `invert` inverts.
    pub fragment: FragmentPolicy,
    /// The condition is met by packets that do not pass all the checks.
    pub invert: bool,
    /// In the order in which they are made: what needs nothing of the packet first, then what most packets share, so
    /// that masks stay wide.
    pub all: SmallVec<[Check; 4]>,
}

/// One test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is compared.
    pub asks: Asks,
    /// It passes if the comparison fails.
    pub invert: bool,
}

/// What is compared with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// Ports and port groups, as they stand in the condition, each with its own inversion.
    Ports,
    /// That the packet goes the way of its connection's first packet.
    Forward,
    /// That it goes the other way, or is an error about one.
    Return,
    /// VLAN id.
    Vlan(u16),
    /// Ethertype.
    EtherType(u16),
    /// IP protocol, or ARP operation.
    Protocol(u8),
    /// Ethernet source.
    MacSource(MaskedMac),
    /// Ethernet destination.
    MacDestination(MaskedMac),
    /// Destination port, or ICMP code.
    DestinationPort(PortRange),
    /// Source port, or ICMP type.
    SourcePort(PortRange),
    /// TOS or traffic class.
    Tos(u8),
    /// Source address.
    Source(IpNet),
    /// Destination address.
    Destination(IpNet),
    /// The group of the source address.
    SourceGroup(AddressGroupId),
    /// The group of the destination address.
    DestinationGroup(AddressGroupId),
}

impl Checks {
    /// Those of a condition.
    pub fn of(condition: &Condition) -> Self {
        let mut all = SmallVec::new();
        let mut add = |asks, invert| all.push(Check { asks, invert });
        if names_ports(condition) {
            add(Asks::Ports, false);
        }
        if condition.match_forward_flow {
            add(Asks::Forward, false);
        }
        if condition.match_return_flow {
            add(Asks::Return, false);
        }
        // Addresses come after the ports: who speaks to another port shall not have a flow for each address that does.
        let tests = [
            asked(condition.vlan, Asks::Vlan),
            asked(condition.ether_type, Asks::EtherType),
            asked(condition.protocol, Asks::Protocol),
            asked(condition.mac_source, Asks::MacSource),
            asked(condition.mac_destination, Asks::MacDestination),
            asked(condition.destination_port, Asks::DestinationPort),
            asked(condition.source_port, Asks::SourcePort),
            asked(condition.tos, Asks::Tos),
            asked(condition.source, Asks::Source),
            asked(condition.destination, Asks::Destination),
            asked(condition.source_group, Asks::SourceGroup),
            asked(condition.destination_group, Asks::DestinationGroup),
        ];
        for check in tests.into_iter().flatten() {
            add(check.asks, check.invert);
        }
        Self {
            fragment: condition.fragment_policy,
            invert: condition.invert,
            all,
        }
    }
}

fn asked<T>(test: Option<Test<T>>, asks: impl FnOnce(T) -> Asks) -> Option<Check> {
    test.map(|Test { value, invert }| Check {
        asks: asks(value),
        invert,
    })
}

fn names_ports(condition: &Condition) -> bool {
    condition.in_ports.is_some()
        || condition.out_ports.is_some()
        || condition.port_group.is_some()
        || condition.in_port_group.is_some()
        || condition.out_port_group.is_some()
}

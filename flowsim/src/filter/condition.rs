//! Whether a packet meets a rule's condition.
//!
//! In which order it is asked stands in [`Checks`].
//!
//! A field that the packet does not have (an address of a frame that is not IP, a port of a later fragment)
//! equals nothing, so that an inverted test for it passes. In ARP, addresses are sender's and target's, the
//! protocol is the operation.

use std::net::IpAddr;
use std::ops::ControlFlow;

use ipnet::IpNet;
use weft_flow::present::{fragment, protocol};
use weft_flow::{Field, key};
use weft_topology::Tag;
use weft_topology::chain::{Condition, FragmentPolicy, MaskedMac, PortRange, Rule, Test};
use weft_topology::id::{AddressGroupId, PortGroupId};
use weft_topology::port::Port;
use weft_topology::snapshot::{Asks, Check, Checks};

use super::Hook;
use super::facts::{Facts, Kind, Piece};
use crate::connection::{Connection, Direction};
use crate::reason::Reason;
use crate::walk::Walk;

/// Which end of the packet a test is for.
#[derive(Clone, Copy)]
enum End {
    Source,
    Destination,
}

/// Whether a packet meets a rule's condition, by its checks.
pub(super) fn holds(
    walk: &mut Walk<'_, '_>,
    checks: &Checks,
    rule: &Rule,
    hook: Hook<'_>,
    facts: &mut Facts,
) -> ControlFlow<Reason, bool> {
    // The place in the datagram is no part of what is inverted (MidoNet has it so).
    if !is_of(walk, checks.fragment, facts) {
        return ControlFlow::Continue(false);
    }
    for Check { asks, invert } in &checks.all {
        if passes(walk, asks, &rule.condition, hook, facts)? == *invert {
            return ControlFlow::Continue(checks.invert);
        }
    }
    ControlFlow::Continue(!checks.invert)
}

fn passes(
    walk: &mut Walk<'_, '_>,
    asks: &Asks,
    of: &Condition,
    hook: Hook<'_>,
    facts: &mut Facts,
) -> ControlFlow<Reason, bool> {
    ControlFlow::Continue(match *asks {
        Asks::Ports => ports_hold(walk, of, hook),
        Asks::Forward => !is_return(walk),
        Asks::Return => is_return(walk),
        Asks::Vlan(vlan) => walk.vlan == vlan,
        Asks::EtherType(value) => walk.probe.is(Field::EthType, value.into()),
        Asks::Protocol(value) => is_protocol(walk, value, facts),
        Asks::MacSource(mac) => is_mac(walk, Field::EthSrc, mac),
        Asks::MacDestination(mac) => is_mac(walk, Field::EthDst, mac),
        Asks::DestinationPort(range) => has_port(walk, End::Destination, range, facts),
        Asks::SourcePort(range) => has_port(walk, End::Source, range, facts),
        Asks::Tos(value) => facts.is_ip(walk.probe) && walk.probe.is(Field::IpTos, value.into()),
        Asks::Source(prefix) => is_in(walk, End::Source, prefix, facts),
        Asks::Destination(prefix) => is_in(walk, End::Destination, prefix, facts),
        Asks::SourceGroup(group) => in_group(walk, End::Source, group, facts)?,
        Asks::DestinationGroup(group) => in_group(walk, End::Destination, group, facts)?,
    })
}

fn tested<T>(test: Option<Test<T>>, equals: impl FnOnce(T) -> bool) -> bool {
    test.is_none_or(|Test { value, invert }| equals(value) != invert)
}

fn ports_hold(walk: &Walk<'_, '_>, of: &Condition, hook: Hook<'_>) -> bool {
    let (ingress, out) = (walk.ingress, hook.out_port);
    let one_of = |test: &Option<Test<std::collections::BTreeSet<_>>>, port: Option<&Port>| {
        test.as_ref().is_none_or(|test| {
            port.is_some_and(|port| test.value.contains(&port.id)) != test.invert
        })
    };
    let member = |test: Option<Test<PortGroupId>>, port: Option<&Port>| {
        tested(test, |group| {
            port.is_some_and(|port| port.port_groups.contains(&group))
        })
    };
    one_of(&of.in_ports, Some(ingress))
        && one_of(&of.out_ports, out)
        && member(of.port_group, Some(ingress))
        && member(of.in_port_group, Some(ingress))
        && member(of.out_port_group, out)
}

fn is_return(walk: &Walk<'_, '_>) -> bool {
    walk.connection == Connection::Known(Direction::Return)
}

fn is_of(walk: &mut Walk<'_, '_>, policy: FragmentPolicy, facts: &mut Facts) -> bool {
    if policy == FragmentPolicy::Any {
        return true;
    }
    let piece = facts.piece;
    let (whole, first) = match piece {
        Piece::First => (false, true),
        Piece::Later => (false, false),
        // What is not IP is in one piece.
        Piece::AsItIs if !facts.is_ip(walk.probe) => (true, false),
        Piece::AsItIs => {
            let place = facts.fragment(walk.probe);
            (place == fragment::NO, place == fragment::FIRST)
        }
    };
    match policy {
        FragmentPolicy::Any => true,
        FragmentPolicy::Unfragmented => whole,
        FragmentPolicy::Header => whole || first,
        FragmentPolicy::Nonheader => !whole && !first,
    }
}

fn is_protocol(walk: &mut Walk<'_, '_>, value: u8, facts: &mut Facts) -> bool {
    match facts.kind(walk.probe) {
        Kind::V4 | Kind::V6 => facts.protocol(walk.probe) == Some(value),
        Kind::Arp => walk.probe.is(Field::ArpOp, value.into()),
        Kind::Other => false,
    }
}

fn is_mac(walk: &mut Walk<'_, '_>, field: Field, of: MaskedMac) -> bool {
    let (value, mask) = (key::mac_to_bits(of.mac), key::mac_to_bits(of.mask));
    walk.probe.is_in(field, value, mask)
}

/// The field in which an address of a family stands, if the packet can have one.
const fn address_field(kind: Kind, end: End, is_ipv6: bool) -> Option<Field> {
    Some(match (is_ipv6, kind, end) {
        (true, Kind::V6, End::Source) => Field::Ipv6Src,
        (true, Kind::V6, End::Destination) => Field::Ipv6Dst,
        (false, Kind::V4, End::Source) => Field::Ipv4Src,
        (false, Kind::V4, End::Destination) => Field::Ipv4Dst,
        (false, Kind::Arp, End::Source) => Field::ArpSip,
        (false, Kind::Arp, End::Destination) => Field::ArpTip,
        _ => return None,
    })
}

/// The first bits of an address, as a mask of its field.
fn first_bits(field: Field, length: u8) -> u128 {
    let full = field.full();
    full & !full.checked_shr(length.into()).unwrap_or(0)
}

fn is_in(walk: &mut Walk<'_, '_>, end: End, prefix: IpNet, facts: &mut Facts) -> bool {
    let kind = facts.kind(walk.probe);
    let Some(field) = address_field(kind, end, prefix.addr().is_ipv6()) else {
        return false;
    };
    let value = match prefix.addr() {
        IpAddr::V4(addr) => addr.to_bits().into(),
        IpAddr::V6(addr) => addr.to_bits(),
    };
    walk.probe
        .is_in(field, value, first_bits(field, prefix.prefix_len()))
}

/// Whether an address of the packet is in a group. Short prefixes are tried first: who is in one needs no more
/// bits.
fn in_group(
    walk: &mut Walk<'_, '_>,
    end: End,
    group: AddressGroupId,
    facts: &mut Facts,
) -> ControlFlow<Reason, bool> {
    walk.probe.tag(Tag::Object(group.into()));
    let snapshot = walk.snapshot;
    if walk
        .probe
        .loaded(group.into(), snapshot.address_group(group))?
        .is_none()
    {
        return ControlFlow::Continue(false);
    }
    for is_ipv6 in [false, true] {
        let Some(field) = address_field(facts.kind(walk.probe), end, is_ipv6) else {
            continue;
        };
        for length in snapshot.group_lengths(group, is_ipv6) {
            let Some(prefix) = prefix_of(walk, field, is_ipv6, length) else {
                break;
            };
            walk.probe.tag(Tag::Member(group, prefix));
            if snapshot.group_has(group, prefix) {
                return ControlFlow::Continue(true);
            }
        }
        break;
    }
    ControlFlow::Continue(false)
}

/// The prefix of a length that an address field of the packet has.
fn prefix_of(walk: &mut Walk<'_, '_>, field: Field, is_ipv6: bool, length: u8) -> Option<IpNet> {
    let bits = walk.probe.read_bits(field, first_bits(field, length))?;
    let addr: IpAddr = match is_ipv6 {
        true => std::net::Ipv6Addr::from_bits(bits).into(),
        false => std::net::Ipv4Addr::from_bits(u32::try_from(bits).ok()?).into(),
    };
    IpNet::new(addr, length).ok()
}

/// Whether a port, or an ICMP type or code, is in a range.
fn has_port(walk: &mut Walk<'_, '_>, end: End, range: PortRange, facts: &mut Facts) -> bool {
    let probe = &mut *walk.probe;
    let Some(protocol) = facts.protocol(probe) else {
        return false;
    };
    if facts.fragment(probe) == fragment::LATER {
        return false;
    }
    let icmp = match facts.kind(probe) {
        Kind::V6 => protocol::ICMPV6,
        _ => protocol::ICMP,
    };
    let field = match (protocol, end) {
        (of, End::Source) if of == icmp => Field::IcmpType,
        (of, End::Destination) if of == icmp => Field::IcmpCode,
        (protocol::TCP | protocol::UDP | protocol::SCTP, End::Source) => Field::TpSrc,
        (protocol::TCP | protocol::UDP | protocol::SCTP, End::Destination) => Field::TpDst,
        _ => return false,
    };
    probe.is_between(field, range.first.into(), range.last.into())
}

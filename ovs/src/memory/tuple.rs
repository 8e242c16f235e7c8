//! A packet's tuple: read from its key, translated, written into a key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use weft_flow::action::NatDirection;
use weft_flow::present::{ethertype, fragment, protocol};
use weft_flow::{Field, FlowKey};

use crate::bytes::u16_at;
use crate::conntrack::{Part, Tuple};

/// The tuple of a packet; none if it is not IP, a fragment, or an ICMP message that neither asks nor answers.
/// `transport` begins with the transport header.
pub(super) fn of(key: &FlowKey, transport: &[u8]) -> Option<Tuple> {
    let (source, destination) = match key.u16(Field::EthType)? {
        ethertype::IPV4 => (
            key.ipv4(Field::Ipv4Src)?.into(),
            key.ipv4(Field::Ipv4Dst)?.into(),
        ),
        ethertype::IPV6 => (
            key.ipv6(Field::Ipv6Src)?.into(),
            key.ipv6(Field::Ipv6Dst)?.into(),
        ),
        _ => return None,
    };
    if key.get(Field::IpFrag) != Some(fragment::NO.into()) {
        return None;
    }
    let protocol = u8::try_from(key.get(Field::IpProto)?).ok()?;
    of_parts(source, destination, protocol, transport)
}

/// The tuple of addresses and the beginning of a transport header, of which no more is read than it takes.
pub(super) fn of_parts(
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    transport: &[u8],
) -> Option<Tuple> {
    let part = match protocol {
        protocol::TCP | protocol::UDP | protocol::SCTP => Part::Ports {
            source: u16_at(transport, 0)?,
            destination: u16_at(transport, 2)?,
        },
        protocol::ICMP | protocol::ICMPV6 => Part::Icmp {
            identifier: u16_at(transport, 4)?,
            kind: *transport.first()?,
            code: *transport.get(1)?,
        },
        _ => Part::Nothing,
    };
    let tuple = Tuple {
        source,
        destination,
        protocol,
        part,
    };
    tuple.inverse().map(|_| tuple)
}

/// Translated to an address and, where it has ports, to a port.
pub(super) fn translated(
    mut tuple: Tuple,
    direction: NatDirection,
    address: IpAddr,
    port: Option<u16>,
) -> Tuple {
    let is_source = direction == NatDirection::Source;
    match is_source {
        true => tuple.source = address,
        false => tuple.destination = address,
    }
    if let (
        Part::Ports {
            source,
            destination,
        },
        Some(port),
    ) = (&mut tuple.part, port)
    {
        *(if is_source { source } else { destination }) = port;
    }
    tuple
}

/// Writes a tuple into a key as that of the original direction.
pub(super) fn write_original(tuple: Tuple, key: &mut FlowKey) {
    match (tuple.source, tuple.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            key.set(Field::CtV4Src, v4(source));
            key.set(Field::CtV4Dst, v4(destination));
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            key.set(Field::CtV6Src, v6(source));
            key.set(Field::CtV6Dst, v6(destination));
        }
        _ => return,
    }
    key.set(Field::CtProto, tuple.protocol.into());
    let (source, destination) = match tuple.part {
        Part::Ports {
            source,
            destination,
        } => (source, destination),
        Part::Icmp { kind, code, .. } => (kind.into(), code.into()),
        Part::Nothing => (0, 0),
    };
    key.set(Field::CtTpSrc, source.into());
    key.set(Field::CtTpDst, destination.into());
}

pub(super) fn v4(address: Ipv4Addr) -> u128 {
    address.to_bits().into()
}

pub(super) fn v6(address: Ipv6Addr) -> u128 {
    address.to_bits()
}

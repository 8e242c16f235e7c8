//! A packet's tuple: translated, written into a key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use weft_flow::action::NatDirection;
use weft_flow::{Field, FlowKey};

use crate::conntrack::{Part, Tuple};

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

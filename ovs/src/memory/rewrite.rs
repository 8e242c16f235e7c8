//! Actions that change a frame: set, and push and pop of VLAN tags.

use weft_flow::action::SetField;
use weft_flow::present::{VLAN_PRESENT, fragment, protocol};
use weft_flow::{Field, Header};

use super::checksum::{Sum, replace};
use super::forward::Packet;
use crate::bytes::u32_at;
use crate::extract::dissect;

/// Length of two MAC addresses.
const ADDRESSES: usize = 12;
/// Length of a VLAN tag.
const TAG: usize = 4;

/// Writes fields of a header; `None` if the frame is too short to have it, which drops the packet.
pub(super) fn set(packet: &mut Packet, header: Header, fields: &[SetField]) -> Option<()> {
    for set in fields {
        let value = packet.key.get_or_zero(set.field) & !set.mask | set.value;
        match header {
            Header::SkbPriority | Header::SkbMark => drop(packet.key.set(set.field, value)),
            Header::Ethernet => {
                let at = if set.field == Field::EthDst { 0 } else { 6 };
                write(packet, at, &low_bytes(value, 6), &[])?;
            }
            Header::Ipv4 => set_ipv4(packet, set.field, value)?,
            Header::Ipv6 => set_ipv6(packet, set.field, value)?,
            Header::Tcp | Header::Udp => set_port(packet, header, set.field, value)?,
            _ => return None,
        }
    }
    packet.refresh()
}

/// Puts a tag before those that are there.
pub(super) fn push_vlan(packet: &mut Packet, tpid: u16, tci: u16) -> Option<()> {
    let ([p0, p1], [t0, t1]) = (tpid.to_be_bytes(), (tci & !VLAN_PRESENT).to_be_bytes());
    packet.frame.get(ADDRESSES..)?;
    packet.frame.splice(ADDRESSES..ADDRESSES, [p0, p1, t0, t1]);
    packet.refresh()
}

/// Takes the outer tag off; a frame without one stays as it is.
pub(super) fn pop_vlan(packet: &mut Packet) -> Option<()> {
    if packet.key.has(Field::VlanTci) && packet.frame.len() >= ADDRESSES + TAG + 2 {
        packet.frame.drain(ADDRESSES..ADDRESSES + TAG);
    }
    packet.refresh()
}

fn set_ipv4(packet: &mut Packet, field: Field, value: u128) -> Option<()> {
    let network = dissect(&packet.frame)?.network;
    let mut sums = vec![Sum::Always(network + 10)];
    let (offset, length) = match field {
        Field::Ipv4Src => (12, 4),
        Field::Ipv4Dst => (16, 4),
        Field::IpTos => (1, 1),
        Field::IpTtl => (8, 1),
        // What a set of the whole header repeats.
        _ => return Some(()),
    };
    if length == 4 {
        sums.extend(pseudo_header_sum(packet)?);
    }
    write(packet, network + offset, &low_bytes(value, length), &sums)
}

fn set_ipv6(packet: &mut Packet, field: Field, value: u128) -> Option<()> {
    let network = dissect(&packet.frame)?.network;
    let first = u32_at(&packet.frame, network)?;
    match field {
        Field::Ipv6Src | Field::Ipv6Dst => {
            let offset = if field == Field::Ipv6Src { 8 } else { 24 };
            let sums: Vec<_> = pseudo_header_sum(packet)?.into_iter().collect();
            write(packet, network + offset, &value.to_be_bytes(), &sums)
        }
        Field::IpTtl => write(packet, network + 7, &low_bytes(value, 1), &[]),
        Field::IpTos | Field::Ipv6Label => {
            let bits = u32::try_from(value).unwrap_or_default();
            let first = match field {
                Field::IpTos => first & !0x0ff0_0000 | bits << 20,
                _ => first & !0x000f_ffff | bits,
            };
            write(packet, network, &first.to_be_bytes(), &[])
        }
        _ => Some(()),
    }
}

fn set_port(packet: &mut Packet, header: Header, field: Field, value: u128) -> Option<()> {
    let transport = dissect(&packet.frame)?.transport?;
    let at = transport + if field == Field::TpSrc { 0 } else { 2 };
    let sum = match header {
        Header::Tcp => Sum::Always(transport + 16),
        _ => Sum::Udp(transport + 6),
    };
    write(packet, at, &low_bytes(value, 2), &[sum])
}

/// The transport header's checksum, where it covers the addresses and the frame has it.
fn pseudo_header_sum(packet: &Packet) -> Option<Option<Sum>> {
    let dissection = dissect(&packet.frame)?;
    let is_later = packet.key.get(Field::IpFrag) == Some(fragment::LATER.into());
    let Some(at) = dissection.transport.filter(|_| !is_later) else {
        return Some(None);
    };
    let number = u8::try_from(packet.key.get_or_zero(Field::IpProto)).ok()?;
    Some(match number {
        protocol::TCP => Some(Sum::Always(at + 16)),
        protocol::UDP => Some(Sum::Udp(at + 6)),
        protocol::ICMPV6 => Some(Sum::Always(at + 2)),
        _ => None,
    })
}

fn write(packet: &mut Packet, at: usize, bytes: &[u8], sums: &[Sum]) -> Option<()> {
    replace(&mut packet.frame, at, bytes, sums)
}

fn low_bytes(value: u128, count: usize) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    bytes.iter().copied().skip(16 - count).collect()
}

//! TCP, UDP, SCTP, ICMP and ICMPv6 headers, and neighbour discovery.

use weft_flow::Field;
use weft_flow::present::protocol;

use super::Dissection;
use crate::bytes::{left_at, mac_at, u8_at, u16_at, u128_at};

const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// Length of an ICMPv6 header and the target address.
const NEIGHBOUR_HEADER: usize = 24;
const SOURCE_LINK_ADDRESS: u8 = 1;
const TARGET_LINK_ADDRESS: u8 = 2;

/// Reads the header of an IP protocol, where the kernel knows it. ICMP is looked for in IPv4 only, ICMPv6
/// in IPv6 only: by [`Field::Ipv6Src`].
pub(super) fn read(frame: &[u8], at: usize, protocol: u8, dissection: &mut Dissection) {
    let six = dissection.key.has(Field::Ipv6Src);
    let whole = match protocol {
        protocol::TCP => tcp_is_whole(frame, at),
        protocol::UDP => left_at(frame, at) >= 8,
        protocol::SCTP => left_at(frame, at) >= 12,
        protocol::ICMP if !six => left_at(frame, at) >= 8,
        protocol::ICMPV6 if six => left_at(frame, at) >= 8,
        _ => return,
    };
    dissection.transport = whole.then_some(at);
    let key = &mut dissection.key;
    if matches!(protocol, protocol::ICMP | protocol::ICMPV6) {
        let byte = |offset| u8_at(frame, at + offset).filter(|_| whole).unwrap_or(0);
        key.set(Field::IcmpType, byte(0).into());
        key.set(Field::IcmpCode, byte(1).into());
        if six {
            neighbour_discovery(frame, at, dissection);
        }
        return;
    }
    let word = |offset| u16_at(frame, at + offset).filter(|_| whole).unwrap_or(0);
    key.set(Field::TpSrc, word(0).into());
    key.set(Field::TpDst, word(2).into());
    if protocol == protocol::TCP {
        key.set(Field::TcpFlags, (word(12) & 0x0fff).into());
    }
}

fn tcp_is_whole(frame: &[u8], at: usize) -> bool {
    let length = usize::from(u8_at(frame, at + 12).unwrap_or(0) >> 4) * 4;
    length >= 20 && left_at(frame, at) >= length
}

/// The target and the link-layer addresses of a neighbour solicitation or advertisement with code 0. An
/// option of length 0 or beyond the end ends the options; one that is there twice makes all fields 0.
fn neighbour_discovery(frame: &[u8], at: usize, dissection: &mut Dissection) {
    let key = &mut dissection.key;
    let kind = key.get_or_zero(Field::IcmpType);
    if kind != NEIGHBOUR_SOLICITATION.into() && kind != NEIGHBOUR_ADVERTISEMENT.into() {
        return;
    }
    for field in [Field::NdTarget, Field::NdSll, Field::NdTll] {
        key.set(field, 0);
    }
    let Some(target) = u128_at(frame, at + 8) else {
        return;
    };
    if key.get_or_zero(Field::IcmpCode) != 0 {
        return;
    }
    key.set(Field::NdTarget, target);
    let mut at = at + NEIGHBOUR_HEADER;
    while left_at(frame, at) >= 8 {
        let length = usize::from(u8_at(frame, at + 1).unwrap_or(0)) * 8;
        if length == 0 || length > left_at(frame, at) {
            return;
        }
        let field = match u8_at(frame, at) {
            Some(SOURCE_LINK_ADDRESS) if length == 8 => Some(Field::NdSll),
            Some(TARGET_LINK_ADDRESS) if length == 8 => Some(Field::NdTll),
            _ => None,
        };
        if let Some(field) = field {
            if key.get_or_zero(field) != 0 {
                for field in [Field::NdTarget, Field::NdSll, Field::NdTll] {
                    key.set(field, 0);
                }
                return;
            }
            key.set(field, mac_at(frame, at + 2).unwrap_or(0));
        }
        at += length;
    }
}

//! IPv6 and its extension headers.
//!
//! The kernel walks the headers twice, by two rules: once to find the transport protocol, which an extension
//! header that is cut hides, once to say which headers there are (since Linux 5.18), cut or not.
//!
//! The rules are those of Linux 6.1.192 and 6.12.117. Earlier ones looked for the transport header behind a
//! cut extension header, too, and called an authentication header after a fragment's out of order.

use weft_flow::Field;
use weft_flow::present::{fragment, protocol};

use super::{Dissection, transport};
use crate::bytes::{left_at, u8_at, u16_at, u32_at, u128_at};

/// Length of the fixed header.
const HEADER: usize = 40;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const AUTHENTICATION: u8 = 51;
const NO_NEXT_HEADER: u8 = 59;
const DESTINATION_OPTIONS: u8 = 60;

pub(super) fn read(frame: &[u8], dissection: &mut Dissection) {
    let (key, at) = (&mut dissection.key, dissection.network);
    let fields = [
        Field::Ipv6Src,
        Field::Ipv6Dst,
        Field::Ipv6Label,
        Field::IpProto,
        Field::IpTos,
        Field::IpTtl,
        Field::IpFrag,
        Field::Ipv6Exthdrs,
    ];
    for field in fields {
        key.set(field, 0);
    }
    let (Some(first), Some(source), Some(destination)) = (
        u32_at(frame, at),
        u128_at(frame, at + 8),
        u128_at(frame, at + 24),
    ) else {
        return;
    };
    let byte = |offset| u8_at(frame, at + offset).unwrap_or(0);
    key.set(Field::Ipv6Src, source);
    key.set(Field::Ipv6Dst, destination);
    key.set(Field::Ipv6Label, first.into());
    key.set(Field::IpTos, (first >> 20 & 0xff).into());
    key.set(Field::IpTtl, byte(7).into());
    key.set(Field::IpProto, NO_NEXT_HEADER.into());
    key.set(Field::Ipv6Exthdrs, seen(frame, at + HEADER, byte(6)).into());
    let chain = walk(frame, at + HEADER, byte(6));
    key.set(Field::IpFrag, chain.fragment.into());
    if chain.fragment == fragment::LATER {
        key.set(Field::IpProto, protocol::FRAGMENT.into());
        return;
    }
    if let Some((protocol, at)) = chain.transport {
        key.set(Field::IpProto, protocol.into());
        transport::read(frame, at, protocol, dissection);
    }
}

/// What the extension headers lead to.
struct Chain {
    /// Value of [`Field::IpFrag`].
    fragment: u8,
    /// The last next header and where it begins; none if the headers end too early.
    transport: Option<(u8, usize)>,
}

fn is_extension(next: u8) -> bool {
    matches!(
        next,
        HOP_BY_HOP
            | ROUTING
            | protocol::FRAGMENT
            | AUTHENTICATION
            | NO_NEXT_HEADER
            | DESTINATION_OPTIONS
    )
}

/// Follows the extension headers. A later fragment whose next header is another extension is told as a
/// first one without a protocol.
fn walk(frame: &[u8], mut at: usize, mut next: u8) -> Chain {
    let mut fragment = fragment::NO;
    loop {
        if !is_extension(next) || next == NO_NEXT_HEADER {
            let transport = Some((next, at));
            return Chain {
                fragment,
                transport,
            };
        }
        let ends = |fragment| Chain {
            fragment,
            transport: None,
        };
        let (Some(after), Some(units)) = (u8_at(frame, at), u8_at(frame, at + 1)) else {
            return ends(fragment);
        };
        let units = usize::from(units);
        let length = match next {
            protocol::FRAGMENT => {
                fragment = fragment::FIRST;
                let Some(offset) = u16_at(frame, at + 2) else {
                    return ends(fragment);
                };
                if offset & 0xfff8 != 0 {
                    let last = !is_extension(after) || after == NO_NEXT_HEADER;
                    return ends(if last { fragment::LATER } else { fragment });
                }
                8
            }
            AUTHENTICATION => (units + 2) * 4,
            _ => (units + 1) * 8,
        };
        if left_at(frame, at) < length {
            return ends(fragment);
        }
        next = after;
        at += length;
    }
}

/// `OFPIEH12_*`: which headers there are, and whether one repeats or stands out of order.
mod bit {
    pub(super) const NO_NEXT: u16 = 1 << 0;
    pub(super) const ENCRYPTED: u16 = 1 << 1;
    pub(super) const AUTHENTICATION: u16 = 1 << 2;
    pub(super) const DESTINATION: u16 = 1 << 3;
    pub(super) const FRAGMENT: u16 = 1 << 4;
    pub(super) const ROUTING: u16 = 1 << 5;
    pub(super) const HOP: u16 = 1 << 6;
    pub(super) const REPEATED: u16 = 1 << 7;
    pub(super) const OUT_OF_ORDER: u16 = 1 << 8;
}

/// The bits for the headers that are there. Only what may stand before a header is in order before it.
fn seen(frame: &[u8], mut at: usize, mut next: u8) -> u16 {
    let mut bits = 0;
    let mut destinations = 0;
    while is_extension(next) {
        let (own, before) = match next {
            NO_NEXT_HEADER => return bits | bit::NO_NEXT,
            HOP_BY_HOP => (bit::HOP, 0),
            ROUTING => (bit::ROUTING, bit::HOP | bit::DESTINATION),
            protocol::FRAGMENT => (bit::FRAGMENT, bit::HOP | bit::DESTINATION | bit::ROUTING),
            AUTHENTICATION => (
                bit::AUTHENTICATION,
                bit::HOP | bit::DESTINATION | bit::ROUTING | bit::FRAGMENT,
            ),
            _ if destinations == 0 => (bit::DESTINATION, bit::HOP),
            _ => (
                bit::DESTINATION,
                bit::HOP
                    | bit::DESTINATION
                    | bit::ROUTING
                    | bit::FRAGMENT
                    | bit::AUTHENTICATION
                    | bit::ENCRYPTED,
            ),
        };
        bits = match next {
            HOP_BY_HOP => after_hop(bits),
            DESTINATION_OPTIONS => {
                destinations += 1;
                after_destination(bits, before, destinations)
            }
            _ => {
                let repeated = if bits & own == 0 { 0 } else { bit::REPEATED };
                let disordered = bits | repeated;
                let order = if disordered & !before != 0 || destinations >= 2 {
                    bit::OUT_OF_ORDER
                } else {
                    0
                };
                disordered | order | own
            }
        };
        let (Some(after), Some(units)) = (u8_at(frame, at), u8_at(frame, at + 1)) else {
            return bits;
        };
        next = after;
        at += (usize::from(units) + 1) * 8;
    }
    bits
}

fn after_hop(bits: u16) -> u16 {
    let repeated = if bits & bit::HOP == 0 {
        0
    } else {
        bit::REPEATED
    };
    match bits | repeated {
        0 => bit::HOP,
        bits => bits | bit::OUT_OF_ORDER,
    }
}

/// Destination options may stand twice: before a routing header and at the end.
fn after_destination(bits: u16, before: u16, count: u32) -> u16 {
    let order = if bits & !before == 0 {
        0
    } else {
        bit::OUT_OF_ORDER
    };
    match count {
        1 => bits | order | bit::DESTINATION,
        2 => bits | order,
        _ => bits | bit::REPEATED,
    }
}

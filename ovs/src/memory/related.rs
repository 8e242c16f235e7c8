//! ICMP errors: to which connection they belong (`nf_conntrack_inet_error` of
//! `net/netfilter/nf_conntrack_proto_icmp.c`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use weft_flow::present::{ethertype, protocol};
use weft_flow::{Field, FlowKey};

use super::conntrack::{Connections, Place};
use super::tuple;
use crate::bytes::{array_at, u8_at, u16_at};
use crate::conntrack::Tuple;

/// Destination unreachable, source quench, redirect, time exceeded, parameter problem (RFC 792).
const ICMP_ERRORS: [u8; 5] = [3, 4, 5, 11, 12];
/// Messages below are errors (RFC 4443, section 2.1).
const FIRST_INFORMATIONAL: u8 = 128;
/// Length of an ICMP header before what it quotes.
const ICMP_HEADER: usize = 8;
/// Length of an IPv6 header.
const IPV6_HEADER: usize = 40;

impl Connections {
    /// The place of an ICMP error in the connection that it is about, whose packets it goes against; none if the packet
    /// is no such error or the connection is not there. `transport` begins with the ICMP header.
    pub(super) fn related(&self, key: &FlowKey, zone: u16, transport: &[u8]) -> Option<Place> {
        let number = u8::try_from(key.get(Field::IpProto)?).ok()?;
        let kind = u8::try_from(key.get(Field::IcmpType)?).ok()?;
        let quoted = transport.get(ICMP_HEADER..)?;
        let (quoted, destination): (_, IpAddr) = match (key.u16(Field::EthType)?, number) {
            (ethertype::IPV4, protocol::ICMP) if ICMP_ERRORS.contains(&kind) => {
                (quoted_ipv4(quoted)?, key.ipv4(Field::Ipv4Dst)?.into())
            }
            (ethertype::IPV6, protocol::ICMPV6) if kind < FIRST_INFORMATIONAL => {
                (quoted_ipv6(quoted)?, key.ipv6(Field::Ipv6Dst)?.into())
            }
            _ => return None,
        };
        // It goes the way of the packets that answer what it quotes, and to where these would go.
        let place = self.find(zone, quoted.inverse()?)?;
        let connection = self.get(place)?;
        let direction = match place.is_reply {
            true => connection.reply,
            false => connection.original,
        };
        (direction.destination == destination).then_some(place)
    }
}

fn quoted_ipv4(packet: &[u8]) -> Option<Tuple> {
    let length = usize::from(u8_at(packet, 0)? & 0xf) * 4;
    let is_later = u16_at(packet, 6)? & 0x1fff != 0;
    let addresses = [12, 16].map(|at| array_at::<4>(packet, at));
    let [source, destination] = addresses.map(|bytes| bytes.copied().map(Ipv4Addr::from));
    if is_later {
        return None;
    }
    let (protocol, transport) = (u8_at(packet, 9)?, packet.get(length..)?);
    tuple::of_parts(source?.into(), destination?.into(), protocol, transport)
}

/// One without extension headers.
fn quoted_ipv6(packet: &[u8]) -> Option<Tuple> {
    let addresses = [8, 24].map(|at| array_at::<16>(packet, at));
    let [source, destination] = addresses.map(|bytes| bytes.copied().map(Ipv6Addr::from));
    let (protocol, transport) = (u8_at(packet, 6)?, packet.get(IPV6_HEADER..)?);
    tuple::of_parts(source?.into(), destination?.into(), protocol, transport)
}

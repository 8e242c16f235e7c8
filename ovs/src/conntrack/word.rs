//! What a zone says of a packet when the action ct looks it up: asked of the table, without the packet and without
//! changing anything.
//!
//! What it cannot know: whether the kernel takes a TCP packet for out of its window or its checksum for wrong, and what
//! a fragment's datagram is once it is put together.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use weft_flow::present::{ct_state, ethertype, fragment, protocol};
use weft_flow::{Field, FlowKey};

use super::{Conntrack, Entry, Part, Tuple};
use crate::bytes::{array_at, u8_at, u16_at};
use crate::error::Error;
use crate::extract::dissect;

const TCP_FIN: u128 = 0x01;
const TCP_SYN: u128 = 0x02;
const TCP_RST: u128 = 0x04;
const TCP_ACK: u128 = 0x10;

/// Destination unreachable, source quench, redirect, time exceeded, parameter problem (RFC 792).
const ICMP_ERRORS: [u8; 5] = [3, 4, 5, 11, 12];
/// Messages below are errors (RFC 4443, section 2.1).
const FIRST_INFORMATIONAL: u8 = 128;
/// Length of an ICMP header before what it quotes.
const ICMP_HEADER: usize = 8;
/// Length of an IPv6 header.
const IPV6_HEADER: usize = 40;

/// What a zone says of a packet: the fields that the action ct writes into its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word {
    /// `OVS_CS_F_*` of `include/uapi/linux/openvswitch.h`.
    pub state: u8,
    /// The connection's mark; 0 without one.
    pub mark: u32,
}

impl Word {
    /// What a zone says of a frame; none of a fragment, which would be put together first.
    pub fn of(table: &mut dyn Conntrack, zone: u16, frame: &[u8]) -> Result<Option<Self>, Error> {
        let said = |state, mark| {
            let state = state | ct_state::TRACKED;
            Ok(Some(Self { state, mark }))
        };
        let Some(dissection) = dissect(frame) else {
            return said(ct_state::INVALID, 0);
        };
        let key = &dissection.key;
        if key.get_or_zero(Field::IpFrag) != fragment::NO.into() {
            return Ok(None);
        }
        let transport = dissection.transport.and_then(|at| frame.get(at..));
        let transport = transport.unwrap_or_default();
        let Some(tuple) = tuple_of(key, transport) else {
            let Some(quoted) = quoted(key, transport).and_then(|quoted| quoted.inverse()) else {
                return said(ct_state::INVALID, 0);
            };
            let reply = |is_reply| if is_reply { ct_state::REPLY } else { 0 };
            return match find(table, zone, quoted)? {
                Some((is_reply, entry)) => said(ct_state::RELATED | reply(is_reply), entry.mark),
                None => said(ct_state::INVALID, 0),
            };
        };
        // `resolve_normal_ct` of `net/netfilter/nf_conntrack_core.c`: new until somebody has answered.
        match find(table, zone, tuple)? {
            Some((true, entry)) => said(ct_state::ESTABLISHED | ct_state::REPLY, entry.mark),
            Some((false, entry)) if entry.status.has_seen_reply() => {
                said(ct_state::ESTABLISHED, entry.mark)
            }
            Some((false, entry)) => said(ct_state::NEW, entry.mark),
            None if may_begin(key, tuple) => said(ct_state::NEW, 0),
            None => said(ct_state::INVALID, 0),
        }
    }
}

/// Whether a tuple is a connection's reply direction, and its entry; none if there is no such connection.
fn find(
    table: &mut dyn Conntrack,
    zone: u16,
    tuple: Tuple,
) -> Result<Option<(bool, Entry)>, Error> {
    if let Some(entry) = table.entry(zone, &tuple)? {
        return Ok(Some((false, entry)));
    }
    let Some(inverse) = tuple.inverse() else {
        return Ok(None);
    };
    let entry = table.entry(zone, &inverse)?;
    let entry = entry.filter(|entry| entry.reply == tuple);
    Ok(entry.map(|entry| (true, entry)))
}

/// The tuple of a packet; none if it is not IP, a fragment, or an ICMP message that neither asks nor answers.
/// `transport` begins with the transport header.
pub(crate) fn tuple_of(key: &FlowKey, transport: &[u8]) -> Option<Tuple> {
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
    tuple_of_parts(source, destination, protocol, transport)
}

/// The tuple of addresses and the beginning of a transport header, of which no more is read than it takes.
pub(crate) fn tuple_of_parts(
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

/// Whether a packet of no connection may begin one (`tcp_new` of `nf_conntrack_proto_tcp.c`, and
/// `icmp_new`): an answer cannot.
pub(crate) fn may_begin(key: &FlowKey, tuple: Tuple) -> bool {
    if let Part::Icmp { .. } = tuple.part {
        return tuple.is_icmp_request();
    }
    if tuple.protocol != protocol::TCP {
        return true;
    }
    let flags = key.get_or_zero(Field::TcpFlags);
    let has = |bit| flags & bit != 0;
    match (has(TCP_SYN), has(TCP_ACK)) {
        _ if has(TCP_RST) => false,
        (true, is_answer) => !is_answer,
        _ if has(TCP_FIN) => false,
        (false, is_under_way) => is_under_way,
    }
}

/// The packet that an ICMP error quotes (`nf_conntrack_inet_error` of `net/netfilter/nf_conntrack_proto_icmp.c`);
/// none if the packet is no such error. `transport` begins with the ICMP header.
pub(crate) fn quoted(key: &FlowKey, transport: &[u8]) -> Option<Tuple> {
    let number = u8::try_from(key.get(Field::IpProto)?).ok()?;
    let kind = u8::try_from(key.get(Field::IcmpType)?).ok()?;
    let packet = transport.get(ICMP_HEADER..)?;
    match (key.u16(Field::EthType)?, number) {
        (ethertype::IPV4, protocol::ICMP) if ICMP_ERRORS.contains(&kind) => quoted_ipv4(packet),
        (ethertype::IPV6, protocol::ICMPV6) if kind < FIRST_INFORMATIONAL => quoted_ipv6(packet),
        _ => None,
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
    tuple_of_parts(source?.into(), destination?.into(), protocol, transport)
}

/// One without extension headers.
fn quoted_ipv6(packet: &[u8]) -> Option<Tuple> {
    let addresses = [8, 24].map(|at| array_at::<16>(packet, at));
    let [source, destination] = addresses.map(|bytes| bytes.copied().map(Ipv6Addr::from));
    let (protocol, transport) = (u8_at(packet, 6)?, packet.get(IPV6_HEADER..)?);
    tuple_of_parts(source?.into(), destination?.into(), protocol, transport)
}

//! Entries of the table of connections, in messages. What the kernel says beyond what is read here is passed over.

use std::net::IpAddr;
use std::time::Duration;

use weft_flow::attr::{Attr, AttrError, Attrs, NESTED, PutAttr, TooLong};
use weft_flow::present::protocol;

use super::uapi::{attr, counters, ip, proto, protoinfo, timestamp, tuple as tuple_attr};
use crate::conntrack::{Bits, Counters, Entry, Part, Status, TcpState, Traffic, Tuple};
use crate::nl::requests::Failure;

/// Appends what names an entry: its zone and its original direction.
pub(crate) fn encode_name(zone: u16, original: &Tuple, out: &mut Vec<u8>) -> Result<(), TooLong> {
    let whole = out.begin(attr::TUPLE_ORIG | NESTED);
    let addresses = out.begin(tuple_attr::IP | NESTED);
    encode_address((ip::V4_SRC, ip::V6_SRC), original.source, out);
    encode_address((ip::V4_DST, ip::V6_DST), original.destination, out);
    out.end(addresses)?;
    let transport = out.begin(tuple_attr::PROTO | NESTED);
    out.put_u8(proto::NUM, original.protocol);
    match original.part {
        Part::Ports {
            source,
            destination,
        } => {
            out.put_be16(proto::SRC_PORT, source);
            out.put_be16(proto::DST_PORT, destination);
        }
        Part::Icmp {
            identifier,
            kind,
            code,
        } => {
            let [id_attr, type_attr, code_attr] = match original.protocol {
                protocol::ICMPV6 => [proto::ICMPV6_ID, proto::ICMPV6_TYPE, proto::ICMPV6_CODE],
                _ => [proto::ICMP_ID, proto::ICMP_TYPE, proto::ICMP_CODE],
            };
            out.put_be16(id_attr, identifier);
            out.put_u8(type_attr, kind);
            out.put_u8(code_attr, code);
        }
        Part::Nothing => {}
    }
    out.end(transport)?;
    out.end(whole)?;
    out.put_be16(attr::ZONE, zone);
    Ok(())
}

fn encode_address((v4, v6): (u16, u16), address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => out.put_array(v4, &address.octets()),
        IpAddr::V6(address) => out.put_array(v6, &address.octets()),
    }
}

/// Appends bits of a mark: those to write, or those to list by. The kernel would mix bits outside of the mask into
/// the mark, and find no entry by them.
pub(super) fn encode_mark(bits: Bits, out: &mut Vec<u8>) {
    out.put_be32(attr::MARK, bits.value & bits.mask);
    out.put_be32(attr::MARK_MASK, bits.mask);
}

/// Reads an entry.
pub(crate) fn decode(attrs: Attrs<'_>) -> Result<Entry, Failure> {
    let (mut original, mut reply) = (None, None);
    let (mut zone, mut mark, mut id) = (0, 0, 0);
    let (mut status, mut tcp_state, mut timeout) = (Status::default(), None, None);
    let (mut traffic, mut began) = ((None, None), None);
    for part in attrs {
        let part = part?;
        match part.kind {
            attr::TUPLE_ORIG => original = Some(decode_tuple(&part)?),
            attr::TUPLE_REPLY => reply = Some(decode_tuple(&part)?),
            attr::STATUS => status = Status(part.be32()?),
            attr::PROTOINFO => tcp_state = decode_tcp_state(&part)?,
            attr::TIMEOUT => timeout = Some(Duration::from_secs(part.be32()?.into())),
            attr::MARK => mark = part.be32()?,
            attr::COUNTERS_ORIG => traffic.0 = Some(decode_traffic(&part)?),
            attr::COUNTERS_REPLY => traffic.1 = Some(decode_traffic(&part)?),
            attr::ID => id = part.be32()?,
            attr::ZONE => zone = part.be16()?,
            attr::TIMESTAMP => began = decode_began(&part)?,
            _ => {}
        }
    }
    let counters = match traffic {
        (Some(original), Some(reply)) => Some(Counters { original, reply }),
        _ => None,
    };
    Ok(Entry {
        zone,
        original: original.ok_or_else(|| missing("original direction"))?,
        reply: reply.ok_or_else(|| missing("reply direction"))?,
        mark,
        status,
        tcp_state,
        timeout,
        began,
        counters,
        id,
    })
}

fn missing(what: &str) -> Failure {
    Failure::Malformed(format!("connection without {what}"))
}

fn decode_tuple(whole: &Attr<'_>) -> Result<Tuple, Failure> {
    let (mut source, mut destination, mut transport) = (None, None, None);
    for part in whole.attrs() {
        let part = part?;
        match part.kind {
            tuple_attr::IP => {
                for address in part.attrs() {
                    let address = address?;
                    match address.kind {
                        ip::V4_SRC | ip::V6_SRC => source = Some(decode_address(&address)?),
                        ip::V4_DST | ip::V6_DST => destination = Some(decode_address(&address)?),
                        _ => {}
                    }
                }
            }
            tuple_attr::PROTO => transport = Some(decode_transport(&part)?),
            _ => {}
        }
    }
    let (protocol, part) = transport.ok_or_else(|| missing("protocol"))?;
    Ok(Tuple {
        source: source.ok_or_else(|| missing("source"))?,
        destination: destination.ok_or_else(|| missing("destination"))?,
        protocol,
        part,
    })
}

fn decode_address(attr: &Attr<'_>) -> Result<IpAddr, AttrError> {
    match attr.kind {
        ip::V4_SRC | ip::V4_DST => Ok(IpAddr::from(*attr.array::<4>()?)),
        _ => Ok(IpAddr::from(*attr.array::<16>()?)),
    }
}

fn decode_transport(whole: &Attr<'_>) -> Result<(u8, Part), Failure> {
    let (mut number, mut source, mut destination) = (None, None, None);
    let (mut identifier, mut icmp_type, mut icmp_code) = (None, None, None);
    for part in whole.attrs() {
        let part = part?;
        match part.kind {
            proto::NUM => number = Some(part.u8()?),
            proto::SRC_PORT => source = Some(part.be16()?),
            proto::DST_PORT => destination = Some(part.be16()?),
            proto::ICMP_ID | proto::ICMPV6_ID => identifier = Some(part.be16()?),
            proto::ICMP_TYPE | proto::ICMPV6_TYPE => icmp_type = Some(part.u8()?),
            proto::ICMP_CODE | proto::ICMPV6_CODE => icmp_code = Some(part.u8()?),
            _ => {}
        }
    }
    let part = match (source.zip(destination), identifier, icmp_type, icmp_code) {
        (Some((source, destination)), ..) => Part::Ports {
            source,
            destination,
        },
        (None, Some(identifier), Some(kind), Some(code)) => Part::Icmp {
            identifier,
            kind,
            code,
        },
        _ => Part::Nothing,
    };
    Ok((number.ok_or_else(|| missing("protocol"))?, part))
}

fn decode_tcp_state(whole: &Attr<'_>) -> Result<Option<TcpState>, AttrError> {
    for part in whole.attrs() {
        let part = part?;
        if part.kind != protoinfo::TCP {
            continue;
        }
        for part in part.attrs() {
            let part = part?;
            if part.kind == protoinfo::TCP_STATE {
                return Ok(Some(TcpState::from(part.u8()?)));
            }
        }
    }
    Ok(None)
}

/// Nanoseconds since 1970.
fn decode_began(whole: &Attr<'_>) -> Result<Option<Duration>, AttrError> {
    for part in whole.attrs() {
        let part = part?;
        if part.kind == timestamp::START {
            return Ok(Some(Duration::from_nanos(part.be64()?)));
        }
    }
    Ok(None)
}

fn decode_traffic(whole: &Attr<'_>) -> Result<Traffic, AttrError> {
    let mut traffic = Traffic::default();
    for part in whole.attrs() {
        let part = part?;
        match part.kind {
            counters::PACKETS => traffic.packets = part.be64()?,
            counters::BYTES => traffic.bytes = part.be64()?,
            _ => {}
        }
    }
    Ok(traffic)
}

/// An entry with the tuple of a name in both directions.
#[cfg(any(test, fuzzing))]
pub(crate) fn both_ways(mut name: Vec<u8>) -> Vec<u8> {
    let length = name.first_chunk().map(|length| u16::from_ne_bytes(*length));
    let mut reply = name[..usize::from(length.unwrap_or(0))].to_vec();
    reply[2..4].copy_from_slice(&(attr::TUPLE_REPLY | NESTED).to_ne_bytes());
    name.extend(reply);
    name
}

#[cfg(test)]
mod tests;

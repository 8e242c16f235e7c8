//! Ethernet frames around DHCP messages: a strict parser and a builder (RFC 894, 791, 768).

use std::net::Ipv4Addr;

use weft_topology::MacAddr;

use crate::identify::{CLIENT_PORT, SERVER_PORT, UDP};
use crate::reply::Reply;

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const UDP_HEADER: usize = 8;
const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const ETHERTYPE_VLAN: [u8; 2] = [0x81, 0x00];
const TTL: u8 = 64;

/// A frame that carries a client's message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientFrame<'a> {
    /// Ethernet source.
    pub source_mac: MacAddr,
    /// Ethernet destination.
    pub destination_mac: MacAddr,
    /// IP source.
    pub source: Ipv4Addr,
    /// IP destination.
    pub destination: Ipv4Addr,
    /// The message.
    pub payload: &'a [u8],
}

/// Why a frame carries no client's message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotDhcp {
    /// Ends within a header.
    #[error("the frame has {len} bytes and ends within its {header} header")]
    Short {
        /// Length of the frame.
        len: usize,
        /// Which header.
        header: &'static str,
    },
    /// A VLAN tag other than a priority tag (VLAN 0).
    #[error("the frame is tagged with VLAN {vlan}")]
    Tagged {
        /// VLAN id.
        vlan: u16,
    },
    /// Neither IPv4 nor tagged.
    #[error("ethertype {ethertype:#06x}")]
    EtherType {
        /// Which; a length for frames of IEEE 802.3.
        ethertype: u16,
    },
    /// The IPv4 header contradicts itself or the frame.
    #[error("IPv4 header: {0}")]
    Ipv4(&'static str),
    /// A part of a packet.
    #[error("an IPv4 fragment")]
    Fragment,
    /// Not UDP.
    #[error("IP protocol {protocol}")]
    Protocol {
        /// Which.
        protocol: u8,
    },
    /// Not from a client's port to a server's.
    #[error("UDP from port {source_port} to {destination_port}")]
    Ports {
        /// Whence.
        source_port: u16,
        /// Whither.
        destination_port: u16,
    },
    /// The UDP header contradicts itself or the packet.
    #[error("UDP header: {0}")]
    Udp(&'static str),
}

/// Finds the message in an Ethernet II frame, checking every length and checksum on the way. Bytes
/// after the IP packet (Ethernet's padding) are ignored; a priority tag (VLAN 0) is skipped.
///
/// A guest with checksum offload leaves the UDP checksum to the host. The kernel completes it before
/// an upcall, so that frames of upcalls pass; those of a packet socket may not.
///
/// # Errors
/// The frame carries something else, or its headers are wrong.
pub fn parse_frame(frame: &[u8]) -> Result<ClientFrame<'_>, NotDhcp> {
    let short = |header| NotDhcp::Short {
        len: frame.len(),
        header,
    };
    let (ethernet, mut rest) = frame
        .split_first_chunk::<ETHERNET>()
        .ok_or(short("Ethernet"))?;
    let &[
        d0,
        d1,
        d2,
        d3,
        d4,
        d5,
        s0,
        s1,
        s2,
        s3,
        s4,
        s5,
        ref ethertype @ ..,
    ] = ethernet;
    let mut ethertype = *ethertype;
    if ethertype == ETHERTYPE_VLAN {
        let (&[high, low, inner @ ..], after) =
            rest.split_first_chunk::<4>().ok_or(short("VLAN"))?;
        let vlan = u16::from_be_bytes([high, low]) & 0x0fff;
        if vlan != 0 {
            return Err(NotDhcp::Tagged { vlan });
        }
        (ethertype, rest) = (inner, after);
    }
    if ethertype != ETHERTYPE_IPV4 {
        let ethertype = u16::from_be_bytes(ethertype);
        return Err(NotDhcp::EtherType { ethertype });
    }
    let (source, destination, datagram) = datagram_of(rest)?;
    Ok(ClientFrame {
        source_mac: MacAddr(s0, s1, s2, s3, s4, s5),
        destination_mac: MacAddr(d0, d1, d2, d3, d4, d5),
        source,
        destination,
        payload: payload_of(datagram, source, destination)?,
    })
}

/// Source, destination and datagram of an unfragmented IPv4 packet that carries UDP.
fn datagram_of(packet: &[u8]) -> Result<(Ipv4Addr, Ipv4Addr, &[u8]), NotDhcp> {
    let header = packet
        .first_chunk::<IPV4>()
        .ok_or(NotDhcp::Ipv4("too short"))?;
    if header[0] >> 4 != 4 {
        return Err(NotDhcp::Ipv4("version is not 4"));
    }
    let header_len = usize::from(header[0] & 0x0f) * 4;
    let total_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header_len < IPV4 {
        return Err(NotDhcp::Ipv4("header length"));
    }
    let (with_options, datagram) = packet
        .get(..total_len)
        .and_then(|packet| packet.split_at_checked(header_len))
        .ok_or(NotDhcp::Ipv4("total length"))?;
    if checksum(&[with_options]) != 0 {
        return Err(NotDhcp::Ipv4("checksum"));
    }
    // More fragments, or an offset: bits 13 and 12 to 0.
    if u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0 {
        return Err(NotDhcp::Fragment);
    }
    if header[9] != UDP {
        return Err(NotDhcp::Protocol {
            protocol: header[9],
        });
    }
    Ok((address(header, 12), address(header, 16), datagram))
}

/// The payload of a UDP datagram from a client to a server.
fn payload_of(datagram: &[u8], source: Ipv4Addr, destination: Ipv4Addr) -> Result<&[u8], NotDhcp> {
    let header = datagram
        .first_chunk::<UDP_HEADER>()
        .ok_or(NotDhcp::Udp("too short"))?;
    let [source_port, destination_port, len, sum] =
        std::array::from_fn(|i| u16::from_be_bytes([header[2 * i], header[2 * i + 1]]));
    if (source_port, destination_port) != (CLIENT_PORT, SERVER_PORT) {
        return Err(NotDhcp::Ports {
            source_port,
            destination_port,
        });
    }
    let datagram = datagram
        .get(..usize::from(len))
        .ok_or(NotDhcp::Udp("length"))?;
    let payload = datagram.get(UDP_HEADER..).ok_or(NotDhcp::Udp("length"))?;
    if sum != 0 && checksum(&[&pseudo(source, destination, len), datagram]) != 0 {
        return Err(NotDhcp::Udp("checksum"));
    }
    Ok(payload)
}

/// The whole frame of a reply, untagged, to be sent out of the client's port.
pub fn reply(reply: &Reply, server_mac: MacAddr) -> Vec<u8> {
    // Replies are never longer than an IP packet: the packer's limit is at most 65,535 with headers.
    let length = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let udp_len = length(UDP_HEADER + reply.payload.len());
    let total_len = length(IPV4 + UDP_HEADER + reply.payload.len());

    let mut ip = [0; IPV4];
    ip[0] = 0x45;
    ip[2..4].copy_from_slice(&total_len.to_be_bytes());
    ip[6] = 0x40; // do not fragment: so an id of 0 is right (RFC 6864 §4.1)
    ip[8] = TTL;
    ip[9] = UDP;
    ip[12..16].copy_from_slice(&reply.source.octets());
    ip[16..20].copy_from_slice(&reply.destination.octets());
    let sum = checksum(&[&ip]);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());

    let mut udp = [0; UDP_HEADER];
    udp[0..2].copy_from_slice(&SERVER_PORT.to_be_bytes());
    udp[2..4].copy_from_slice(&CLIENT_PORT.to_be_bytes());
    udp[4..6].copy_from_slice(&udp_len.to_be_bytes());
    let pseudo = pseudo(reply.source, reply.destination, udp_len);
    // A sum of 0 is sent as its other form, as 0 says "no checksum" (RFC 768).
    let sum = match checksum(&[&pseudo, &udp, &reply.payload]) {
        0 => 0xffff,
        sum => sum,
    };
    udp[6..8].copy_from_slice(&sum.to_be_bytes());

    let macs = [reply.destination_mac, server_mac].map(|mac| mac.octets());
    [
        macs.concat().as_slice(),
        &ETHERTYPE_IPV4,
        &ip,
        &udp,
        &reply.payload,
    ]
    .concat()
}

/// The pseudo header of UDP.
fn pseudo(source: Ipv4Addr, destination: Ipv4Addr, udp_len: u16) -> [u8; 12] {
    let [a, b, c, d] = source.octets();
    let [e, f, g, h] = destination.octets();
    let [high, low] = udp_len.to_be_bytes();
    [a, b, c, d, e, f, g, h, 0, UDP, high, low]
}

/// The Internet checksum over parts, all but the last of even length (RFC 1071).
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum = words.fold(0u64, |sum, word| {
        let high = word.first().copied().unwrap_or_default();
        let low = word.get(1).copied().unwrap_or_default();
        sum + u64::from(u16::from_be_bytes([high, low]))
    });
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

fn address(header: &[u8; IPV4], at: usize) -> Ipv4Addr {
    let octets: [u8; 4] = std::array::from_fn(|i| header.get(at + i).copied().unwrap_or_default());
    octets.into()
}

//! Frames of IP between two machines of a test, and what of them a test looks at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result};
use etherparse::{
    IpHeaders, NetSlice, PacketBuilder, PacketBuilderStep, SlicedPacket, TransportSlice,
};
use weft_topology::MacAddr;

use crate::peer::Peer;

/// Hops that a packet of ours may take.
const TTL: u8 = 64;

/// A machine's MAC and addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Station {
    /// Its MAC.
    pub mac: MacAddr,
    /// IPv4.
    pub v4: Ipv4Addr,
    /// IPv6.
    pub v6: Ipv6Addr,
}

/// Which version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// UDP from a port to a port.
    Udp(u16, u16),
    /// TCP from a port to a port, with flags such as `S`, `SA`, `A`, `FA`, `R`, and sequence and acknowledgement.
    Tcp(u16, u16, &'static str, u32, u32),
    /// An echo request with an identifier.
    Echo(u16),
    /// Its answer.
    EchoReply(u16),
}

impl Station {
    /// The n-th of 10.0.0.0/24 and fd00::/64, with a MAC of ours.
    pub fn new(n: u8) -> Self {
        Self {
            mac: MacAddr(2, 0, 0, 0, 0, n),
            v4: Ipv4Addr::new(10, 0, 0, n),
            v6: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n.into()),
        }
    }

    /// Its address of a family.
    pub fn addr(&self, family: Family) -> IpAddr {
        match family {
            Family::V4 => self.v4.into(),
            Family::V6 => self.v6.into(),
        }
    }
}

/// A frame from one to the other.
pub fn frame(
    family: Family,
    from: &Station,
    to: &Station,
    carries: Carries,
    payload: &[u8],
) -> Result<Vec<u8>> {
    let ethernet = PacketBuilder::ethernet2(from.mac.octets(), to.mac.octets());
    let ip = match family {
        Family::V4 => ethernet.ipv4(from.v4.octets(), to.v4.octets(), TTL),
        Family::V6 => ethernet.ipv6(from.v6.octets(), to.v6.octets(), TTL),
    };
    let mut bytes = Vec::new();
    write(ip, family, carries, payload, &mut bytes).context("cannot make a frame")?;
    Ok(bytes)
}

fn write(
    ip: PacketBuilderStep<IpHeaders>,
    family: Family,
    carries: Carries,
    payload: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    match (carries, family) {
        (Carries::Udp(from, to), _) => ip.udp(from, to).write(out, payload)?,
        (Carries::Tcp(from, to, flags, sequence, acknowledges), _) => {
            let mut step = ip.tcp(from, to, sequence, 65_000);
            for flag in flags.chars() {
                step = match flag {
                    'S' => step.syn(),
                    'F' => step.fin(),
                    'R' => step.rst(),
                    'P' => step.psh(),
                    _ => step.ack(acknowledges),
                };
            }
            step.write(out, payload)?;
        }
        (Carries::Echo(id), Family::V4) => ip.icmpv4_echo_request(id, 1).write(out, payload)?,
        (Carries::EchoReply(id), Family::V4) => ip.icmpv4_echo_reply(id, 1).write(out, payload)?,
        (Carries::Echo(id), Family::V6) => ip.icmpv6_echo_request(id, 1).write(out, payload)?,
        (Carries::EchoReply(id), Family::V6) => ip.icmpv6_echo_reply(id, 1).write(out, payload)?,
    }
    Ok(())
}

/// Sends a frame of IP.
pub fn send(
    peer: &mut Peer,
    family: Family,
    from: &Station,
    to: &Station,
    carries: Carries,
) -> Result<()> {
    peer.send_raw(&frame(family, from, to, carries, b"weft")?)
}

/// Whether a frame is this: its addresses, and ports or identifier.
pub fn is(bytes: &[u8], family: Family, from: &Station, to: &Station, carries: Carries) -> bool {
    let Ok(packet) = SlicedPacket::from_ethernet(bytes) else {
        return false;
    };
    let addrs: Option<(IpAddr, IpAddr)> = packet.net.as_ref().and_then(|net| match net {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            Some((
                header.source_addr().into(),
                header.destination_addr().into(),
            ))
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            Some((
                header.source_addr().into(),
                header.destination_addr().into(),
            ))
        }
        NetSlice::Arp(_) => None,
    });
    if addrs != Some((from.addr(family), to.addr(family))) {
        return false;
    }
    match (packet.transport, carries) {
        (Some(TransportSlice::Udp(udp)), Carries::Udp(source, destination)) => {
            (udp.source_port(), udp.destination_port()) == (source, destination)
        }
        (Some(TransportSlice::Tcp(tcp)), Carries::Tcp(source, destination, flags, ..)) => {
            (tcp.source_port(), tcp.destination_port()) == (source, destination)
                && tcp.syn() == flags.contains('S')
                && tcp.rst() == flags.contains('R')
        }
        (Some(TransportSlice::Icmpv4(icmp)), Carries::Echo(id)) => {
            icmp.type_u8() == 8 && icmp.bytes5to8()[..2] == id.to_be_bytes()
        }
        (Some(TransportSlice::Icmpv4(icmp)), Carries::EchoReply(id)) => {
            icmp.type_u8() == 0 && icmp.bytes5to8()[..2] == id.to_be_bytes()
        }
        (Some(TransportSlice::Icmpv6(icmp)), Carries::Echo(id)) => {
            icmp.type_u8() == 128 && icmp.bytes5to8()[..2] == id.to_be_bytes()
        }
        (Some(TransportSlice::Icmpv6(icmp)), Carries::EchoReply(id)) => {
            icmp.type_u8() == 129 && icmp.bytes5to8()[..2] == id.to_be_bytes()
        }
        _ => false,
    }
}

/// The Internet checksum (RFC 1071) of an even number of bytes.
pub fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks_exact(2).map(|pair| match pair {
        &[high, low] => u32::from(u16::from_be_bytes([high, low])),
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

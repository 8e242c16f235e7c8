//! What the sender of a rejected packet is told: a TCP segment by a reset (RFC 9293 §3.10.7.1), anything else by
//! an ICMP error "administratively prohibited" (RFC 1812 §5.2.7.1, RFC 4443 §3.1).
//!
//! No answer is given to what may be an answer itself (a reset, an ICMP error), to later fragments, nor to what
//! comes from or went to a group, so that two rejects never go on for ever. It goes straight out of the port by
//! which the packet came: no rule judges it.

use std::net::{IpAddr, Ipv4Addr};

use etherparse::{
    Icmpv4Type, Icmpv6Type, NetSlice, PacketBuilder, SlicedPacket, TcpSlice, TransportSlice,
    icmpv4, icmpv6,
};

use crate::effect::Effect;
use crate::punt::PuntClass;
use crate::trace::What;
use crate::walk::Walk;

/// Of the answer, in hops.
const TTL: u8 = 64;
/// An ICMP error is at most so long, with its IP header (RFC 1812 §4.3.2.3, RFC 4443 §2.4).
const LONGEST_ICMP: usize = 576 - 28;
const LONGEST_ICMP6: usize = 1280 - 48;
/// From this type on, ICMPv6 is no error (RFC 4443 §2.1); below 138, neighbour discovery.
const ICMP6_NOT_ERRORS: u8 = 128;
const NEIGHBOUR_DISCOVERY: std::ops::RangeInclusive<u8> = 133..=137;

/// Tells the sender.
pub(crate) fn answer(walk: &mut Walk<'_, '_>) {
    let frame = walk.probe.packet();
    match frame_for(frame) {
        Some(frame) => walk.probe.lists.effects.push(Effect::Answer {
            port: walk.ingress.id,
            frame,
            class: PuntClass::Reject,
        }),
        None => walk.probe.step(None, What::MayNotBeAnswered),
    }
}

/// The frame that tells the sender of an untagged one, if it may be told.
fn frame_for(frame: &[u8]) -> Option<Vec<u8>> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let ethernet = packet.link.as_ref()?.to_header()?.ethernet2()?;
    if !packet.link_exts.is_empty() || ethernet.destination[0] & 1 == 1 {
        return None;
    }
    let to = Route {
        macs: (ethernet.destination, ethernet.source),
        addrs: addrs_of(packet.net.as_ref()?)?,
    };
    let quoted = frame.get(14..)?;
    match (packet.transport.as_ref(), to.addrs.0) {
        (Some(TransportSlice::Tcp(tcp)), _) => to.reset(tcp),
        (Some(TransportSlice::Icmpv4(icmp)), _) if !is_question(icmp.icmp_type()) => None,
        (Some(TransportSlice::Icmpv6(icmp)), _)
            if icmp.type_u8() < ICMP6_NOT_ERRORS
                || NEIGHBOUR_DISCOVERY.contains(&icmp.type_u8()) =>
        {
            None
        }
        (_, IpAddr::V4(_)) => to.prohibited(quoted.get(..LONGEST_ICMP).unwrap_or(quoted)),
        (_, IpAddr::V6(_)) => to.prohibited(quoted.get(..LONGEST_ICMP6).unwrap_or(quoted)),
    }
}

/// Source and destination of a whole packet, or of a first fragment, between two stations.
fn addrs_of(net: &NetSlice<'_>) -> Option<(IpAddr, IpAddr)> {
    let (source, destination, later): (IpAddr, IpAddr, bool) = match net {
        NetSlice::Ipv4(ip) => {
            let header = ip.header();
            let later = header.fragments_offset().value() != 0;
            (
                header.source_addr().into(),
                header.destination_addr().into(),
                later,
            )
        }
        NetSlice::Ipv6(ip) => {
            let header = ip.header();
            let addrs = (header.source_addr(), header.destination_addr());
            (addrs.0.into(), addrs.1.into(), ip.is_payload_fragmented())
        }
        NetSlice::Arp(_) => return None,
    };
    let is_station = |addr: IpAddr| {
        !(addr.is_unspecified()
            || addr.is_multicast()
            || addr.is_loopback()
            || addr == IpAddr::V4(Ipv4Addr::BROADCAST))
    };
    (!later && is_station(source) && is_station(destination)).then_some((source, destination))
}

fn is_question(of: Icmpv4Type) -> bool {
    !matches!(
        of,
        Icmpv4Type::DestinationUnreachable(_)
            | Icmpv4Type::Redirect(_)
            | Icmpv4Type::TimeExceeded(_)
            | Icmpv4Type::ParameterProblem(_)
            | Icmpv4Type::Unknown { .. }
    )
}

/// The way that the packet came, which the answer goes back.
struct Route {
    /// Destination and source of the packet.
    macs: ([u8; 6], [u8; 6]),
    /// Source and destination of the packet.
    addrs: (IpAddr, IpAddr),
}

impl Route {
    fn reset(&self, tcp: &TcpSlice<'_>) -> Option<Vec<u8>> {
        if tcp.rst() {
            return None;
        }
        let length = u32::try_from(tcp.payload().len()).ok()?;
        let length = length + u32::from(tcp.syn()) + u32::from(tcp.fin());
        let sequence = if tcp.ack() {
            tcp.acknowledgment_number()
        } else {
            0
        };
        let builder = self.ip()?;
        let segment = builder
            .tcp(tcp.destination_port(), tcp.source_port(), sequence, 0)
            .rst();
        let segment = match tcp.ack() {
            true => segment,
            false => segment.ack(tcp.sequence_number().wrapping_add(length)),
        };
        let mut frame = Vec::with_capacity(segment.size(0));
        segment.write(&mut frame, &[]).ok()?;
        Some(frame)
    }

    fn prohibited(&self, quoted: &[u8]) -> Option<Vec<u8>> {
        let mut frame = Vec::with_capacity(quoted.len() + 62);
        let builder = self.ip()?;
        match self.addrs.0 {
            IpAddr::V4(_) => {
                let code = icmpv4::DestUnreachableHeader::FilterProhibited;
                let message = builder.icmpv4(Icmpv4Type::DestinationUnreachable(code));
                message.write(&mut frame, quoted).ok()?;
            }
            IpAddr::V6(_) => {
                let code = icmpv6::DestUnreachableCode::Prohibited;
                let message = builder.icmpv6(Icmpv6Type::DestinationUnreachable(code));
                message.write(&mut frame, quoted).ok()?;
            }
        }
        Some(frame)
    }

    fn ip(&self) -> Option<etherparse::PacketBuilderStep<etherparse::IpHeaders>> {
        let ethernet = PacketBuilder::ethernet2(self.macs.0, self.macs.1);
        Some(match self.addrs {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                ethernet.ipv4(destination.octets(), source.octets(), TTL)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                ethernet.ipv6(destination.octets(), source.octets(), TTL)
            }
            _ => return None,
        })
    }
}

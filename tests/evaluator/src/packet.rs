//! What rules can ask of a frame: its fields as the kernel's key shows them. IPv6 without extension headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use weft_topology::MacAddr;

use crate::frame::{Frame, ipv4_at, mac_at, u16_at};

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const IPV6: u16 = 0x86dd;

/// What a frame carries behind its tags.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packet {
    /// Absent: IEEE 802.2.
    pub(crate) ether_type: Option<u16>,
    /// In ARP, the sender's and the target's.
    pub(crate) source: Option<IpAddr>,
    pub(crate) destination: Option<IpAddr>,
    /// In ARP, the operation.
    pub(crate) protocol: Option<u8>,
    pub(crate) tos: Option<u8>,
    pub(crate) piece: Piece,
    /// Source and destination port, or ICMP type and code.
    pub(crate) ports: Option<(u16, u16)>,
    /// The sender's MAC of ARP.
    pub(crate) arp_sender: Option<MacAddr>,
    pub(crate) neighbour: Option<Neighbour>,
}

/// Which part of its datagram a packet is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Piece {
    #[default]
    Whole,
    First,
    Later,
}

/// Neighbour discovery: the target, and the link-layer address in the option that belongs to the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neighbour {
    pub(crate) target: Ipv6Addr,
    pub(crate) mac: Option<MacAddr>,
}

impl Packet {
    pub(crate) fn is_ip(&self) -> bool {
        matches!(self.ether_type, Some(IPV4 | IPV6))
    }

    /// Reads what stands behind so many tags of a frame; what follows them is no tag any more, whatever it looks like.
    pub(crate) fn read(frame: &Frame, tags: usize) -> Packet {
        let mut at = 12;
        for _ in 0..tags {
            if matches!(u16_at(&frame.bytes, at), Some(0x8100 | 0x88a8)) {
                at += 4;
            }
        }
        let Some(first) = u16_at(&frame.bytes, at) else {
            return Packet::default();
        };
        let rest = frame.bytes.get(at + 2..).unwrap_or_default();
        match (first >= 0x0600, rest) {
            (true, _) => Packet::of(first, rest),
            (false, [0xaa, 0xaa, _, 0, 0, 0, high, low, rest @ ..]) => {
                let ether_type = u16::from_be_bytes([*high, *low]);
                match ether_type >= 0x0600 {
                    true => Packet::of(ether_type, rest),
                    false => Packet::default(),
                }
            }
            _ => Packet::default(),
        }
    }

    fn of(ether_type: u16, bytes: &[u8]) -> Packet {
        let mut packet = match ether_type {
            ARP => arp(bytes),
            IPV4 => ipv4(bytes),
            IPV6 => ipv6(bytes),
            _ => Packet::default(),
        };
        packet.ether_type = Some(ether_type);
        packet
    }
}

fn arp(bytes: &[u8]) -> Packet {
    let whole = bytes.len() >= 28 && bytes.starts_with(&[0, 1, 8, 0, 6, 4]);
    let zero = [0; 28];
    let bytes = if whole { bytes } else { &zero };
    let operation = u16_at(bytes, 6).unwrap_or(0);
    Packet {
        source: ipv4_at(bytes, 14).map(IpAddr::V4),
        destination: ipv4_at(bytes, 24).map(IpAddr::V4),
        protocol: Some(u8::try_from(operation).unwrap_or(0)),
        arp_sender: mac_at(bytes, 8),
        ..Packet::default()
    }
}

fn ipv4(bytes: &[u8]) -> Packet {
    let nothing = Packet {
        source: Some(Ipv4Addr::UNSPECIFIED.into()),
        destination: Some(Ipv4Addr::UNSPECIFIED.into()),
        protocol: Some(0),
        tos: Some(0),
        ..Packet::default()
    };
    let header = usize::from(bytes.first().copied().unwrap_or(0) & 0x0f) * 4;
    if bytes.len() < 20 || header < 20 || bytes.len() < header {
        return nothing;
    }
    let offset = u16_at(bytes, 6).unwrap_or(0);
    let piece = match (offset & 0x1fff, offset & 0x2000) {
        (0, 0) => Piece::Whole,
        (0, _) => Piece::First,
        _ => Piece::Later,
    };
    let protocol = bytes[9];
    let ports = (piece != Piece::Later).then(|| ports(protocol, &bytes[header..], 1));
    Packet {
        source: ipv4_at(bytes, 12).map(IpAddr::V4),
        destination: ipv4_at(bytes, 16).map(IpAddr::V4),
        protocol: Some(protocol),
        tos: Some(bytes[1]),
        piece,
        ports: ports.flatten(),
        ..Packet::default()
    }
}

fn ipv6(bytes: &[u8]) -> Packet {
    let addr = |at: usize| -> Option<IpAddr> {
        let octets: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
        Some(Ipv6Addr::from(octets).into())
    };
    let Some((source, destination)) = addr(8).zip(addr(24)) else {
        return Packet {
            source: Some(Ipv6Addr::UNSPECIFIED.into()),
            destination: Some(Ipv6Addr::UNSPECIFIED.into()),
            protocol: Some(0),
            tos: Some(0),
            ..Packet::default()
        };
    };
    let (protocol, rest) = (bytes[6], &bytes[40..]);
    let ports = ports(protocol, rest, 58);
    Packet {
        source: Some(source),
        destination: Some(destination),
        protocol: Some(protocol),
        tos: Some((u16_at(bytes, 0).unwrap_or(0) >> 4 & 0xff) as u8),
        ports,
        neighbour: (protocol == 58).then(|| neighbour(rest)).flatten(),
        ..Packet::default()
    }
}

/// Zeros where a header is cut short.
fn ports(protocol: u8, bytes: &[u8], icmp: u8) -> Option<(u16, u16)> {
    let whole = |length: usize| bytes.len() >= length;
    let pair = |whole: bool| match whole {
        true => u16_at(bytes, 0).zip(u16_at(bytes, 2)),
        false => Some((0, 0)),
    };
    match protocol {
        6 => {
            let header = usize::from(bytes.get(12).copied().unwrap_or(0) >> 4) * 4;
            pair(header >= 20 && whole(header) && whole(20))
        }
        17 => pair(whole(8)),
        132 => pair(whole(12)),
        _ if protocol == icmp && whole(8) => Some((bytes[0].into(), bytes[1].into())),
        _ if protocol == icmp => Some((0, 0)),
        _ => None,
    }
}

fn neighbour(bytes: &[u8]) -> Option<Neighbour> {
    let (kind, code) = (*bytes.first()?, *bytes.get(1)?);
    if bytes.len() < 8 || !matches!(kind, 135 | 136) || code != 0 {
        return None;
    }
    let target: Option<[u8; 16]> = bytes.get(8..24).and_then(|octets| octets.try_into().ok());
    let mut options = bytes.get(24..).unwrap_or_default();
    // Source link-layer address in a solicitation, target's in an advertisement.
    let wanted = usize::from(kind != 135);
    let (mut macs, mut seen) = ([None; 2], [false; 2]);
    while let [kind, length, ..] = *options {
        let length = usize::from(length) * 8;
        if length == 0 || length > options.len() {
            break;
        }
        if let (1 | 2, 8) = (kind, length) {
            let place = usize::from(kind) - 1;
            let mac = mac_at(options, 2).filter(|mac| *mac != MacAddr::zero());
            if seen[place] {
                // The kernel shows nothing of a message that says a thing twice.
                return Some(Neighbour {
                    target: Ipv6Addr::UNSPECIFIED,
                    mac: None,
                });
            }
            (macs[place], seen[place]) = (mac, mac.is_some());
        }
        options = &options[length..];
    }
    Some(Neighbour {
        target: target.unwrap_or_default().into(),
        mac: macs[wanted],
    })
}

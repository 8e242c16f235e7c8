//! Rules 10 to 14: what a guest may say that it is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use weft_topology::MacAddr;
use weft_topology::port::PortSecurity;

use crate::enter::Entered;
use crate::packet::{ARP, IPV4, IPV6, Packet, Piece};

/// What a guest said that it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Offence {
    Mac,
    VlanStack,
    EtherType,
    ArpSender,
    Source,
    Neighbour,
    DhcpServer,
    Router,
}

pub(crate) fn offence(security: &PortSecurity, entered: &Entered) -> Option<Offence> {
    let (source, packet) = (entered.frame.source, &entered.packet);
    let owns = |mac: MacAddr| security.pairs.iter().any(|pair| pair.mac == mac);
    let may_use = |mac: MacAddr, addr: IpAddr| {
        let pairs = security.pairs.iter();
        pairs
            .filter(|pair| pair.mac == mac)
            .any(|pair| pair.prefix.contains(&addr))
            || addr == IpAddr::V6(link_local(mac))
    };
    if !owns(source) {
        return Some(Offence::Mac);
    }
    if entered.is_stacked {
        return Some(Offence::VlanStack);
    }
    match packet.ether_type {
        Some(ARP) => {
            let (mac, addr) = (packet.arp_sender?, packet.source?);
            let right = owns(mac) && (addr.is_unspecified() || may_use(mac, addr));
            (!right).then_some(Offence::ArpSender)
        }
        Some(IPV4) => {
            if is_udp(packet, 67, 68) {
                return Some(Offence::DhcpServer);
            }
            let begins = packet.source == Some(Ipv4Addr::UNSPECIFIED.into())
                && packet.destination == Some(Ipv4Addr::BROADCAST.into())
                && is_udp(packet, 68, 67);
            let right = packet.source.is_some_and(|addr| may_use(source, addr)) || begins;
            (!right).then_some(Offence::Source)
        }
        Some(IPV6) => {
            if is_udp(packet, 547, 546) {
                return Some(Offence::DhcpServer);
            }
            let kind = (packet.protocol == Some(58) && packet.piece != Piece::Later)
                .then(|| packet.ports.map(|(kind, _)| kind))
                .flatten();
            if kind == Some(134) {
                return Some(Offence::Router);
            }
            if let Some(135 | 136) = kind {
                let said = packet.neighbour.and_then(|said| said.mac).unwrap_or(source);
                let target = packet.neighbour.map(|said| said.target);
                let right = packet.piece == Piece::Whole
                    && target.is_some_and(|target| !target.is_unspecified())
                    && owns(said)
                    && (kind == Some(135)
                        || target.is_some_and(|target| may_use(said, target.into())));
                if !right {
                    return Some(Offence::Neighbour);
                }
            }
            let to_link = matches!(packet.destination,
                Some(IpAddr::V6(addr)) if addr.segments()[0] == 0xff02);
            let looks = packet.source == Some(Ipv6Addr::UNSPECIFIED.into())
                && to_link
                && matches!(kind, Some(131 | 135 | 143));
            let right = packet.source.is_some_and(|addr| may_use(source, addr)) || looks;
            (!right).then_some(Offence::Source)
        }
        _ => Some(Offence::EtherType),
    }
}

fn is_udp(packet: &Packet, source: u16, destination: u16) -> bool {
    packet.protocol == Some(17) && packet.ports == Some((source, destination))
}

fn link_local(mac: MacAddr) -> Ipv6Addr {
    let m = mac.octets();
    let mut octets = [0; 16];
    octets[..2].copy_from_slice(&[0xfe, 0x80]);
    octets[8..].copy_from_slice(&[m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]]);
    octets.into()
}

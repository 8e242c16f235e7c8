//! A packet in words, for people: who sends what to whom.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use pnet_base::MacAddr;

use crate::field::Field;
use crate::key::{FlowKey, mac_from_bits};
use crate::present::{VLAN_PRESENT, ethertype, fragment, protocol};

/// A packet with this key: `tcp 10.0.0.1:4000 → 10.0.0.2:80`, `icmp 10.0.0.1 → 10.0.0.2 type 8 code 0`,
/// `arp 10.0.0.1 asks for 10.0.0.2`, `type 0x88cc 02:00:00:00:00:01 → 01:80:c2:00:00:0e`.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a>(pub &'a FlowKey);

/// ARP's operations (RFC 826).
const ASKS: u128 = 1;
const ANSWERS: u128 = 2;
/// The VLAN id in a tag's control information.
const VLAN: u128 = 0x0fff;

impl Packet<'_> {
    fn number(&self, field: Field) -> u128 {
        self.0.get_or_zero(field)
    }

    fn mac(&self, field: Field) -> MacAddr {
        mac_from_bits(self.number(field))
    }

    fn ends(&self) -> Option<(IpAddr, IpAddr)> {
        let key = self.0;
        let v4 = || {
            let pair = (key.ipv4(Field::Ipv4Src)?, key.ipv4(Field::Ipv4Dst)?);
            Some((pair.0.into(), pair.1.into()))
        };
        let v6 = || {
            let pair = (key.ipv6(Field::Ipv6Src)?, key.ipv6(Field::Ipv6Dst)?);
            Some((pair.0.into(), pair.1.into()))
        };
        v4().or_else(v6)
    }

    fn ip(&self, from: IpAddr, to: IpAddr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = u8::try_from(self.number(Field::IpProto)).unwrap_or(0);
        match number {
            protocol::TCP => f.write_str("tcp ")?,
            protocol::UDP => f.write_str("udp ")?,
            protocol::SCTP => f.write_str("sctp ")?,
            protocol::ICMP => f.write_str("icmp ")?,
            protocol::ICMPV6 => f.write_str("icmpv6 ")?,
            other => write!(f, "ip protocol {other} ")?,
        }
        let port = |field| u16::try_from(self.number(field)).unwrap_or(0);
        let is_later = self.number(Field::IpFrag) == u128::from(fragment::LATER);
        let has_ports = matches!(number, protocol::TCP | protocol::UDP | protocol::SCTP);
        if has_ports && !is_later {
            let (from, to) = (
                SocketAddr::new(from, port(Field::TpSrc)),
                SocketAddr::new(to, port(Field::TpDst)),
            );
            write!(f, "{from} → {to}")?;
        } else {
            write!(f, "{from} → {to}")?;
        }
        if matches!(number, protocol::ICMP | protocol::ICMPV6) && !is_later {
            let (kind, code) = (self.number(Field::IcmpType), self.number(Field::IcmpCode));
            write!(f, " type {kind} code {code}")?;
        }
        if self.0.has(Field::NdTarget) {
            let target = std::net::Ipv6Addr::from_bits(self.number(Field::NdTarget));
            write!(f, " about {target}")?;
        }
        match u8::try_from(self.number(Field::IpFrag)) {
            Ok(fragment::FIRST) => f.write_str(" (first fragment)"),
            Ok(fragment::LATER) => f.write_str(" (later fragment)"),
            _ => Ok(()),
        }
    }

    fn arp(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addr = |field| {
            self.0
                .ipv4(field)
                .unwrap_or(std::net::Ipv4Addr::UNSPECIFIED)
        };
        let (sender, target) = (addr(Field::ArpSip), addr(Field::ArpTip));
        match self.number(Field::ArpOp) {
            ASKS => write!(f, "arp {sender} asks for {target}"),
            ANSWERS => write!(f, "arp {sender} is at {}", self.mac(Field::ArpSha)),
            other => write!(f, "arp operation {other} of {sender} for {target}"),
        }
    }
}

impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends = self.ends();
        let kind = self.0.get(Field::EthType);
        if let Some((from, to)) = ends {
            self.ip(from, to, f)?;
        } else if kind == Some(ethertype::ARP.into()) && self.0.has(Field::ArpOp) {
            self.arp(f)?;
        } else {
            match kind {
                Some(kind) => write!(f, "type {kind:#06x} ")?,
                None => f.write_str("llc ")?,
            }
            write!(
                f,
                "{} → {}",
                self.mac(Field::EthSrc),
                self.mac(Field::EthDst)
            )?;
        }
        let tag = self.number(Field::VlanTci);
        match tag & u128::from(VLAN_PRESENT) {
            0 => Ok(()),
            _ => write!(f, " in VLAN {}", tag & VLAN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::parse_key;

    #[test]
    fn packets_are_said_in_words() {
        let eth = "eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02)";
        let v4 =
            |rest: &str| format!("{eth},eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,{rest}");
        let v6 = |rest: &str| {
            format!("{eth},eth_type(0x86dd),ipv6(src=fd00::1,dst=fd00::2,label=0,{rest}")
        };
        for (key, said) in [
            (
                v4("proto=6,tos=0,ttl=64,frag=no),tcp(src=4000,dst=80)"),
                "tcp 10.0.0.1:4000 → 10.0.0.2:80",
            ),
            (
                v4("proto=17,tos=0,ttl=64,frag=later)"),
                "udp 10.0.0.1 → 10.0.0.2 (later fragment)",
            ),
            (
                v4("proto=1,tos=0,ttl=64,frag=no),icmp(type=8,code=0)"),
                "icmp 10.0.0.1 → 10.0.0.2 type 8 code 0",
            ),
            (
                v4("proto=47,tos=0,ttl=64,frag=no)"),
                "ip protocol 47 10.0.0.1 → 10.0.0.2",
            ),
            (
                v6("proto=17,tclass=0,hlimit=64,frag=no),udp(src=4000,dst=53)"),
                "udp [fd00::1]:4000 → [fd00::2]:53",
            ),
            (
                format!(
                    "{eth},eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=1,\
                     sha=02:00:00:00:00:01,tha=00:00:00:00:00:00)"
                ),
                "arp 10.0.0.1 asks for 10.0.0.2",
            ),
            (
                format!("{eth},eth_type(0x88cc)"),
                "type 0x88cc 02:00:00:00:00:01 → 02:00:00:00:00:02",
            ),
        ] {
            let key = parse_key(&key).unwrap();
            assert_eq!(Packet(&key).to_string(), said);
        }
    }
}

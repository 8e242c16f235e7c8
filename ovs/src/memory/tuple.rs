//! The tuple by which a connection is known (`struct nf_conntrack_tuple`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use weft_flow::action::NatDirection;
use weft_flow::present::{ethertype, fragment, protocol};
use weft_flow::{Field, FlowKey};

use crate::bytes::u16_at;

/// One direction of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Tuple {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    pub(super) part: Part,
}

/// What tells connections of a protocol apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Part {
    /// The ports of TCP, UDP and SCTP.
    Ports { source: u16, destination: u16 },
    /// An ICMP or ICMPv6 echo.
    Echo { identifier: u16, is_reply: bool },
    /// Of other protocols there is one connection between two addresses.
    Nothing,
}

impl Tuple {
    /// The tuple of a packet; none if it is not IP, a fragment, or an ICMP message other than an echo.
    /// `transport` begins with the transport header.
    pub(super) fn of(key: &FlowKey, transport: &[u8]) -> Option<Self> {
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
        let part = match protocol {
            protocol::TCP | protocol::UDP | protocol::SCTP => Part::Ports {
                source: key.u16(Field::TpSrc)?,
                destination: key.u16(Field::TpDst)?,
            },
            protocol::ICMP | protocol::ICMPV6 => Part::Echo {
                is_reply: match (protocol, key.get(Field::IcmpType)?) {
                    (protocol::ICMP, 8) | (protocol::ICMPV6, 128) => false,
                    (protocol::ICMP, 0) | (protocol::ICMPV6, 129) => true,
                    _ => return None,
                },
                identifier: u16_at(transport, 4)?,
            },
            _ => Part::Nothing,
        };
        Some(Self {
            source,
            destination,
            protocol,
            part,
        })
    }

    /// That of the answers.
    pub(super) fn inverse(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            protocol: self.protocol,
            part: match self.part {
                Part::Ports {
                    source,
                    destination,
                } => Part::Ports {
                    source: destination,
                    destination: source,
                },
                Part::Echo {
                    identifier,
                    is_reply,
                } => Part::Echo {
                    identifier,
                    is_reply: !is_reply,
                },
                Part::Nothing => Part::Nothing,
            },
        }
    }

    /// Translated to an address and, where it has ports, to a port.
    pub(super) fn translated(
        mut self,
        direction: NatDirection,
        address: IpAddr,
        port: Option<u16>,
    ) -> Self {
        let is_source = direction == NatDirection::Source;
        match is_source {
            true => self.source = address,
            false => self.destination = address,
        }
        if let (
            Part::Ports {
                source,
                destination,
            },
            Some(port),
        ) = (&mut self.part, port)
        {
            *(if is_source { source } else { destination }) = port;
        }
        self
    }

    /// Writes it into a key as that of the original direction.
    pub(super) fn write_original(self, key: &mut FlowKey) {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                key.set(Field::CtV4Src, v4(source));
                key.set(Field::CtV4Dst, v4(destination));
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                key.set(Field::CtV6Src, v6(source));
                key.set(Field::CtV6Dst, v6(destination));
            }
            _ => return,
        }
        key.set(Field::CtProto, self.protocol.into());
        let (source, destination) = match self.part {
            Part::Ports {
                source,
                destination,
            } => (source, destination),
            Part::Echo { is_reply, .. } => (self.echo_type(is_reply).into(), 0),
            Part::Nothing => (0, 0),
        };
        key.set(Field::CtTpSrc, source.into());
        key.set(Field::CtTpDst, destination.into());
    }

    fn echo_type(self, is_reply: bool) -> u8 {
        match (self.protocol, is_reply) {
            (protocol::ICMPV6, false) => 128,
            (protocol::ICMPV6, true) => 129,
            (_, false) => 8,
            (_, true) => 0,
        }
    }
}

pub(super) fn v4(address: Ipv4Addr) -> u128 {
    address.to_bits().into()
}

pub(super) fn v6(address: Ipv6Addr) -> u128 {
    address.to_bits()
}

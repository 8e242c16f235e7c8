//! The tuple by which a direction of a connection is known (`struct nf_conntrack_tuple`).

use std::fmt;
use std::net::IpAddr;

use weft_flow::present::protocol;

/// One direction of a connection.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tuple {
    /// From where its packets come.
    pub source: IpAddr,
    /// Where they go; of the source's family.
    pub destination: IpAddr,
    /// IP protocol.
    pub protocol: u8,
    /// What else tells it from others.
    pub part: Part,
}

/// What tells connections of one protocol between two addresses apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// The ports of TCP, UDP, SCTP and their like; the keys of GRE.
    Ports {
        /// Of the source.
        source: u16,
        /// Of the destination.
        destination: u16,
    },
    /// A request of ICMP (RFC 792) or ICMPv6 (RFC 4443), or its answer.
    Icmp {
        /// What ties the answer to the request.
        identifier: u16,
        /// Type: 8 and 0, or 128 and 129, of an echo.
        kind: u8,
        /// Code.
        code: u8,
    },
    /// Nothing: of other protocols there is one connection between two addresses.
    Nothing,
}

/// Types of ICMP messages and of their answers.
const ICMP_ANSWERS: [(u8, u8); 4] = [(8, 0), (13, 14), (15, 16), (17, 18)];
/// The same of ICMPv6: echo (RFC 4443) and node information (RFC 4620).
const ICMPV6_ANSWERS: [(u8, u8); 2] = [(128, 129), (139, 140)];

impl Tuple {
    /// The direction of what answers it, where no address is translated; none for an ICMP message that neither asks
    /// nor answers.
    pub fn inverse(self) -> Option<Self> {
        let part = match self.part {
            Part::Ports {
                source,
                destination,
            } => Part::Ports {
                source: destination,
                destination: source,
            },
            Part::Icmp {
                identifier,
                kind,
                code,
            } => Part::Icmp {
                identifier,
                kind: other_type(self.protocol, kind)?,
                code,
            },
            Part::Nothing => Part::Nothing,
        };
        Some(Self {
            source: self.destination,
            destination: self.source,
            part,
            ..self
        })
    }

    /// Whether it is an ICMP request, not an answer to one.
    pub fn is_icmp_request(self) -> bool {
        matches!(self.part, Part::Icmp { kind, .. }
            if answers(self.protocol).iter().any(|(request, _)| *request == kind))
    }
}

fn answers(number: u8) -> &'static [(u8, u8)] {
    match number {
        protocol::ICMP => &ICMP_ANSWERS,
        protocol::ICMPV6 => &ICMPV6_ANSWERS,
        _ => &[],
    }
}

/// The type of an answer's request, or of a request's answer.
fn other_type(number: u8, kind: u8) -> Option<u8> {
    answers(number)
        .iter()
        .find_map(|&(request, answer)| match kind {
            _ if kind == request => Some(answer),
            _ if kind == answer => Some(request),
            _ => None,
        })
}

/// `udp 192.0.2.1:4000 > 192.0.2.2:53`.
impl fmt::Display for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            protocol::ICMP => f.write_str("icmp"),
            protocol::TCP => f.write_str("tcp"),
            protocol::UDP => f.write_str("udp"),
            protocol::ICMPV6 => f.write_str("icmpv6"),
            protocol::SCTP => f.write_str("sctp"),
            number => write!(f, "protocol {number}"),
        }?;
        let (from, to) = (self.source, self.destination);
        match self.part {
            Part::Ports {
                source,
                destination,
            } => {
                let ends = [(from, source), (to, destination)].map(std::net::SocketAddr::from);
                write!(f, " {} > {}", ends[0], ends[1])
            }
            Part::Icmp {
                identifier,
                kind,
                code,
            } => write!(f, " {from} > {to} type {kind} code {code} id {identifier}"),
            Part::Nothing => write!(f, " {from} > {to}"),
        }
    }
}

//! A connection between two machines, packet by packet, as their kernels would speak it.

use std::net::IpAddr;

use weft_ovs::conntrack::{Part, Tuple};

use super::packet::{ACK, FIN, ICMP, ICMPV6, PSH, Packet, RST, SYN, TCP, UDP};

/// IPv4 or IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    V4,
    V6,
}

/// What is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Speech {
    Udp,
    Tcp,
    Echo,
}

impl Speech {
    pub(crate) const ALL: [Self; 3] = [Self::Udp, Self::Tcp, Self::Echo];
}

/// One of the two ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Originator = 0,
    Responder = 1,
}
use End::{Originator, Responder};

/// What an end sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// The next packet of the conversation.
    Next,
    /// A TCP packet that ends it.
    Fin,
    /// A TCP packet that breaks it off.
    Rst,
    /// An ICMP error about the packet that the end last got: it closed its port.
    PortUnreachable,
    /// The same by a router on the way: the packet was too big.
    TooBig,
}

/// A connection. Machines are the stage's, by their place there.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) machines: [usize; 2],
    pub(crate) speech: Speech,
    addresses: [IpAddr; 2],
    ports: [u16; 2],
    /// Of each end what it sends next, and what it has got.
    sequence: [u32; 2],
    acknowledged: [u32; 2],
    /// The packet that each end last got.
    got: [Option<Packet>; 2],
    payload: usize,
}

impl Connection {
    /// `port` tells it from others; the responder's is 53 or 80, or `other`.
    pub(crate) fn new(
        speech: Speech,
        (from, source): (usize, IpAddr),
        (to, destination): (usize, IpAddr),
        port: u16,
        other: Option<u16>,
    ) -> Self {
        let well_known = match speech {
            Speech::Udp => 53,
            Speech::Tcp => 80,
            Speech::Echo => 0,
        };
        Self {
            machines: [from, to],
            speech,
            addresses: [source, destination],
            ports: [port, other.unwrap_or(well_known)],
            sequence: [1_000, 900_000],
            acknowledged: [0, 0],
            got: [None, None],
            payload: 20,
        }
    }

    /// Its packets have so many bytes of payload from now on.
    pub(crate) fn with_payload(mut self, bytes: usize) -> Self {
        self.payload = bytes;
        self
    }

    /// As the table of connections knows it.
    pub(crate) fn tuple(&self) -> Tuple {
        let [source, destination] = self.addresses;
        let (protocol, part) = match (self.speech, source) {
            (Speech::Udp, _) => (UDP, self.port_part()),
            (Speech::Tcp, _) => (TCP, self.port_part()),
            (Speech::Echo, IpAddr::V4(_)) => (ICMP, self.echo_part(8)),
            (Speech::Echo, IpAddr::V6(_)) => (ICMPV6, self.echo_part(128)),
        };
        Tuple {
            source,
            destination,
            protocol,
            part,
        }
    }

    fn port_part(&self) -> Part {
        Part::Ports {
            source: self.ports[0],
            destination: self.ports[1],
        }
    }

    fn echo_part(&self, kind: u8) -> Part {
        Part::Icmp {
            identifier: self.ports[0],
            kind,
            code: 0,
        }
    }

    /// What an end sends.
    pub(crate) fn packet(&self, by: End, what: What) -> Packet {
        let [me, peer] = by.and_peer();
        let addresses = (self.addresses[me], self.addresses[peer]);
        match what {
            What::PortUnreachable => self.error(by, addresses, false),
            What::TooBig => {
                let router = match addresses.0 {
                    IpAddr::V4(_) => "10.0.0.254",
                    IpAddr::V6(_) => "fd00::fe",
                };
                self.error(by, (router.parse().unwrap(), addresses.1), true)
            }
            _ => self.speak(by, what, addresses),
        }
    }

    fn error(&self, by: End, addresses: (IpAddr, IpAddr), too_big: bool) -> Packet {
        let [me, _] = by.and_peer();
        let about = self.got[me].as_ref().unwrap().bytes();
        let quoted = &about[..about.len().min(128)];
        let (kind, head) = match (addresses.0.is_ipv4(), too_big) {
            (true, false) => ([3, 3], [0; 4]),
            (true, true) => ([3, 4], [0, 0, 5, 120]),
            (false, false) => ([1, 4], [0; 4]),
            (false, true) => ([2, 0], [0, 0, 5, 0]),
        };
        Packet::icmp(addresses, kind, head, quoted)
    }

    fn speak(&self, by: End, what: What, addresses: (IpAddr, IpAddr)) -> Packet {
        let [me, peer] = by.and_peer();
        let ports = [self.ports[me], self.ports[peer]];
        let payload: Vec<u8> = (0..self.payload).map(|at| (at % 251) as u8).collect();
        match self.speech {
            Speech::Udp => Packet::udp(addresses, ports, &payload),
            Speech::Echo => {
                let kind = match (addresses.0, by) {
                    (IpAddr::V4(_), Originator) => 8,
                    (IpAddr::V4(_), Responder) => 0,
                    (IpAddr::V6(_), Originator) => 128,
                    (IpAddr::V6(_), Responder) => 129,
                };
                let [high, low] = self.ports[0].to_be_bytes();
                Packet::icmp(addresses, [kind, 0], [high, low, 0, 1], &payload)
            }
            Speech::Tcp => {
                let (flags, has_payload) = self.flags(by, what);
                let payload = if has_payload { &payload[..] } else { &[] };
                let numbers = [self.sequence[me], self.acknowledged[me]];
                Packet::tcp(addresses, ports, flags, numbers, payload)
            }
        }
    }

    fn flags(&self, by: End, what: What) -> (u8, bool) {
        let is_asked = |packet: &Packet| packet.body[13] & SYN != 0;
        match (what, by) {
            (What::Fin, _) => (FIN | ACK, false),
            (What::Rst, _) => (RST, false),
            (_, Originator) if self.acknowledged[0] == 0 => (SYN, false),
            (_, Responder) if self.got[1].as_ref().is_some_and(is_asked) => (SYN | ACK, false),
            _ => (PSH | ACK, true),
        }
    }

    /// The other end got what this one sent.
    pub(crate) fn arrived(&mut self, by: End, what: What, packet: Packet) {
        let [me, peer] = by.and_peer();
        if matches!(what, What::PortUnreachable | What::TooBig) {
            return;
        }
        if self.speech == Speech::Tcp {
            let flags = packet.body[13];
            let length = (packet.body.len() - 20) as u32;
            self.sequence[me] += length + u32::from(flags & (SYN | FIN) != 0);
            self.acknowledged[peer] = self.sequence[me];
        }
        self.got[peer] = Some(packet);
    }
}

impl End {
    /// The places of this one and the other.
    pub(crate) fn and_peer(self) -> [usize; 2] {
        [self as usize, 1 - self as usize]
    }
}

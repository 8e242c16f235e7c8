//! Random packets, and the answers to those that were sent before.

use std::collections::VecDeque;

use etherparse::PacketBuilder;
use fastrand::Rng;
use weft_tests::frames::{Carries, Family, Station, checksum, frame};
use weft_topology::MacAddr;

use super::topology::{PORTS, station};

/// Packets that are remembered, to be answered.
const MEMORY: usize = 12;

/// A packet, and where it comes in.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// The port's number, from 1 on.
    pub(crate) port: u8,
    pub(crate) bytes: Vec<u8>,
}

/// What somebody said to somebody.
#[derive(Clone, Copy, Debug)]
struct Word {
    family: Family,
    from: u8,
    to: u8,
    carries: Carries,
}

/// Draws packets, and remembers what can be answered.
#[derive(Debug, Default)]
pub(crate) struct Source {
    said: VecDeque<Word>,
}

impl Source {
    /// The next packet.
    pub(crate) fn next(&mut self, random: &mut Rng) -> Packet {
        let mut packet = match random.u8(0..20) {
            0..=7 => self.word(random),
            8..=12 => self.answer(random),
            13 | 14 => arp(random),
            15 => neighbour(random),
            16 => dhcp(random),
            17 => fragment(random),
            _ => raw(random),
        };
        if random.u8(0..8) == 0 {
            tag(random, &mut packet.bytes);
        }
        // Now and then it comes from where it does not belong.
        if random.u8(0..16) == 0 {
            packet.port = random.u8(1..=PORTS);
        }
        packet
    }

    fn word(&mut self, random: &mut Rng) -> Packet {
        let (from, to) = (random.u8(1..=PORTS), random.u8(1..=PORTS));
        let port = |random: &mut Rng| *random.choice(&[53_u16, 80, 4_000, 4_001, 4_002]).unwrap();
        let carries = match random.u8(0..4) {
            0 | 1 => Carries::Udp(port(random), port(random)),
            2 => Carries::Tcp(port(random), port(random), "S", 100, 0),
            _ => Carries::Echo(random.u16(1..4)),
        };
        let family = *random
            .choice(&[Family::V4, Family::V4, Family::V6])
            .unwrap();
        let word = Word {
            family,
            from,
            to,
            carries,
        };
        self.said.push_back(word);
        if self.said.len() > MEMORY {
            self.said.pop_front();
        }
        word.packet()
    }

    /// The answer to something that was said, or the same again.
    fn answer(&self, random: &mut Rng) -> Packet {
        let Some(word) = random.choice(&self.said) else {
            return raw(random);
        };
        let carries = match word.carries {
            Carries::Udp(source, destination) => Carries::Udp(destination, source),
            Carries::Tcp(source, destination, ..) => {
                Carries::Tcp(destination, source, "SA", 900, 101)
            }
            Carries::Echo(id) => Carries::EchoReply(id),
            other => other,
        };
        let answer = Word {
            from: word.to,
            to: word.from,
            carries,
            ..*word
        };
        match random.u8(0..4) {
            0 => word.packet(),
            _ => answer.packet(),
        }
    }
}

impl Word {
    fn packet(&self) -> Packet {
        let (from, to) = (Station::new(self.from), Station::new(self.to));
        Packet {
            port: self.from,
            bytes: frame(self.family, &from, &to, self.carries, b"truth").unwrap(),
        }
    }
}

fn with(port: u8, to: MacAddr, from: MacAddr, kind: u16, rest: &[u8]) -> Packet {
    let bytes = [&to.octets()[..], &from.octets(), &kind.to_be_bytes(), rest].concat();
    Packet { port, bytes }
}

fn arp(random: &mut Rng) -> Packet {
    let port = random.u8(1..=PORTS);
    let (from, to) = (Station::new(port), station(random));
    let (is_request, lies) = (random.u8(0..3) > 0, random.u8(0..8) == 0);
    let sender = if lies { station(random) } else { from };
    let (operation, target) = match is_request {
        true => (1, MacAddr::broadcast()),
        false => (2, to.mac),
    };
    let rest = [
        &[0, 1, 8, 0, 6, 4, 0, operation][..],
        &sender.mac.octets(),
        &sender.v4.octets(),
        &[0; 6],
        &to.v4.octets(),
    ];
    with(port, target, from.mac, 0x0806, &rest.concat())
}

fn neighbour(random: &mut Rng) -> Packet {
    let port = random.u8(1..=PORTS);
    let (from, to) = (Station::new(port), station(random));
    let (kind, destination, mac) = match random.u8(0..3) {
        0 => (136, to.v6, to.mac),
        1 => (135, to.v6, to.mac),
        _ => {
            let [.., a, b, c] = to.v6.octets();
            let group = std::net::Ipv6Addr::new(
                0xff02,
                0,
                0,
                0,
                0,
                1,
                0xff00 | u16::from(a),
                u16::from_be_bytes([b, c]),
            );
            (135, group, MacAddr(0x33, 0x33, 0xff, a, b, c))
        }
    };
    let target = if kind == 136 { from.v6 } else { to.v6 };
    let rest = [&target.octets()[..], &[1, 1], &from.mac.octets()].concat();
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2(from.mac.octets(), mac.octets())
        .ipv6(from.v6.octets(), destination.octets(), 255)
        .icmpv6_raw(kind, 0, [0; 4])
        .write(&mut bytes, &rest)
        .unwrap();
    Packet { port, bytes }
}

fn dhcp(random: &mut Rng) -> Packet {
    let port = random.u8(1..=PORTS);
    let from = Station::new(port);
    let mut message = vec![0; 236];
    message[..3].copy_from_slice(&[1, 1, 6]);
    message[4..8].copy_from_slice(b"xid!");
    message[28..34].copy_from_slice(&from.mac.octets());
    // Discover, request, or what no client says.
    let kind = *random.choice(&[1, 1, 1, 3, 7]).unwrap();
    message.extend([99, 130, 83, 99, 53, 1, kind, 255]);
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2(from.mac.octets(), [0xff; 6])
        .ipv4([0; 4], [255; 4], 64)
        .udp(68, 67)
        .write(&mut bytes, &message)
        .unwrap();
    Packet { port, bytes }
}

/// A first or a later fragment, with a right checksum.
fn fragment(random: &mut Rng) -> Packet {
    let port = random.u8(1..=PORTS);
    let (from, to) = (Station::new(port), station(random));
    let carries = Carries::Udp(4_000, 53);
    let mut bytes = frame(Family::V4, &from, &to, carries, &[7; 16]).unwrap();
    let flags = *random.choice(&[[0x20, 0], [0x20, 3], [0, 3]]).unwrap();
    bytes[20..22].copy_from_slice(&flags);
    bytes[24..26].fill(0);
    let sum = checksum(&bytes[14..34]);
    bytes[24..26].copy_from_slice(&sum.to_be_bytes());
    Packet { port, bytes }
}

fn raw(random: &mut Rng) -> Packet {
    let port = random.u8(1..=PORTS);
    let to = match random.u8(0..8) {
        0 => MacAddr::broadcast(),
        1 => MacAddr(1, 0x80, 0xc2, 0, 0, random.u8(0..0x12)),
        2 => MacAddr(1, 0, 0x5e, 0, 0, 1),
        // Nobody has it.
        3 => MacAddr(2, 0, 0, 0, 9, random.u8(..)),
        _ => station(random).mac,
    };
    let from = match random.u8(0..12) {
        0 => MacAddr(3, 0, 0, 0, 0, 1),
        1 => station(random).mac,
        _ => Station::new(port).mac,
    };
    let kind = *random
        .choice(&[0x88b5, 0x88b5, 0x88cc, 0x8035, 0x0600])
        .unwrap();
    with(port, to, from, kind, &[random.u8(..); 50])
}

/// Puts one or two tags behind the addresses.
fn tag(random: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..=u8::from(random.u8(0..6) == 0) {
        let id = *random.choice(&[0_u16, 0, 5, 5, 6, 4095]).unwrap();
        let kind = if random.u8(0..10) == 0 {
            0x88a8_u16
        } else {
            0x8100
        };
        let [high, low] = (id | random.u16(0..8) << 13).to_be_bytes();
        let [first, second] = kind.to_be_bytes();
        bytes.splice(12..12, [first, second, high, low]);
    }
}

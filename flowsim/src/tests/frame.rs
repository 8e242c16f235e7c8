//! Frames for tests, right ones and look-alikes.

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::PacketBuilder;
use weft_flow::present::{ethertype, protocol};
use weft_topology::MacAddr;

pub(crate) const BROADCAST: MacAddr = MacAddr(255, 255, 255, 255, 255, 255);
const TTL: u8 = 64;

/// An Ethernet frame.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) dst: MacAddr,
    pub(crate) src: MacAddr,
    /// Protocol and control information of each tag, the outer first.
    pub(crate) tags: Vec<(u16, u16)>,
    pub(crate) body: Body,
}

/// What a frame carries.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Arp(Arp),
    Dhcp(Dhcp),
    Udp {
        src: Ipv4Addr,
        dst: Ipv4Addr,
        sport: u16,
        dport: u16,
    },
    Tcp {
        src: Ipv4Addr,
        dst: Ipv4Addr,
        sport: u16,
        dport: u16,
    },
    /// IPv4 with any protocol and the field of fragments' flags and offset.
    Ipv4 {
        src: Ipv4Addr,
        dst: Ipv4Addr,
        proto: u8,
        fragment: u16,
        payload: Vec<u8>,
    },
    Ipv6 {
        src: Ipv6Addr,
        dst: Ipv6Addr,
        carries: Ipv6Body,
    },
    /// Any Ethernet type, or a length.
    Raw {
        kind: u16,
        payload: Vec<u8>,
    },
    /// The body in a frame of IEEE 802.3 with LLC and SNAP.
    Snap(Box<Body>),
}

/// What IPv6 carries.
#[derive(Clone, Debug)]
pub(crate) enum Ipv6Body {
    Udp(u16, u16),
    Tcp(u16, u16),
    /// ICMPv6 with a type, a code and what follows its checksum.
    Icmp(u8, u8, Vec<u8>),
    /// Neighbour discovery: type, target, and the MAC in an option of a kind.
    Neighbour(u8, Ipv6Addr, Option<(u8, MacAddr)>),
}

#[derive(Clone, Debug)]
pub(crate) struct Arp {
    pub(crate) op: u16,
    pub(crate) sha: MacAddr,
    pub(crate) sip: Ipv4Addr,
    pub(crate) tha: MacAddr,
    pub(crate) tip: Ipv4Addr,
    /// Hardware and protocol type with the lengths of addresses: `ARP_HEAD` if right.
    pub(crate) head: [u8; 6],
}

pub(crate) const ARP_HEAD: [u8; 6] = [0, 1, 8, 0, 6, 4];

#[derive(Clone, Debug)]
pub(crate) struct Dhcp {
    pub(crate) src: Ipv4Addr,
    pub(crate) dst: Ipv4Addr,
    pub(crate) sport: u16,
    pub(crate) dport: u16,
    pub(crate) op: u8,
    pub(crate) htype: u8,
    pub(crate) hlen: u8,
    pub(crate) giaddr: Ipv4Addr,
    pub(crate) chaddr: MacAddr,
    pub(crate) cookie: [u8; 4],
    /// Option 53.
    pub(crate) message_type: u8,
    /// How many bytes of the message are there.
    pub(crate) length: usize,
    /// IPv4's flags and offset of fragments.
    pub(crate) fragment: u16,
}

impl Frame {
    pub(crate) fn new(src: MacAddr, dst: MacAddr, body: Body) -> Self {
        Self {
            dst,
            src,
            tags: Vec::new(),
            body,
        }
    }

    pub(crate) fn tagged(mut self, tpid: u16, tci: u16) -> Self {
        self.tags.push((tpid, tci));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = [self.dst.octets(), self.src.octets()].concat();
        for (tpid, tci) in &self.tags {
            bytes.extend(tpid.to_be_bytes());
            bytes.extend(tci.to_be_bytes());
        }
        self.body.write(&mut bytes);
        bytes
    }
}

impl Arp {
    pub(crate) fn request(sha: MacAddr, sip: Ipv4Addr, tip: Ipv4Addr) -> Self {
        let (op, tha, head) = (1, MacAddr::zero(), ARP_HEAD);
        Self {
            op,
            sha,
            sip,
            tha,
            tip,
            head,
        }
    }

    fn packet(&self) -> Vec<u8> {
        let parts: [&[u8]; 6] = [
            &self.head,
            &self.op.to_be_bytes(),
            &self.sha.octets(),
            &self.sip.octets(),
            &self.tha.octets(),
            &self.tip.octets(),
        ];
        parts.concat()
    }
}

impl Dhcp {
    /// A DISCOVER.
    pub(crate) fn discover(chaddr: MacAddr) -> Self {
        Self {
            src: Ipv4Addr::UNSPECIFIED,
            dst: Ipv4Addr::BROADCAST,
            sport: 68,
            dport: 67,
            op: 1,
            htype: 1,
            hlen: 6,
            giaddr: Ipv4Addr::UNSPECIFIED,
            chaddr,
            cookie: [99, 130, 83, 99],
            message_type: 1,
            length: 244,
            fragment: 0,
        }
    }

    fn packet(&self) -> Vec<u8> {
        let mut message = vec![0; 236];
        message[0] = self.op;
        message[1] = self.htype;
        message[2] = self.hlen;
        message[4..8].copy_from_slice(b"xid!");
        message[24..28].copy_from_slice(&self.giaddr.octets());
        message[28..34].copy_from_slice(&self.chaddr.octets());
        message.extend(self.cookie);
        message.extend([53, 1, self.message_type, 255]);
        message.resize(self.length, 0);
        let mut packet = udp(self.src, self.dst, self.sport, self.dport, &message);
        set_fragment(&mut packet, self.fragment);
        packet
    }
}

impl Body {
    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Body::Snap(body) => {
                let mut inner = Vec::new();
                body.write(&mut inner);
                let length = u16::try_from(inner.len() + 6).unwrap();
                bytes.extend(length.to_be_bytes());
                bytes.extend([0xaa, 0xaa, 3, 0, 0, 0]);
                bytes.extend(inner);
            }
            body => {
                let (kind, packet) = body.packet();
                bytes.extend(kind.to_be_bytes());
                bytes.extend(packet);
            }
        }
    }

    fn packet(&self) -> (u16, Vec<u8>) {
        match self {
            Body::Arp(arp) => (ethertype::ARP, arp.packet()),
            Body::Dhcp(dhcp) => (ethertype::IPV4, dhcp.packet()),
            Body::Udp {
                src,
                dst,
                sport,
                dport,
            } => (ethertype::IPV4, udp(*src, *dst, *sport, *dport, b"hello")),
            Body::Tcp {
                src,
                dst,
                sport,
                dport,
            } => {
                let mut packet = Vec::new();
                PacketBuilder::ipv4(src.octets(), dst.octets(), TTL)
                    .tcp(*sport, *dport, 7, 1000)
                    .write(&mut packet, b"hello")
                    .unwrap();
                (ethertype::IPV4, packet)
            }
            Body::Ipv4 {
                src,
                dst,
                proto,
                fragment,
                payload,
            } => {
                let mut packet = Vec::new();
                PacketBuilder::ipv4(src.octets(), dst.octets(), TTL)
                    .write(&mut packet, (*proto).into(), payload)
                    .unwrap();
                set_fragment(&mut packet, *fragment);
                (ethertype::IPV4, packet)
            }
            Body::Ipv6 { src, dst, carries } => (ethertype::IPV6, ipv6(*src, *dst, carries)),
            Body::Raw { kind, payload } => (*kind, payload.clone()),
            Body::Snap(body) => body.packet(),
        }
    }
}

fn ipv6(src: Ipv6Addr, dst: Ipv6Addr, carries: &Ipv6Body) -> Vec<u8> {
    let mut packet = Vec::new();
    let ip = PacketBuilder::ipv6(src.octets(), dst.octets(), TTL);
    let written = match carries {
        Ipv6Body::Udp(sport, dport) => ip.udp(*sport, *dport).write(&mut packet, b"hello"),
        Ipv6Body::Tcp(sport, dport) => ip.tcp(*sport, *dport, 7, 1000).write(&mut packet, b"hello"),
        Ipv6Body::Icmp(kind, code, rest) => {
            ip.icmpv6_raw(*kind, *code, [0; 4]).write(&mut packet, rest)
        }
        Ipv6Body::Neighbour(kind, target, option) => {
            let mut rest = target.octets().to_vec();
            if let Some((kind, mac)) = option {
                rest.extend([*kind, 1]);
                rest.extend(mac.octets());
            }
            ip.icmpv6_raw(*kind, 0, [0; 4]).write(&mut packet, &rest)
        }
    };
    written.unwrap();
    packet
}

fn udp(src: Ipv4Addr, dst: Ipv4Addr, sport: u16, dport: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4(src.octets(), dst.octets(), TTL)
        .udp(sport, dport)
        .write(&mut packet, payload)
        .unwrap();
    debug_assert_eq!(packet[9], protocol::UDP);
    packet
}

/// Writes flags and offset; 0 leaves the packet as it is, with its checksum right.
fn set_fragment(packet: &mut [u8], fragment: u16) {
    if fragment != 0 {
        packet[6..8].copy_from_slice(&fragment.to_be_bytes());
    }
}

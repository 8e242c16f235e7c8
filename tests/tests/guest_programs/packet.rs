//! IP packets, built from nothing and read again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) const ICMP: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMPV6: u8 = 58;
const FRAGMENT: u8 = 44;

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;

/// An IP packet, or a fragment of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Packet {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: u8,
    /// From the transport header on; of a later fragment its bytes.
    pub(crate) body: Vec<u8>,
    pub(crate) fragment: Option<Fragment>,
}

/// Which part of a packet a fragment is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Fragment {
    /// Where it begins in the body, in bytes.
    pub(crate) offset: usize,
    /// Whether there are further ones.
    pub(crate) more: bool,
    pub(crate) id: u32,
}

impl Packet {
    fn new(
        (source, destination): (IpAddr, IpAddr),
        protocol: u8,
        mut body: Vec<u8>,
        sum: usize,
    ) -> Self {
        let mut covered = match (source, destination) {
            (IpAddr::V4(from), IpAddr::V4(to)) if protocol != ICMP => {
                [&from.octets()[..], &to.octets(), &[0, protocol]].concat()
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                [&from.octets()[..], &to.octets(), &[0, 0, 0, protocol, 0, 0]].concat()
            }
            _ => Vec::new(),
        };
        if !covered.is_empty() {
            covered.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        }
        covered.extend(&body);
        body[sum..sum + 2].copy_from_slice(&checksum(&covered).to_be_bytes());
        Self {
            source,
            destination,
            protocol,
            body,
            fragment: None,
        }
    }

    pub(crate) fn udp(addresses: (IpAddr, IpAddr), ports: [u16; 2], payload: &[u8]) -> Self {
        let length = u16::try_from(8 + payload.len()).unwrap();
        let header = [ports[0], ports[1], length, 0];
        let mut body = header.map(u16::to_be_bytes).concat();
        body.extend(payload);
        Self::new(addresses, UDP, body, 6)
    }

    /// `numbers` are sequence and acknowledgement.
    pub(crate) fn tcp(
        addresses: (IpAddr, IpAddr),
        ports: [u16; 2],
        flags: u8,
        numbers: [u32; 2],
        payload: &[u8],
    ) -> Self {
        let mut body = ports.map(u16::to_be_bytes).concat();
        body.extend(numbers.map(u32::to_be_bytes).concat());
        body.extend([0x50, flags, 0xea, 0x60, 0, 0, 0, 0]);
        body.extend(payload);
        Self::new(addresses, TCP, body, 16)
    }

    /// An ICMP or ICMPv6 message: its type, code, the 4 bytes after the checksum, and the rest.
    pub(crate) fn icmp(
        addresses: (IpAddr, IpAddr),
        [kind, code]: [u8; 2],
        head: [u8; 4],
        rest: &[u8],
    ) -> Self {
        let protocol = if addresses.0.is_ipv4() { ICMP } else { ICMPV6 };
        let mut body = vec![kind, code, 0, 0];
        body.extend(head);
        body.extend(rest);
        Self::new(addresses, protocol, body, 2)
    }

    /// Cut so that none is longer than `mtu` with its IP header.
    pub(crate) fn fragments(&self, mtu: usize, id: u32) -> Vec<Self> {
        let headers = if self.source.is_ipv4() { 20 } else { 48 };
        let step = (mtu - headers) / 8 * 8;
        let parts = self.body.chunks(step).enumerate();
        parts
            .map(|(at, part)| Self {
                body: part.to_vec(),
                fragment: Some(Fragment {
                    offset: at * step,
                    more: (at + 1) * step < self.body.len(),
                    id,
                }),
                ..*self
            })
            .collect()
    }

    /// The packet of which these are all fragments.
    pub(crate) fn joined(mut fragments: Vec<Self>) -> Option<Self> {
        fragments.sort_by_key(|it| it.fragment);
        let mut body = Vec::new();
        for part in &fragments {
            if part.fragment?.offset != body.len() {
                return None;
            }
            body.extend(&part.body);
        }
        let last = fragments.pop()?;
        (!last.fragment?.more).then_some(Self {
            body,
            fragment: None,
            ..last
        })
    }

    /// From the IP header on.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match (self.source, self.destination) {
            (IpAddr::V4(from), IpAddr::V4(to)) => self.ipv4(from, to),
            (IpAddr::V6(from), IpAddr::V6(to)) => self.ipv6(from, to),
            _ => panic!("a packet from one family to the other"),
        }
    }

    fn ipv4(&self, from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
        let length = u16::try_from(20 + self.body.len()).unwrap();
        let (id, flags) = self.fragment.map_or((0, 0), |it| {
            let more = if it.more { 0x2000 } else { 0 };
            (it.id as u16, more | (it.offset / 8) as u16)
        });
        let mut bytes = vec![0x45, 0];
        bytes.extend([length, id, flags].map(u16::to_be_bytes).concat());
        bytes.extend([64, self.protocol, 0, 0]);
        bytes.extend(from.octets());
        bytes.extend(to.octets());
        let sum = checksum(&bytes);
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes.extend(&self.body);
        bytes
    }

    fn ipv6(&self, from: Ipv6Addr, to: Ipv6Addr) -> Vec<u8> {
        let mut header = Vec::new();
        let mut next = self.protocol;
        if let Some(fragment) = self.fragment {
            let place = fragment.offset as u16 | u16::from(fragment.more);
            header.extend([self.protocol, 0]);
            header.extend(place.to_be_bytes());
            header.extend(fragment.id.to_be_bytes());
            next = FRAGMENT;
        }
        let length = u16::try_from(header.len() + self.body.len()).unwrap();
        let mut bytes = vec![0x60, 0, 0, 0];
        bytes.extend(length.to_be_bytes());
        bytes.extend([next, 255]);
        bytes.extend(from.octets());
        bytes.extend(to.octets());
        bytes.extend(header);
        bytes.extend(&self.body);
        bytes
    }

    /// Reads a frame's packet; none if it has none.
    pub(crate) fn of_frame(frame: &[u8]) -> Option<Self> {
        let packet = frame.get(14..)?;
        let u16_at = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
        match [frame[12], frame[13]] {
            [0x08, 0x00] => {
                let place = u16_at(6);
                let fragment = (place & 0x3fff != 0).then(|| Fragment {
                    offset: usize::from(place & 0x1fff) * 8,
                    more: place & 0x2000 != 0,
                    id: u16_at(4).into(),
                });
                Some(Self {
                    source: Ipv4Addr::from(*packet[12..].first_chunk().unwrap()).into(),
                    destination: Ipv4Addr::from(*packet[16..].first_chunk().unwrap()).into(),
                    protocol: packet[9],
                    body: packet[20..u16_at(2).into()].to_vec(),
                    fragment,
                })
            }
            [0x86, 0xdd] => {
                let is_fragment = packet[6] == FRAGMENT;
                let fragment = is_fragment.then(|| Fragment {
                    offset: usize::from(u16_at(42) & !7),
                    more: u16_at(42) & 1 != 0,
                    id: u32::from_be_bytes(*packet[44..].first_chunk().unwrap()),
                });
                let start = if is_fragment { 48 } else { 40 };
                Some(Self {
                    source: Ipv6Addr::from(*packet[8..].first_chunk().unwrap()).into(),
                    destination: Ipv6Addr::from(*packet[24..].first_chunk().unwrap()).into(),
                    protocol: packet[if is_fragment { 40 } else { 6 }],
                    body: packet[start..40 + usize::from(u16_at(4))].to_vec(),
                    fragment,
                })
            }
            _ => None,
        }
    }
}

fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2);
    let mut sum: u32 = words
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

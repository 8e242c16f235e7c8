//! Frames with right checksums, built from nothing.

/// An IPv4 packet in a frame.
#[derive(Clone)]
pub(crate) struct Ip {
    pub(crate) source: [u8; 4],
    pub(crate) destination: [u8; 4],
    pub(crate) tos: u8,
    pub(crate) ttl: u8,
    pub(crate) transport: Transport,
}

#[derive(Clone)]
pub(crate) enum Transport {
    Udp {
        source: u16,
        destination: u16,
    },
    Tcp {
        source: u16,
        destination: u16,
        flags: u8,
    },
    Echo {
        identifier: u16,
        is_reply: bool,
    },
    /// An ICMP error.
    Error {
        kind: u8,
        code: u8,
        quoted: Vec<u8>,
    },
}

pub(crate) const ONE: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub(crate) const TWO: [u8; 6] = [2, 0, 0, 0, 0, 2];
const PAYLOAD: &[u8] = b"payload, odd!";

pub(crate) fn udp(source: u16, destination: u16) -> Ip {
    ip(Transport::Udp {
        source,
        destination,
    })
}

pub(crate) fn tcp(source: u16, destination: u16, flags: u8) -> Ip {
    ip(Transport::Tcp {
        source,
        destination,
        flags,
    })
}

pub(crate) fn echo(identifier: u16, is_reply: bool) -> Ip {
    ip(Transport::Echo {
        identifier,
        is_reply,
    })
}

/// What the receiver of a packet says of it: port unreachable.
pub(crate) fn port_unreachable(about: &Ip) -> Ip {
    let (kind, code) = (3, 3);
    let quoted = about.frame()[14..].to_vec();
    ip(Transport::Error { kind, code, quoted }).between(about.destination, about.source)
}

fn ip(transport: Transport) -> Ip {
    Ip {
        source: [192, 0, 2, 1],
        destination: [192, 0, 2, 2],
        tos: 0x10,
        ttl: 64,
        transport,
    }
}

impl Ip {
    /// From and to these addresses.
    pub(crate) fn between(mut self, source: [u8; 4], destination: [u8; 4]) -> Self {
        (self.source, self.destination) = (source, destination);
        self
    }

    /// In a frame from [`ONE`] to [`TWO`].
    pub(crate) fn frame(&self) -> Vec<u8> {
        self.frame_between(ONE, TWO)
    }

    pub(crate) fn frame_between(&self, source: [u8; 6], destination: [u8; 6]) -> Vec<u8> {
        let (protocol, transport) = self.transport();
        let length = u16::try_from(20 + transport.len()).unwrap();
        let mut header = vec![0x45, self.tos];
        header.extend(length.to_be_bytes());
        header.extend([0, 1, 0, 0, self.ttl, protocol, 0, 0]);
        header.extend(self.source);
        header.extend(self.destination);
        let sum = checksum(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        let mut frame = destination.to_vec();
        frame.extend(source);
        frame.extend([0x08, 0x00]);
        frame.extend(header);
        frame.extend(transport);
        frame
    }

    fn transport(&self) -> (u8, Vec<u8>) {
        let ports = |source: u16, destination: u16| {
            [source.to_be_bytes(), destination.to_be_bytes()].concat()
        };
        let (protocol, mut bytes, at) = match &self.transport {
            &Transport::Udp {
                source,
                destination,
            } => {
                let mut bytes = ports(source, destination);
                let length = u16::try_from(8 + PAYLOAD.len()).unwrap();
                bytes.extend(length.to_be_bytes());
                bytes.extend([0, 0]);
                (17, bytes, 6)
            }
            &Transport::Tcp {
                source,
                destination,
                flags,
            } => {
                let mut bytes = ports(source, destination);
                bytes.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
                (6, bytes, 16)
            }
            &Transport::Echo {
                identifier,
                is_reply,
            } => {
                let mut bytes = vec![if is_reply { 0 } else { 8 }, 0, 0, 0];
                bytes.extend(identifier.to_be_bytes());
                bytes.extend([0, 1]);
                (1, bytes, 2)
            }
            Transport::Error { kind, code, quoted } => {
                let mut bytes = vec![*kind, *code, 0, 0, 0, 0, 0, 0];
                bytes.extend(quoted);
                (1, bytes, 2)
            }
        };
        if !matches!(self.transport, Transport::Error { .. }) {
            bytes.extend(PAYLOAD);
        }
        let mut covered = Vec::new();
        if protocol != 1 {
            covered.extend(self.source);
            covered.extend(self.destination);
            covered.extend([0, protocol]);
            covered.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
        }
        covered.extend(&bytes);
        bytes[at..at + 2].copy_from_slice(&checksum(&covered).to_be_bytes());
        (protocol, bytes)
    }
}

pub(crate) const SIX_A: [u8; 16] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
pub(crate) const SIX_B: [u8; 16] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

/// An ICMPv6 message in a frame: its type, and what follows the checksum.
pub(crate) fn icmpv6(addresses: [[u8; 16]; 2], kind: u8, rest: &[u8]) -> Vec<u8> {
    let bytes = [&[kind, 0, 0, 0], rest].concat();
    ipv6(addresses, 58, bytes, 2)
}

/// A UDP packet in a frame.
pub(crate) fn udp6(addresses: [[u8; 16]; 2], source: u16, destination: u16) -> Vec<u8> {
    let length = u16::try_from(8 + PAYLOAD.len()).unwrap();
    let mut bytes = [source, destination, length, 0]
        .map(u16::to_be_bytes)
        .concat();
    bytes.extend(PAYLOAD);
    ipv6(addresses, 17, bytes, 6)
}

/// An IPv6 packet in a frame, with its checksum, which is at an offset in the transport header.
fn ipv6(addresses: [[u8; 16]; 2], protocol: u8, mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let covered = [
        addresses.as_flattened(),
        &[0, 0],
        &length,
        &[0, 0, 0, protocol],
        &bytes,
    ];
    let sum = checksum(&covered.concat());
    bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    let mut frame = [TWO, ONE].concat();
    frame.extend([
        0x86, 0xdd, 0x60, 0, 0, 0, length[0], length[1], protocol, 255,
    ]);
    frame.extend(addresses.as_flattened());
    frame.extend(bytes);
    frame
}

/// With a VLAN tag before what is there.
pub(crate) fn tagged(frame: &[u8], tpid: u16, tci: u16) -> Vec<u8> {
    let (addresses, rest) = frame.split_at(12);
    [addresses, &tpid.to_be_bytes(), &tci.to_be_bytes(), rest].concat()
}

fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}

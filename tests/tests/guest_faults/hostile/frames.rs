//! The frames of a hostile guest, made as fast as they can be sent.

use weft_topology::MacAddr;

use crate::datagram::Datagram;

/// What it does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Flood {
    /// Frames of all kinds, changed at random places and cut off at random lengths, and mere noise.
    Random,
    /// Another 5-tuple in each packet.
    NewFlow,
    /// Another source MAC in each packet.
    NewMac,
}

impl Flood {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Random => "random frames",
            Self::NewFlow => "new 5-tuples",
            Self::NewMac => "new MACs",
        }
    }
}

/// An endless source of them.
pub(crate) struct Source {
    flood: Flood,
    random: fastrand::Rng,
    templates: Vec<Vec<u8>>,
    datagram: Datagram,
    frame: Vec<u8>,
    count: u64,
}

/// What a changed byte becomes more often than anything: the values at which parsers go wrong.
const EDGES: [u8; 6] = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

impl Source {
    pub(crate) fn new(flood: Flood, from: MacAddr, to: MacAddr) -> Self {
        Self {
            flood,
            random: fastrand::Rng::with_seed(1),
            templates: templates(from, to),
            datagram: Datagram::new(from, to),
            frame: Vec::new(),
            count: 0,
        }
    }

    pub(crate) fn next(&mut self) -> &[u8] {
        self.count += 1;
        let [.., a, b, c, d, e] = self.count.to_be_bytes();
        match self.flood {
            Flood::Random => self.random_frame(),
            Flood::NewFlow => {
                // The number goes round after 65,536, long after its flow has left.
                self.datagram.with_port(u16::from_be_bytes([d, e]))
            }
            Flood::NewMac => self.datagram.with_source(MacAddr(0x0a, a, b, c, d, e)),
        }
    }

    fn random_frame(&mut self) -> &[u8] {
        let random = &mut self.random;
        self.frame.clear();
        if random.u8(0..8) == 0 {
            let length = random.usize(1..1500);
            self.frame
                .extend(std::iter::repeat_with(|| random.u8(..)).take(length));
            return &self.frame;
        }
        self.frame
            .extend_from_slice(&self.templates[random.usize(0..self.templates.len())]);
        for _ in 0..random.usize(0..6) {
            let place = random.usize(0..self.frame.len());
            self.frame[place] = match random.bool() {
                true => EDGES[random.usize(0..EDGES.len())],
                false => random.u8(..),
            };
        }
        if random.u8(0..4) == 0 {
            self.frame.truncate(random.usize(1..self.frame.len()));
        }
        &self.frame
    }
}

/// A frame of each kind that somebody parses: the kernel, the agent, a local service.
fn templates(from: MacAddr, to: MacAddr) -> Vec<Vec<u8>> {
    let (from, to, all) = (from.octets(), to.octets(), [0xff; 6]);
    let ethernet = |to: [u8; 6], kind: u16, payload: &[u8]| {
        [&to[..], &from, &kind.to_be_bytes(), payload].concat()
    };
    let built = |builder: etherparse::PacketBuilderStep<etherparse::Ethernet2Header>| builder;
    let v4 = || {
        built(etherparse::PacketBuilder::ethernet2(from, to)).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
    };
    let v6 = |next: [u8; 16]| {
        let source = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 1];
        built(etherparse::PacketBuilder::ethernet2(from, to)).ipv6(source, next, 255)
    };
    let mut frames = Vec::new();
    let mut add = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut frame = Vec::new();
        write(&mut frame);
        frames.push(frame);
    };
    add(&|out| v4().udp(1, 2).write(out, &[0; 64]).unwrap());
    add(&|out| v4().tcp(1, 2, 3, 4).syn().write(out, &[0; 32]).unwrap());
    add(&|out| v4().icmpv4_echo_request(1, 2).write(out, &[0; 32]).unwrap());
    add(&|out| {
        v6([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 2])
            .icmpv6_raw(135, 0, [0; 4])
            .write(out, &[0; 24])
            .unwrap()
    });
    add(&|out| v6([0xfe; 16]).udp(546, 547).write(out, &[1; 40]).unwrap());
    // A DHCP request: BOOTP header, magic cookie, message type, an option whose length may go wrong.
    let mut dhcp = vec![1, 1, 6, 0, 9, 9, 9, 9];
    dhcp.resize(28, 0);
    dhcp.extend(from);
    dhcp.resize(236, 0);
    dhcp.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 55, 3, 1, 3, 121, 61, 7, 1]);
    dhcp.extend(from);
    dhcp.push(255);
    add(&|out| {
        let builder = etherparse::PacketBuilder::ethernet2(from, all);
        let builder = builder.ipv4([0; 4], [255; 4], 64).udp(68, 67);
        builder.write(out, &dhcp).unwrap();
    });
    // ARP for the address that this host answers for; VLAN tags, one and two; MPLS; IPv6 extension headers; LLC.
    let mut arp = vec![0, 1, 8, 0, 6, 4, 0, 1];
    arp.extend(from);
    arp.extend([10, 0, 0, 9, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
    frames.push(ethernet(all, 0x0806, &arp));
    frames.push(ethernet(to, 0x8100, &[0, 5, 8, 0, 0x45, 0, 0, 20]));
    frames.push(ethernet(to, 0x88a8, &[0, 5, 0x81, 0, 0, 6, 0x86, 0xdd]));
    frames.push(ethernet(to, 0x8847, &[0, 0, 0x10, 0xff, 0, 0, 0x21, 0xff]));
    let mut extensions = vec![0x60, 0, 0, 0, 0, 24, 0, 64];
    extensions.extend([0xfe; 32]);
    extensions.extend([
        43, 0, 0, 0, 0, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 1, 0, 0, 0, 1,
    ]);
    frames.push(ethernet(to, 0x86dd, &extensions));
    frames.push(ethernet(to, 0x0026, &[0x42, 0x42, 3, 0, 0, 0]));
    frames
}

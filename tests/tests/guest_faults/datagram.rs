//! UDP datagrams of which only a few bytes differ: made once, changed in place.

use weft_topology::MacAddr;

/// Where the UDP source port stands in the frame.
const SOURCE_PORT: usize = 14 + 20;
/// Where the payload begins.
pub(crate) const PAYLOAD: usize = 14 + 20 + 8;

/// A frame with an IPv4 header and a UDP header.
pub(crate) struct Datagram(Vec<u8>);

impl Datagram {
    /// From one machine to another, with 8 bytes of payload.
    pub(crate) fn new(from: MacAddr, to: MacAddr) -> Self {
        let ([.., a], [.., b]) = (from.octets(), to.octets());
        let builder = etherparse::PacketBuilder::ethernet2(from.octets(), to.octets())
            .ipv4([10, 0, 0, a], [10, 0, 0, b], 64)
            .udp(0, 9);
        let mut frame = Vec::new();
        builder.write(&mut frame, &[0; 8]).unwrap();
        // The checksum would have to follow the port: 0 means that there is none.
        frame[PAYLOAD - 2..PAYLOAD].fill(0);
        Self(frame)
    }

    /// The same from another port.
    pub(crate) fn with_port(&mut self, port: u16) -> &[u8] {
        self.0[SOURCE_PORT..SOURCE_PORT + 2].copy_from_slice(&port.to_be_bytes());
        &self.0
    }

    /// The same from another machine.
    pub(crate) fn with_source(&mut self, source: MacAddr) -> &[u8] {
        self.0[6..12].copy_from_slice(&source.octets());
        &self.0
    }

    /// The same from another port, with a number as its payload.
    pub(crate) fn numbered(&mut self, port: u16, number: u64) -> &[u8] {
        self.0[PAYLOAD..PAYLOAD + 8].copy_from_slice(&number.to_be_bytes());
        self.with_port(port)
    }
}

/// The number in a datagram of [`Datagram::numbered`].
pub(crate) fn number_of(frame: &[u8]) -> Option<u64> {
    let is_udp = frame.get(12..14) == Some(&[8, 0]) && frame.get(23) == Some(&17);
    let bytes = frame.get(PAYLOAD..PAYLOAD + 8).filter(|_| is_udp)?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

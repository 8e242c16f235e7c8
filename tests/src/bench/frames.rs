//! The frames of the bench: small UDP datagrams, each of a connection of its own or all of one.

use std::net::Ipv4Addr;

use weft_topology::MacAddr;

/// Marks the bench's frames among others.
const MARK: &[u8; 8] = b"weftnch\0";
/// Where the payload begins: Ethernet, IPv4, UDP.
const PAYLOAD: usize = 14 + 20 + 8;
/// Length of a frame in bytes.
const LENGTH: usize = PAYLOAD + MARK.len() + 8;

/// Source port of datagrams that are aimed.
const SOURCE_PORT: u16 = 40_000;

/// A frame whose source ports and addresses are changed in place.
#[derive(Clone, Debug)]
pub(super) struct Datagram([u8; LENGTH]);

impl Datagram {
    /// From one machine to another; the address of each is 10.0.0.0 and the last byte of its MAC.
    pub(super) fn new(from: MacAddr, to: MacAddr) -> Self {
        let mut frame = [0; LENGTH];
        frame[..6].copy_from_slice(&to.octets());
        frame[6..12].copy_from_slice(&from.octets());
        frame[12..14].copy_from_slice(&[0x08, 0x00]);
        let total = u16::try_from(LENGTH - 14).unwrap_or_default();
        frame[14] = 0x45;
        frame[16..18].copy_from_slice(&total.to_be_bytes());
        frame[22..24].copy_from_slice(&[64, 17]); // TTL, UDP
        frame[26..30].copy_from_slice(&[10, 0, 0, from.5]);
        frame[30..34].copy_from_slice(&[10, 0, 0, to.5]);
        let length = u16::try_from(LENGTH - 34).unwrap_or_default();
        frame[38..40].copy_from_slice(&length.to_be_bytes()); // checksum 0: none
        frame[PAYLOAD..PAYLOAD + 8].copy_from_slice(MARK);
        let mut datagram = Self(frame);
        datagram.set(0, 0);
        datagram
    }

    /// Makes it the one datagram `number` of a connection; no two connections below 2³⁰ are alike.
    pub(super) fn set(&mut self, connection: u32, number: u64) {
        let [_, _, high, low] = connection.to_be_bytes();
        let ports = connection >> 16;
        self.0[34..36].copy_from_slice(&[high, low]);
        let to = u16::try_from(1024 + ports).unwrap_or(u16::MAX);
        self.0[36..38].copy_from_slice(&to.to_be_bytes());
        self.finish(number);
    }

    /// Makes it the one datagram `number` from this address to this port.
    pub(super) fn aim(&mut self, source: Ipv4Addr, port: u16, number: u64) {
        self.0[26..30].copy_from_slice(&source.octets());
        self.0[34..36].copy_from_slice(&SOURCE_PORT.to_be_bytes());
        self.0[36..38].copy_from_slice(&port.to_be_bytes());
        self.finish(number);
    }

    fn finish(&mut self, number: u64) {
        self.0[PAYLOAD + 8..].copy_from_slice(&number.to_be_bytes());
        self.0[24..26].fill(0);
        let sum = crate::frames::checksum(&self.0[14..34]);
        self.0[24..26].copy_from_slice(&sum.to_be_bytes());
    }

    /// Its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The number of a datagram of the bench; `None` for all other frames.
pub(super) fn number(frame: &[u8]) -> Option<u64> {
    let payload = frame.get(PAYLOAD..)?.strip_prefix(MARK)?;
    Some(u64::from_be_bytes(*payload.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_differ_and_a_datagram_is_what_others_take_it_for() {
        let mut one = Datagram::new(MacAddr(2, 0, 0, 0, 0, 1), MacAddr(2, 0, 0, 0, 0, 2));
        let mut seen = std::collections::BTreeSet::new();
        for connection in [0, 1, 0xffff, 0x1_0000, 0x2_ffff] {
            one.set(connection, 7);
            let parsed = etherparse::SlicedPacket::from_ethernet(one.bytes()).unwrap();
            let Some(etherparse::TransportSlice::Udp(udp)) = parsed.transport else {
                panic!("no UDP");
            };
            assert!(seen.insert((udp.source_port(), udp.destination_port())));
            assert_eq!(number(one.bytes()), Some(7));
        }
        assert_eq!(number(&one.bytes()[..50]), None);
    }
}

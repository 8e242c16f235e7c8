//! Whether a frame's bytes are a BOOTP message by which a client speaks for itself.
//!
//! Only what decides between the server and ordinary traffic is looked at, and strictly; the server
//! reads the message again, with its options.

use weft_topology::MacAddr;

const ETHERNET: usize = 14;
const TAG: usize = 4;
const LEAST_IP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;

/// Fixed fields of RFC 951 §3.
const REQUEST: u8 = 1;
const HARDWARE_ETHERNET: u8 = 1;
const HARDWARE_LEN: u8 = 6;
const GIADDR: usize = 24;
const CHADDR: usize = 28;
const COOKIE: usize = 236;
const DHCP_COOKIE: [u8; 4] = [99, 130, 83, 99];

/// Whether an Ethernet II frame carries a whole, unrelayed message of the client that sent it. One tag
/// is passed over: the key has shown it to be a priority tag.
pub(crate) fn is_clients_own(frame: &[u8], source: MacAddr) -> bool {
    let Some(message) = ip_packet(frame).and_then(udp_payload) else {
        return false;
    };
    let has = |at: usize, bytes: &[u8]| {
        let rest = message.get(at..);
        rest.is_some_and(|rest| rest.starts_with(bytes))
    };
    has(0, &[REQUEST, HARDWARE_ETHERNET, HARDWARE_LEN])
        && has(GIADDR, &[0; 4])
        && has(CHADDR, &source.octets())
        && has(COOKIE, &DHCP_COOKIE)
}

/// What follows the Ethernet header, if it is IPv4 by its Ethernet type.
fn ip_packet(frame: &[u8]) -> Option<&[u8]> {
    let (ethernet, packet) = frame.split_at_checked(ETHERNET)?;
    match ethernet {
        [.., 0x08, 0x00] => Some(packet),
        [.., 0x81, 0x00] => {
            let (tag, packet) = packet.split_at_checked(TAG)?;
            tag.ends_with(&[0x08, 0x00]).then_some(packet)
        }
        _ => None,
    }
}

/// The payload of a UDP datagram, with every length within the one around it.
fn udp_payload(packet: &[u8]) -> Option<&[u8]> {
    let &[version_and_length, _, high, low, ..] = packet else {
        return None;
    };
    let header = usize::from(version_and_length & 0x0f) * 4;
    if version_and_length >> 4 != 4 || header < LEAST_IP_HEADER {
        return None;
    }
    let packet = packet.get(..usize::from(u16::from_be_bytes([high, low])))?;
    let datagram = packet.get(header..)?;
    let &[_, _, _, _, high, low, ..] = datagram else {
        return None;
    };
    datagram
        .get(..usize::from(u16::from_be_bytes([high, low])))?
        .get(UDP_HEADER..)
}

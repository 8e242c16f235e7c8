//! A captured frame in one line.

use std::net::IpAddr;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use weft_wire::control::CapturedFrame;

/// The bytes of a text in hex; none if it is no such text.
pub fn bytes_of(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks_exact(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect::<Option<_>>().unwrap_or_default()
}

/// Time of day, direction, addresses, and what it is.
pub fn line(frame: &CapturedFrame, bytes: &[u8]) -> String {
    let (seconds, rest) = (frame.time / 1_000_000_000, frame.time % 1_000_000_000);
    let day = seconds % 86_400;
    let (hour, minute, second) = (day / 3_600, day / 60 % 60, day % 60);
    let way = if frame.is_in { "in " } else { "out" };
    let what = content(bytes).unwrap_or_else(|| "not understood".to_owned());
    format!(
        "{hour:02}:{minute:02}:{second:02}.{:06} {way} {what}, {} bytes",
        rest / 1_000,
        frame.length
    )
}

fn content(bytes: &[u8]) -> Option<String> {
    let mac = |at: usize| {
        let octets = bytes.get(at..at + 6)?;
        let texts: Vec<String> = octets.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(texts.join(":"))
    };
    let (to, from) = (mac(0)?, mac(6)?);
    // What was cut short is still shown as far as it is there.
    let packet = SlicedPacket::from_ethernet(bytes).ok();
    let vlans: String = packet
        .iter()
        .flat_map(|packet| packet.vlan_ids())
        .map(|id| format!(" vlan {}", id.value()))
        .collect();
    let inner = packet.as_ref().and_then(inner).unwrap_or_else(|| {
        let kind = bytes.get(12..14).unwrap_or_default();
        let digits: String = kind.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("type 0x{digits}")
    });
    Some(format!("{from} > {to}{vlans} {inner}"))
}

fn inner(packet: &SlicedPacket<'_>) -> Option<String> {
    let (from, to): (IpAddr, IpAddr) = match packet.net.as_ref()? {
        NetSlice::Ipv4(ip) => {
            let head = ip.header();
            (head.source_addr().into(), head.destination_addr().into())
        }
        NetSlice::Ipv6(ip) => {
            let head = ip.header();
            (head.source_addr().into(), head.destination_addr().into())
        }
        NetSlice::Arp(_) => return Some("ARP".to_owned()),
    };
    Some(match &packet.transport {
        Some(TransportSlice::Udp(udp)) => format!(
            "UDP {from}:{} > {to}:{}",
            udp.source_port(),
            udp.destination_port()
        ),
        Some(TransportSlice::Tcp(tcp)) => format!(
            "TCP {from}:{} > {to}:{}",
            tcp.source_port(),
            tcp.destination_port()
        ),
        Some(TransportSlice::Icmpv4(_)) => format!("ICMP {from} > {to}"),
        Some(TransportSlice::Icmpv6(_)) => format!("ICMPv6 {from} > {to}"),
        _ => format!("IP {from} > {to}"),
    })
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;

    use super::*;

    #[test]
    fn a_frame_is_said_in_a_line_and_nonsense_does_no_harm() {
        let mut bytes = Vec::new();
        PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
            .single_vlan(5.try_into().unwrap())
            .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
            .udp(68, 67)
            .write(&mut bytes, b"hi")
            .unwrap();
        let frame = |is_in| CapturedFrame {
            time: 3_661_000_042_000,
            is_in,
            length: 99,
            frame: String::new(),
            lost: 0,
        };
        assert_eq!(
            line(&frame(true), &bytes),
            "01:01:01.000042 in  02:00:00:00:00:01 > 02:00:00:00:00:02 vlan 5 \
             UDP 10.0.0.1:68 > 10.0.0.2:67, 99 bytes"
        );
        for cut in 0..bytes.len() {
            assert!(line(&frame(false), &bytes[..cut]).ends_with("99 bytes"));
        }
        assert_eq!(bytes_of("00ff"), [0, 255]);
        assert!(bytes_of("zz").is_empty());
    }
}

//! Frames, with etherparse as the second opinion.

use std::net::Ipv4Addr;

use etherparse::{PacketBuilder, SlicedPacket};
use weft_dhcp::{NotDhcp, frame, is_client_message, parse_frame};
use weft_topology::MacAddr;

use crate::network::{ALL, ASSIGNED, CLIENT, Client, NOBODY, Network, SERVER};

const SERVER_MAC: MacAddr = MacAddr(0xfa, 0x16, 0x3e, 0, 0, 2);
/// Where headers begin.
const IP: usize = 14;
const UDP: usize = 34;

fn discover_frame() -> Vec<u8> {
    let payload = Client::discover().bytes();
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(CLIENT.octets(), [0xff; 6])
        .ipv4(NOBODY.octets(), ALL.octets(), 64)
        .udp(68, 67)
        .write(&mut frame, &payload)
        .unwrap();
    frame
}

/// A frame with bytes written over, its IP checksum made right again.
fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut frame = discover_frame();
    frame[at..at + bytes.len()].copy_from_slice(bytes);
    frame[IP + 10..IP + 12].fill(0);
    let sum = frame[IP..UDP].chunks(2).fold(0u32, |sum, word| {
        sum + u32::from(word[0]) * 256 + u32::from(word[1])
    });
    let sum = !((sum & 0xffff) as u16 + (sum >> 16) as u16);
    frame[IP + 10..IP + 12].copy_from_slice(&sum.to_be_bytes());
    frame
}

#[test]
fn a_clients_frame_gives_its_message() {
    let frame = discover_frame();
    let parsed = parse_frame(&frame).unwrap();
    assert_eq!(parsed.source_mac, CLIENT);
    assert!(parsed.destination_mac.is_broadcast());
    assert_eq!((parsed.source, parsed.destination), (NOBODY, ALL));
    assert_eq!(parsed.payload, Client::discover().bytes());
    let padded = [frame.as_slice(), &[0xee; 20]].concat();
    assert_eq!(
        parse_frame(&padded).unwrap().payload,
        parsed.payload,
        "Ethernet's padding"
    );
}

#[test]
fn a_priority_tag_is_skipped_and_another_tag_is_not() {
    let frame = discover_frame();
    let tagged = |tci: [u8; 2]| [&frame[..12], &[0x81, 0], &tci, &frame[12..]].concat();
    let priority = tagged([0xe0, 0]);
    let payload = parse_frame(&priority).map(|parsed| parsed.payload);
    assert_eq!(payload, Ok(Client::discover().bytes().as_slice()));
    assert_eq!(
        parse_frame(&tagged([0, 7])),
        Err(NotDhcp::Tagged { vlan: 7 })
    );
    let twice = [&frame[..12], &[0x81, 0, 0, 0, 0x81, 0, 0, 0], &frame[12..]].concat();
    let ethertype = 0x8100;
    assert_eq!(parse_frame(&twice), Err(NotDhcp::EtherType { ethertype }));
}

#[test]
fn a_frame_that_is_cut_anywhere_is_not_dhcp() {
    let frame = discover_frame();
    for len in 0..frame.len() {
        let why = parse_frame(&frame[..len]).unwrap_err();
        let right = match len {
            0..14 => matches!(why, NotDhcp::Short { .. }),
            _ => matches!(why, NotDhcp::Ipv4(_)),
        };
        assert!(right, "{len}: {why}");
    }
}

#[test]
fn headers_that_contradict_are_refused_with_a_reason() {
    let wrong = |at, bytes: &[u8]| parse_frame(&with(at, bytes)).unwrap_err();
    let ports = |source_port, destination_port| NotDhcp::Ports {
        source_port,
        destination_port,
    };
    assert_eq!(
        wrong(12, &[0x86, 0xdd]),
        NotDhcp::EtherType { ethertype: 0x86dd }
    );
    assert_eq!(
        wrong(12, &[0x00, 0x40]),
        NotDhcp::EtherType { ethertype: 0x40 }
    );
    assert_eq!(wrong(IP, &[0x65]), NotDhcp::Ipv4("version is not 4"));
    assert_eq!(wrong(IP, &[0x44]), NotDhcp::Ipv4("header length"));
    assert_eq!(wrong(IP + 2, &[0, 19]), NotDhcp::Ipv4("total length"));
    assert_eq!(wrong(IP + 2, &[0xff, 0xff]), NotDhcp::Ipv4("total length"));
    assert_eq!(
        wrong(IP + 6, &[0x20, 0]),
        NotDhcp::Fragment,
        "more fragments"
    );
    assert_eq!(wrong(IP + 6, &[0, 1]), NotDhcp::Fragment, "an offset");
    assert_eq!(wrong(IP + 9, &[6]), NotDhcp::Protocol { protocol: 6 });
    assert_eq!(wrong(IP + 2, &[0, 27]), NotDhcp::Udp("too short"));
    assert_eq!(wrong(UDP, &[0, 67, 0, 68]), ports(67, 68));
    assert_eq!(wrong(UDP + 2, &[0, 69]), ports(68, 69));
    assert_eq!(wrong(UDP + 4, &[0, 7]), NotDhcp::Udp("length"));
    assert_eq!(wrong(UDP + 4, &[0xff, 0xff]), NotDhcp::Udp("length"));
    assert_eq!(
        wrong(UDP + 8, &[9]),
        NotDhcp::Udp("checksum"),
        "the payload is another"
    );
    let mut frame = discover_frame();
    frame[IP + 10] ^= 1;
    assert_eq!(parse_frame(&frame), Err(NotDhcp::Ipv4("checksum")));
}

#[test]
fn a_datagram_without_a_checksum_is_taken() {
    let frame = with(UDP + 6, &[0, 0]);
    assert!(parse_frame(&frame).is_ok());
}

#[test]
fn ip_options_are_skipped() {
    let frame = discover_frame();
    let mut longer = [&frame[..UDP], &[1; 4], &frame[UDP..]].concat();
    longer[IP] = 0x46;
    let total = (longer.len() - IP) as u16;
    longer[IP + 2..IP + 4].copy_from_slice(&total.to_be_bytes());
    longer[IP + 10..IP + 12].fill(0);
    let sum = longer[IP..UDP + 4].chunks(2).fold(0u32, |sum, word| {
        sum + u32::from(word[0]) * 256 + u32::from(word[1])
    });
    let sum = !((sum & 0xffff) as u16 + (sum >> 16) as u16);
    longer[IP + 10..IP + 12].copy_from_slice(&sum.to_be_bytes());
    let parsed = parse_frame(&longer).unwrap();
    assert_eq!(parsed.payload, Client::discover().bytes());
}

#[test]
fn a_replys_frame_has_right_headers_and_checksums() {
    let network = Network::default();
    for client in [
        Client::discover(),
        Client::discover().broadcast(),
        // An odd length.
        Client::discover().option(61, b"four").takes(1500),
        Client::request().ciaddr(Ipv4Addr::new(10, 0, 0, 9)),
    ] {
        let reply = network.host_option_of_length(client.bytes().len());
        let reply = reply.reply(&client.bytes());
        let bytes = frame::reply(&reply, SERVER_MAC);
        let sliced = SlicedPacket::from_ethernet(&bytes).unwrap();
        let Some(etherparse::LinkSlice::Ethernet2(ethernet)) = sliced.link else {
            panic!("no Ethernet")
        };
        assert_eq!(ethernet.source(), SERVER_MAC.octets());
        assert_eq!(ethernet.destination(), reply.destination_mac.octets());
        let Some(etherparse::NetSlice::Ipv4(ip)) = sliced.net else {
            panic!("no IPv4")
        };
        let header = ip.header().to_header();
        assert_eq!(header.source, SERVER.octets());
        assert_eq!(header.destination, reply.destination.octets());
        assert_eq!((header.time_to_live, header.dont_fragment), (64, true));
        assert_eq!(header.header_checksum, header.calc_header_checksum());
        let Some(etherparse::TransportSlice::Udp(udp)) = sliced.transport else {
            panic!("no UDP")
        };
        let header = udp.to_header();
        assert_eq!((header.source_port, header.destination_port), (67, 68));
        let checksum = header.calc_checksum_ipv4_raw(
            reply.source.octets(),
            reply.destination.octets(),
            udp.payload(),
        );
        assert_eq!(Ok(header.checksum), checksum.map_err(|e| e.to_string()));
        assert_eq!(udp.payload(), reply.payload);
    }
}

impl Network {
    /// This network with an option that makes replies of odd and even lengths.
    fn host_option_of_length(&self, len: usize) -> Self {
        self.clone()
            .host_option("224", &format!("text:{}", "x".repeat(len % 7 + 60)))
    }
}

#[test]
fn a_udp_checksum_of_zero_is_sent_as_all_ones() {
    let sum = |xid: [u8; 4]| {
        let reply = Network::default().reply(&Client::discover().set(4, &xid).bytes());
        let frame = frame::reply(&reply, SERVER_MAC);
        [frame[UDP + 6], frame[UDP + 7]]
    };
    // The sum without the complement plus its complement is all ones, the complement of which is 0.
    let [high, low] = sum([0; 4]);
    assert_eq!(sum([0, 0, high, low]), [0xff, 0xff]);
}

#[test]
fn a_client_is_told_by_protocol_and_ports() {
    assert!(is_client_message(17, 68, 67));
    for (protocol, source, destination) in [(6, 68, 67), (17, 67, 68), (17, 68, 68), (0, 0, 0)] {
        assert!(!is_client_message(protocol, source, destination));
    }
    assert_ne!(ASSIGNED, SERVER);
}

//! Frames through the agent's flows.

use std::time::Duration;

use weft_tests::site::{Site, mac};
use weft_topology::MacAddr;

/// Long enough for a frame that comes; a marker behind it says that it did not.
const SOON: Duration = Duration::from_secs(5);

#[test]
fn a_port_that_is_administratively_down_neither_sends_nor_receives() {
    let site = Site::start("admin").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    let mut c = site.plug(&network, "tap-c", mac(3)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    site.set_port_up(&b.port, false).unwrap();
    site.sync().unwrap();
    b.peer.drain();
    c.peer.drain();
    a.peer.send(b.peer.mac, 0x88b5, b"to b").unwrap();
    b.peer
        .send(MacAddr::broadcast(), 0x88b5, b"from b")
        .unwrap();
    a.peer
        .send(MacAddr::broadcast(), 0x88b5, b"marker")
        .unwrap();
    let marker = |frame: &[u8]| frame.get(14..20) == Some(b"marker");
    let from_b = b.peer.mac.octets();
    let first = c
        .peer
        .receive_where(SOON, |f| marker(f) || f.get(6..12) == Some(&from_b))
        .unwrap();
    assert!(
        marker(&first),
        "a frame of the port that is down was flooded"
    );
    assert_eq!(b.peer.drain(), 0, "the port that is down received a frame");
    site.set_port_up(&b.port, true).unwrap();
    site.sync().unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    let drops = site.weft_json(&["show", "drops"]).unwrap();
    let reasons: Vec<_> = drops
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["reason"].as_str().unwrap().to_owned())
        .collect();
    for wanted in ["port-down", "egress-down"] {
        assert!(
            reasons.iter().any(|reason| reason == wanted),
            "no {wanted} in {reasons:?}"
        );
    }
}

#[test]
fn link_local_control_frames_and_tagged_frames_reach_nobody_and_a_priority_tag_is_stripped() {
    let site = Site::start("frames").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    b.peer.drain();
    let frame = |to: MacAddr, rest: &[u8]| [&to.octets()[..], &mac(1).octets(), rest].concat();
    let payload = [0x88, 0xb5, b'n', b'o'];
    for last in 0..16 {
        a.peer
            .send_raw(&frame(MacAddr(1, 0x80, 0xc2, 0, 0, last), &payload))
            .unwrap();
    }
    a.peer
        .send_raw(&frame(mac(2), &[0x81, 0, 0, 7, 0x88, 0xb5, b'n', b'o']))
        .unwrap();
    a.peer
        .send_raw(&frame(
            mac(2),
            &[0x81, 0, 0xe0, 0, 0x88, 0xb5, b'y', b'e', b's'],
        ))
        .unwrap();
    let got = b.peer.receive(SOON).expect("the frame with a priority tag");
    assert_eq!(
        got.get(12..17),
        Some(&[0x88, 0xb5, b'y', b'e', b's'][..]),
        "{got:02x?}"
    );
}

#[test]
fn a_trace_says_what_the_kernel_does_with_the_frame() {
    let site = Site::start("trace").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    let words = [
        "trace",
        &a.port,
        "from=02:00:00:00:00:01",
        "to=02:00:00:00:00:02",
        "src=10.0.0.11",
        "dst=10.0.0.12",
        "proto=udp",
        "sport=1000",
        "dport=2000",
    ];
    let trace = site.weft_json(&words).unwrap();
    assert_eq!(trace["outputs"], serde_json::json!(["tap-b"]), "{trace:#}");
    assert_eq!(trace["recirculations"], 0);
    assert!(!trace["steps"].as_array().unwrap().is_empty());
    // A frame out of a capture takes the way that it takes when it is said.
    let frame = [
        &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5][..],
        &[0; 46],
    ]
    .concat();
    let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    let said = site.weft_json(&["trace", &a.port, &format!("hex={hex}")]);
    let capture = site.dir.join("trace.pcap");
    std::fs::write(&capture, capture_of(&frame)).unwrap();
    let capture = capture.display().to_string();
    let read = site.weft_json(&["trace", &a.port, "--pcap", &capture]);
    assert_eq!(read.unwrap()[0]["trace"], said.unwrap());
    let nobody = [
        "trace",
        &a.port,
        "from=02:00:00:00:00:01",
        "to=01:80:c2:00:00:00",
        "src=10.0.0.11",
        "dst=10.0.0.12",
    ];
    let trace = site.weft_json(&nobody).unwrap();
    assert_eq!(trace["outputs"], serde_json::json!([]));
    assert_eq!(trace["actions"], "drop");
}

/// A capture file (pcap) of one Ethernet frame.
fn capture_of(frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).unwrap();
    let words = [
        0xa1b2_c3d4,
        0x0004_0002,
        0,
        0,
        65_535,
        1,
        0,
        0,
        length,
        length,
    ];
    let head = words.into_iter().flat_map(u32::to_le_bytes);
    head.chain(frame.iter().copied()).collect()
}

#[test]
fn a_guest_cannot_reach_the_hypervisor_by_its_tap() {
    let site = Site::start("stack").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    let addresses =
        weft_tests::command::run(&["ip", "-o", "addr", "show", "dev", "tap-a"]).unwrap();
    assert_eq!(addresses.trim(), "", "the tap has a host address");
    // An echo request to all nodes (RFC 4291 §2.7.1), as a guest's `ping6 ff02::1` sends it.
    let echo: Vec<u8> = {
        let builder =
            etherparse::PacketBuilder::ethernet2(mac(1).octets(), [0x33, 0x33, 0, 0, 0, 1]);
        let source = "fe80::ff:fe00:1"
            .parse::<std::net::Ipv6Addr>()
            .unwrap()
            .octets();
        let all = "ff02::1".parse::<std::net::Ipv6Addr>().unwrap().octets();
        let mut bytes = Vec::new();
        builder
            .ipv6(source, all, 255)
            .icmpv6_echo_request(1, 1)
            .write(&mut bytes, b"hello")
            .unwrap();
        bytes
    };
    a.peer.drain();
    a.peer.send_raw(&echo).unwrap();
    let seen = b
        .peer
        .receive_where(SOON, |frame| frame.get(0..2) == Some(&[0x33, 0x33]));
    assert!(seen.is_some(), "the neighbour did not get it");
    b.peer.send(a.peer.mac, 0x88b5, b"marker").unwrap();
    let first = a.peer.receive(SOON).unwrap();
    assert_eq!(
        first.get(14..20),
        Some(&b"marker"[..]),
        "somebody else answered: {first:02x?}"
    );
}

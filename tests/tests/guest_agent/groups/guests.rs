//! What a guest may say that it is, what reaches it although everything is denied, and what it is told.

use std::cell::Cell;
use std::net::Ipv4Addr;

use etherparse::{Icmpv4Type, Icmpv6Type, SlicedPacket, TransportSlice, icmpv4, icmpv6};
use serde_json::json;
use weft_tests::cloud;
use weft_tests::dhcp;
use weft_tests::frames::{Carries, Family, Station, frame, is};
use weft_tests::peer::Peer;
use weft_tests::site::Site;
use weft_topology::MacAddr;

use super::{FAMILIES, LIMIT, delivers, machine, open_rules, passes};

#[test]
fn a_machine_gets_its_address_under_a_group_that_denies_everything() {
    let site = Site::start("denied").unwrap();
    let network = site.network("blue").unwrap();
    let station = Station::new(1);
    let mut a = site.plug(&network, "tap-1", station.mac).unwrap();
    let mut b = site.plug(&network, "tap-2", Station::new(2).mac).unwrap();
    let nothing = [json!({ "type": "drop" })];
    let (chain, _) = cloud::chain(&site.rest, "nothing", &nothing).unwrap();
    cloud::filter(&site.rest, &a.port, &chain, &chain).unwrap();
    cloud::dhcp_host(&site.rest, &network, &station.mac.to_string(), "10.0.0.1").unwrap();
    site.sync().unwrap();
    dhcp::lease(&mut a.peer).unwrap();
    // Nothing else, also if it looks like it: the server's port, another's address.
    let looks = frame(
        Family::V4,
        &station,
        &Station::new(2),
        Carries::Udp(68, 67),
        b"DHCP?",
    )
    .unwrap();
    b.peer.drain();
    a.peer.send_raw(&looks).unwrap();
    dhcp::lease(&mut a.peer).unwrap();
    assert_eq!(b.peer.drain(), 0, "a look-alike got through");
}

#[test]
fn a_guest_speaks_for_itself_only() {
    let site = Site::start("secured").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &[]);
    let mut b = machine(&site, &network, 2, &open_rules());
    let path = format!("/ports/{}", a.plugged.port);
    let mut port = site.rest.get(&path).unwrap();
    let pair = |mac: MacAddr, prefix: &str| json!({ "mac": mac.to_string(), "prefix": prefix });
    port["portSecurity"] = json!({ "pairs": [
        pair(a.station.mac, "10.0.0.1"),
        pair(a.station.mac, "fd00::1"),
    ] });
    let pairs = port["portSecurity"]["pairs"].as_array_mut().unwrap();
    pairs.extend((0..MARKERS).map(|n| pair(marker(n), "10.0.0.99")));
    site.rest.update(&path, &port).unwrap();
    site.sync().unwrap();
    let liar = Station {
        v4: Ipv4Addr::new(10, 0, 0, 3),
        v6: "fd00::3".parse().unwrap(),
        ..a.station
    };
    let thief = Station {
        mac: MacAddr(2, 0, 0, 0, 0, 3),
        ..a.station
    };
    let to = b.station;
    let carries = Carries::Udp(4_000, 53);
    let mut next = 0;
    for family in FAMILIES {
        for (from, passes) in [(&a.station, true), (&liar, false), (&thief, false)] {
            let bytes = frame(family, from, &to, carries, b"weft").unwrap();
            let wanted = |bytes: &[u8]| is(bytes, family, from, &to, carries);
            b.plugged.peer.drain();
            a.plugged.peer.send_raw(&bytes).unwrap();
            let seen = after_markers(&mut a.plugged.peer, &mut b.plugged.peer, &mut next, wanted);
            assert_eq!(seen, passes, "{family:?} {from:?}");
        }
    }
    let drops = site
        .weft_json(&["show", "drops", "--port", &a.plugged.port])
        .unwrap();
    let reasons: Vec<&str> = drops
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|drop| drop["reason"].as_str())
        .collect();
    for reason in ["security-source", "security-mac"] {
        assert!(reasons.contains(&reason), "{drops}");
    }
}

/// MACs of markers.
const MARKERS: u8 = 40;

fn marker(n: u8) -> MacAddr {
    MacAddr(2, 0, 0, 0, 1, n)
}

/// Two datagrams, each the first of its MAC, show that what was sent before them is dealt with.
fn after_markers(
    from: &mut Peer,
    to: &mut Peer,
    next: &mut u8,
    wanted: impl Fn(&[u8]) -> bool,
) -> bool {
    let other = Station {
        mac: to.mac,
        ..Station::new(2)
    };
    let seen = Cell::new(false);
    for _ in 0..2 {
        let one = Station {
            mac: marker(*next),
            ..Station::new(99)
        };
        *next += 1;
        let carries = Carries::Udp(9, 9);
        let bytes = frame(Family::V4, &one, &other, carries, b"marker").unwrap();
        from.send_raw(&bytes).unwrap();
        let came = to.sees(LIMIT, |bytes| {
            seen.set(seen.get() || wanted(bytes));
            is(bytes, Family::V4, &one, &other, carries) && bytes[6..12] == one.mac.octets()
        });
        assert!(came, "the marker is lost");
    }
    seen.get()
}

#[test]
fn who_is_rejected_is_told_and_an_answer_is_never_answered() {
    let site = Site::start("rejected").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &[json!({ "type": "accept" })]);
    let mut b = machine(&site, &network, 2, &[json!({ "type": "reject" })]);
    site.sync().unwrap();
    for family in FAMILIES {
        let (one, other) = (a.station, b.station);
        // Where it is is known: of a flood nobody is told, since the one meant may be elsewhere.
        assert!(passes(&mut b, &mut a, family, Carries::Udp(1, 1)));
        a.plugged.peer.drain();
        assert!(!passes(
            &mut a,
            &mut b,
            family,
            Carries::Tcp(4_000, 81, "S", 100, 0)
        ));
        let reset = Carries::Tcp(81, 4_000, "R", 0, 0);
        let told = a
            .plugged
            .peer
            .sees(LIMIT, |bytes| is(bytes, family, &other, &one, reset));
        assert!(told, "{family:?}: no reset");
        assert!(!passes(&mut a, &mut b, family, Carries::Udp(4_000, 54)));
        let told = a.plugged.peer.sees(LIMIT, is_prohibited);
        assert!(told, "{family:?}: no ICMP error");
        // A reset is answered by nothing.
        a.plugged.peer.drain();
        assert!(!passes(
            &mut a,
            &mut b,
            family,
            Carries::Tcp(4_000, 82, "R", 100, 0)
        ));
        let bytes = frame(family, &one, &other, Carries::Udp(1, 2), b"").unwrap();
        assert!(!delivers(
            &mut a.plugged.peer,
            &mut b.plugged.peer,
            &bytes,
            |_| false
        ));
        let reset = Carries::Tcp(82, 4_000, "R", 0, 0);
        let answered = Cell::new(false);
        a.plugged.peer.sees(LIMIT, |bytes| {
            answered.set(answered.get() || is(bytes, family, &other, &one, reset));
            is_prohibited(bytes)
        });
        assert!(!answered.get(), "{family:?}: a reset was answered");
    }
}

fn is_prohibited(bytes: &[u8]) -> bool {
    let transport = SlicedPacket::from_ethernet(bytes)
        .ok()
        .and_then(|packet| packet.transport);
    match transport {
        Some(TransportSlice::Icmpv4(icmp)) => {
            let prohibited = icmpv4::DestUnreachableHeader::FilterProhibited;
            icmp.icmp_type() == Icmpv4Type::DestinationUnreachable(prohibited)
        }
        Some(TransportSlice::Icmpv6(icmp)) => {
            let prohibited = icmpv6::DestUnreachableCode::Prohibited;
            icmp.icmp_type() == Icmpv6Type::DestinationUnreachable(prohibited)
        }
        _ => false,
    }
}

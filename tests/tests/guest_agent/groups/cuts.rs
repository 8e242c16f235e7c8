//! What cuts a connection beside a rule that is taken away: whatever else its rules and its port have read. And how many
//! connections a change judges.
//!
//! After `weft sync` has said that a change is in force, packets of what it cut are sent both ways, and counted where
//! they would arrive: none does.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use weft_tests::cloud;
use weft_tests::frames::{Carries, Family, frame, is};
use weft_tests::site::Site;

use super::{FAMILIES, Machine, connections, dealt_with, machine, open_rules, passes};

const UDP: Carries = Carries::Udp(4_000, 53);
const ANSWER: Carries = Carries::Udp(53, 4_000);
/// Packets of a cut connection that are sent each way.
const TRIES: usize = 20;

fn establish(a: &mut Machine, b: &mut Machine, family: Family) {
    for _ in 0..2 {
        assert!(passes(a, b, family, UDP), "{family:?}");
        assert!(passes(b, a, family, ANSWER), "{family:?}");
    }
}

/// How many of some packets of a connection get through, both ways together, the responder's first.
fn get_through(a: &mut Machine, b: &mut Machine, family: Family) -> usize {
    let (one, other) = (a.station, b.station);
    let there = frame(family, &one, &other, UDP, b"weft").unwrap();
    let back = frame(family, &other, &one, ANSWER, b"weft").unwrap();
    let count = Cell::new(0);
    for _ in 0..2 {
        a.plugged.peer.drain();
        for _ in 0..TRIES {
            b.plugged.peer.send_raw(&back).unwrap();
        }
        dealt_with(&mut b.plugged.peer, &mut a.plugged.peer, |bytes| {
            count.set(count.get() + usize::from(is(bytes, family, &other, &one, ANSWER)));
        });
        b.plugged.peer.drain();
        for _ in 0..TRIES {
            a.plugged.peer.send_raw(&there).unwrap();
        }
        dealt_with(&mut a.plugged.peer, &mut b.plugged.peer, |bytes| {
            count.set(count.get() + usize::from(is(bytes, family, &one, &other, UDP)));
        });
    }
    count.get()
}

/// A group of addresses; its id.
fn address_group(site: &Site, name: &str, members: &[&str]) -> String {
    let group = site
        .rest
        .create("/ip_addr_groups", &json!({ "name": name }))
        .unwrap();
    let id = cloud::id_of(&group).unwrap();
    for member in members {
        let path = format!("/ip_addr_groups/{id}/ip_addrs");
        let body = json!({ "addr": member });
        site.rest.create(&path, &body).unwrap();
    }
    id
}

fn remove_member(site: &Site, group: &str, member: &str) {
    let path = format!("/ip_addr_groups/{group}/ip_addrs/{member}");
    site.rest.delete(&path).unwrap();
    site.sync().unwrap();
}

#[test]
fn an_allowed_address_pair_that_is_taken_away_cuts_what_spoke_from_it() {
    let site = Site::start("cut-pair").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &[]);
    let mut b = machine(&site, &network, 2, &open_rules());
    let path = format!("/ports/{}", a.plugged.port);
    let secure = |prefixes: &[&str]| {
        let mut port = site.rest.get(&path).unwrap();
        let mac = |n: u8| format!("02:00:00:00:00:{n:02x}");
        let own = prefixes
            .iter()
            .map(|prefix| json!({ "mac": mac(1), "prefix": prefix }));
        let pairs: Vec<Value> = own.collect();
        port["portSecurity"] = json!({ "pairs": pairs });
        site.rest.update(&path, &port).unwrap();
        site.sync().unwrap();
    };
    secure(&["10.0.0.1", "fd00::1"]);
    // Markers are no frames of IP or ARP: they go the other way only.
    for family in FAMILIES {
        let (one, other) = (a.station, b.station);
        let begins = frame(family, &one, &other, UDP, b"weft").unwrap();
        b.plugged.peer.drain();
        a.plugged.peer.send_raw(&begins).unwrap();
        let came = b
            .plugged
            .peer
            .sees(super::LIMIT, |bytes| is(bytes, family, &one, &other, UDP));
        assert!(came, "{family:?}");
        assert!(passes(&mut b, &mut a, family, ANSWER), "{family:?}");
    }
    let before = site.counter("connections_cut").unwrap();
    secure(&["fd00::1"]);
    assert_eq!(site.counter("connections_cut").unwrap() - before, 2);
    assert!(!passes(&mut b, &mut a, Family::V4, ANSWER), "it is cut");
    assert!(
        passes(&mut b, &mut a, Family::V6, ANSWER),
        "its pair is there"
    );
    // Without port security whatever is sent may pass, and it heals by that.
    let mut port = site.rest.get(&path).unwrap();
    port["portSecurity"] = Value::Null;
    site.rest.update(&path, &port).unwrap();
    site.sync().unwrap();
    assert!(
        !passes(&mut b, &mut a, Family::V4, ANSWER),
        "nobody has asked again"
    );
    assert!(passes(&mut a, &mut b, Family::V4, UDP));
    assert!(passes(&mut b, &mut a, Family::V4, ANSWER));
}

#[test]
fn a_member_that_leaves_an_address_group_is_cut_and_only_its_own_connections_are_judged() {
    let site = Site::start("cut-address").unwrap();
    let network = site.network("blue").unwrap();
    let friends = address_group(
        &site,
        "friends",
        &["10.0.0.1", "fd00::1", "10.0.0.8", "10.0.0.9"],
    );
    let others = address_group(&site, "others", &["10.0.0.1", "fd00::1", "10.0.0.9"]);
    let from = |group: &str| json!({ "type": "accept", "nwProto": 17, "ipAddrGroupSrc": group });
    let mut a = machine(&site, &network, 1, &[]);
    let mut b = machine(&site, &network, 2, &[from(&friends)]);
    let mut c = machine(&site, &network, 3, &[from(&others)]);
    let mut d = machine(&site, &network, 4, &open_rules());
    site.sync().unwrap();
    // Where they are is known from here on: what is flooded enters the connections of all who take it.
    let denied = Carries::Tcp(1, 1, "S", 1, 0);
    for other in [&mut b, &mut c, &mut d] {
        assert!(!passes(other, &mut a, Family::V4, denied));
        assert!(!passes(&mut a, other, Family::V4, denied));
    }
    for family in FAMILIES {
        establish(&mut a, &mut b, family);
        establish(&mut a, &mut c, family);
        establish(&mut a, &mut d, family);
    }
    // The first change after a start judges all, as what an earlier run's flows have read is not known.
    let judged = || site.counter("connections_judged").unwrap();
    remove_member(&site, &friends, "10.0.0.9");
    let all = judged();
    assert_eq!(all, 12, "six connections, each in two zones");
    // Of b's alone, and of those only the one that is in what has changed: another of its length is left in the group,
    // so that no verdict has to look for it anew.
    remove_member(&site, &friends, "10.0.0.1");
    assert_eq!(judged() - all, 2);
    assert_eq!(site.counter("connections_cut").unwrap(), 2);
    assert_eq!(get_through(&mut a, &mut b, Family::V4), 0);
    assert!(get_through(&mut a, &mut b, Family::V6) > 0);
    for family in FAMILIES {
        assert!(get_through(&mut a, &mut c, family) > 0, "{family:?}");
        assert!(get_through(&mut a, &mut d, family) > 0, "{family:?}");
    }
    // A rule of c's chain concerns c's connections, and no others.
    let before = judged();
    let rule = c.ingress.1[4].clone();
    site.rest.delete(&format!("/rules/{rule}")).unwrap();
    site.sync().unwrap();
    assert_eq!(judged() - before, 4);
    assert_eq!(site.counter("connections_cut").unwrap(), 6);
    for family in FAMILIES {
        assert_eq!(get_through(&mut a, &mut c, family), 0, "{family:?}");
        assert!(get_through(&mut a, &mut d, family) > 0, "{family:?}");
    }
}

#[test]
fn a_port_that_leaves_a_port_group_is_cut() {
    let site = Site::start("cut-port").unwrap();
    let network = site.network("blue").unwrap();
    let group = site
        .rest
        .create(
            "/port_groups",
            &json!({ "name": "web", "tenantId": "demo" }),
        )
        .unwrap();
    let group = cloud::id_of(&group).unwrap();
    let members = format!("/port_groups/{group}/ports");
    let from_group = json!({ "type": "accept", "nwProto": 17, "portGroup": group });
    let mut a = machine(&site, &network, 1, &[]);
    let mut b = machine(&site, &network, 2, &[from_group]);
    let mut c = machine(&site, &network, 3, &[]);
    for member in [&a, &c] {
        let body = json!({ "portId": member.plugged.port });
        site.rest.create(&members, &body).unwrap();
    }
    site.sync().unwrap();
    for family in FAMILIES {
        establish(&mut a, &mut b, family);
        establish(&mut c, &mut b, family);
    }
    let path = format!("{members}/{}", a.plugged.port);
    site.rest.delete(&path).unwrap();
    site.sync().unwrap();
    assert_eq!(site.counter("connections_cut").unwrap(), 4);
    for family in FAMILIES {
        assert_eq!(get_through(&mut a, &mut b, family), 0, "{family:?}");
        assert!(get_through(&mut c, &mut b, family) > 0, "{family:?}");
    }
}

/// A third machine begins connections without end, which the rules allow, while a rule goes that let others in.
#[test]
fn in_a_flood_of_new_connections_a_cut_is_as_good() {
    let site = Site::start("cut-flood").unwrap();
    let network = site.network("blue").unwrap();
    let to = |port: u16| json!({ "type": "accept", "nwProto": 17, "tpDst": { "start": port, "end": port } });
    let mut a = machine(&site, &network, 1, &[]);
    let mut b = machine(&site, &network, 2, &[to(53), to(54)]);
    let mut c = machine(&site, &network, 3, &[]);
    site.sync().unwrap();
    for family in FAMILIES {
        establish(&mut a, &mut b, family);
        assert!(passes(&mut c, &mut b, family, Carries::Udp(5_000, 54)));
    }
    let (one, other) = (c.station, b.station);
    let ends = AtomicBool::new(false);
    let flood = std::thread::scope(|scope| {
        let peer = &mut c.plugged.peer;
        let ends = &ends;
        let flooding = scope.spawn(move || {
            let mut sent = 0_u32;
            while !ends.load(Ordering::Relaxed) {
                for family in FAMILIES {
                    let port = 10_000 + (sent % 50_000) as u16;
                    let begins = frame(family, &one, &other, Carries::Udp(port, 54), b"weft");
                    // A full queue is no matter: there is more where this comes from.
                    sent += u32::from(peer.send_raw(&begins.unwrap()).is_ok());
                }
                // So that on a slow machine the test's own packets have a turn, too.
                std::thread::sleep(Duration::from_millis(1));
            }
            sent
        });
        let rule = &b.ingress.1[4];
        site.rest.delete(&format!("/rules/{rule}")).unwrap();
        site.sync().unwrap();
        for family in FAMILIES {
            let through = get_through(&mut a, &mut b, family);
            assert_eq!(through, 0, "{family:?}");
        }
        ends.store(true, Ordering::Relaxed);
        flooding.join().unwrap()
    });
    assert!(flood > 100, "only {flood} began");
    assert!(site.counter("connections_cut").unwrap() >= 4);
    for family in FAMILIES {
        assert!(passes(&mut c, &mut b, family, Carries::Udp(5_000, 54)));
    }
}

#[test]
fn a_trace_says_what_becomes_of_a_packet_by_what_its_connection_is() {
    let site = Site::start("trace-connection").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &[]);
    let mut b = machine(&site, &network, 2, &open_rules());
    site.sync().unwrap();
    for family in FAMILIES {
        let (begins, answers) = connections()[0];
        assert!(passes(&mut a, &mut b, family, begins) && passes(&mut b, &mut a, family, answers));
    }
    let words = [
        "from=02:00:00:00:00:02",
        "to=02:00:00:00:00:01",
        "src=10.0.0.2",
        "dst=10.0.0.1",
        "proto=udp",
        "sport=53",
        "dport=4000",
    ];
    let trace = |connection: &str| {
        let all = [
            &["trace", &b.plugged.port],
            &words[..],
            &["--connection", connection],
        ];
        site.weft_json(&all.concat()).unwrap()
    };
    for (connection, reason, outputs) in [
        ("new", "dropped by rule", json!([])),
        ("established", "dropped by rule", json!([])),
        ("reply", "sent out of port", json!(["tap-1"])),
        ("related", "sent out of port", json!(["tap-1"])),
        ("invalid", "fits no connection", json!([])),
    ] {
        let traced = trace(connection);
        assert_eq!(traced["outputs"], outputs, "{connection}: {traced}");
        assert_eq!(traced["recirculations"], 1, "{connection}: {traced}");
        let said = traced["reason"].as_str().unwrap();
        assert!(said.starts_with(reason), "{connection}: {said}");
    }
}

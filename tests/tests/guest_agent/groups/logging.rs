//! Rules that log: of an accepted connection its first packet, of dropped packets each one up to the rate, whether a
//! flow was there or is made.

use std::time::Duration;

use serde_json::json;
use weft_tests::cloud;
use weft_tests::frames::{Carries, Family, frame};
use weft_tests::site::Site;
use weft_tests::wait;

use super::{FAMILIES, Machine, dealt_with, machine, passes};

const LIMIT: Duration = Duration::from_secs(40);
/// Lines a second, and at once.
const BURST: usize = 10;
const FLOOD: usize = 300;

/// Lines of the log of rules that have all of these words.
fn lines(site: &Site, words: &[&str]) -> usize {
    let log = site.agent.log();
    let is_one =
        |line: &&str| line.contains("weft::rules") && words.iter().all(|word| line.contains(word));
    log.lines().filter(is_one).count()
}

fn comes_to(site: &Site, words: &[&str], count: usize) {
    let waited = wait::until("the rules' lines", LIMIT, || lines(site, words) >= count);
    let found = lines(site, words);
    assert!(
        waited.is_ok() && found == count,
        "{found} lines with {words:?}, want {count}\n{}",
        site.agent.log()
    );
}

/// The counter of packets that rules logged.
fn logged(site: &Site) -> u64 {
    site.counter("rules_logged").unwrap()
}

fn send(from: &mut Machine, to: &mut Machine, family: Family, carries: Carries, count: usize) {
    let bytes = frame(family, &from.station, &to.station, carries, b"weft").unwrap();
    for _ in 0..count {
        from.plugged.peer.send_raw(&bytes).unwrap();
    }
    dealt_with(&mut from.plugged.peer, &mut to.plugged.peer, |_| {});
}

#[test]
fn an_accepted_connection_is_logged_once_and_drops_up_to_the_rate() {
    let limits = format!("[limits]\nlogs_per_port = 1\nlog_burst = {BURST}\n");
    let site = Site::start_with("logging", &limits).unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &[]);
    let to = |protocol: u8, port: u16| json!({ "type": "accept", "nwProto": protocol, "tpDst": { "start": port, "end": port }, "log": "let-in" });
    let rules = [
        to(6, 80),
        to(17, 53),
        json!({ "type": "drop", "nwProto": 17, "tpDst": { "start": 54, "end": 54 }, "log": "kept-out" }),
    ];
    let mut b = machine(&site, &network, 2, &rules);
    site.sync().unwrap();
    for (family, other) in FAMILIES.into_iter().zip(["10.0.0.2", "fd00::2"]) {
        // Two connections by TCP, with packets after the first one; the second meets the flows of the first.
        for port in [4_000, 4_001] {
            let syn = Carries::Tcp(port, 80, "S", 100, 0);
            let answer = Carries::Tcp(80, port, "SA", 900, 101);
            let ack = Carries::Tcp(port, 80, "A", 101, 901);
            assert!(passes(&mut a, &mut b, family, syn));
            assert!(passes(&mut b, &mut a, family, answer));
            for _ in 0..5 {
                assert!(passes(&mut a, &mut b, family, ack));
            }
            let end = format!(":{port} ");
            let words = ["let-in", "verdict=\"accept\"", "tcp ", other, &end];
            comes_to(&site, &words, 1);
        }
        // Nobody answers: to connection tracking each packet is new, and the connection is one all the same. The first
        // is entered before the others come: of two that two processors look up at once each is the first.
        for count in [1, 5] {
            send(&mut a, &mut b, family, Carries::Udp(4_002, 53), count);
            comes_to(&site, &["let-in", "udp ", other, ":4002 "], 1);
        }
    }
    assert_eq!(lines(&site, &["let-in"]), 6);
    let lets_in = site
        .rest
        .get(&format!("/rules/{}", b.ingress.1[4]))
        .unwrap();
    assert_eq!(lines(&site, &["tcp ", lets_in["id"].as_str().unwrap()]), 4);
    assert_eq!(lines(&site, &["chain=\"ingress\""]), 6);

    // A flood of what is dropped: some lines, the rest is counted.
    let before = logged(&site);
    for family in FAMILIES {
        send(&mut a, &mut b, family, Carries::Udp(4_003, 54), FLOOD);
    }
    let counted = || {
        let drops = site
            .weft_json(&["show", "drops", "--port", &a.plugged.port])
            .unwrap();
        let all = drops.as_array().unwrap().iter();
        let of = all.filter(|drop| drop["reason"] == "filtered");
        of.map(|drop| drop["packets"].as_u64().unwrap())
            .sum::<u64>()
    };
    let all = 2 * FLOOD as u64;
    wait::until("every drop to be counted", LIMIT, || counted() == all).unwrap();
    let said = lines(&site, &["kept-out", "verdict=\"drop\""]) as u64;
    assert_eq!(logged(&site) - before, said);
    assert!((1..all / 2).contains(&said), "{said} of {all} logged");
    let beyond = || site.counter("rules_not_logged").unwrap();
    wait::until("the others to be counted", LIMIT, || beyond() + said == all).unwrap();

    // The rules lose their name for the log while packets go through them: flows change in place.
    for id in &b.ingress.1[4..7] {
        let path = format!("/rules/{id}");
        let mut rule = site.rest.get(&path).unwrap();
        rule["log"] = serde_json::Value::Null;
        site.rest.update(&path, &rule).unwrap();
    }
    site.sync().unwrap();
    let (before, said) = (logged(&site), lines(&site, &[]));
    for family in FAMILIES {
        send(&mut a, &mut b, family, Carries::Udp(4_003, 54), FLOOD);
        assert!(passes(&mut a, &mut b, family, Carries::Udp(4_004, 53)));
    }
    assert_eq!((logged(&site), lines(&site, &[])), (before, said));
    for flow in site.flows().unwrap() {
        let actions = flow["actions"].as_str().unwrap();
        assert!(!actions.contains("clone"), "{flow}");
    }
}

#[test]
fn a_rejected_packet_is_logged_and_a_trace_says_so() {
    let site = Site::start("logging-rejects").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &[json!({ "type": "accept" })]);
    let rule = json!({ "type": "reject", "log": "sent-back" });
    let mut b = machine(&site, &network, 2, &[rule]);
    site.sync().unwrap();
    for family in FAMILIES {
        assert!(passes(&mut b, &mut a, family, Carries::Udp(1, 1)));
        // The first makes the flow, the others meet it.
        for _ in 0..3 {
            assert!(!passes(&mut a, &mut b, family, Carries::Udp(4_000, 54)));
        }
    }
    comes_to(
        &site,
        &["sent-back", "verdict=\"reject\"", "10.0.0.2:54"],
        3,
    );
    comes_to(
        &site,
        &["sent-back", "verdict=\"reject\"", "[fd00::2]:54"],
        3,
    );
    let trace = site
        .weft(&[
            "trace",
            &a.plugged.port,
            &format!("from={}", a.station.mac),
            &format!("to={}", b.station.mac),
            "src=10.0.0.1",
            "dst=10.0.0.2",
            "proto=udp",
            "sport=4000",
            "dport=54",
        ])
        .unwrap();
    assert!(trace.contains("is logged (reject)"), "{trace}");
    let why = cloud::id_of(
        &site
            .rest
            .get(&format!("/rules/{}", b.ingress.1[4]))
            .unwrap(),
    );
    assert!(trace.contains(&why.unwrap()), "{trace}");
}

//! `weft why`: what a user learns who sees nothing arrive.

use std::time::Duration;

use serde_json::{Value, json};
use weft_tests::frames::{Carries, Family, Station, frame};
use weft_tests::site::Site;
use weft_tests::wait;

use super::{FAMILIES, delivers, machine, open_rules, passes};

const LIMIT: Duration = Duration::from_secs(40);

fn why(site: &Site, port: &str) -> Value {
    site.weft_json(&["why", port]).unwrap()
}

/// The drops that have all of these words somewhere.
fn stories(why: &Value, words: &[&str]) -> Vec<Value> {
    let is_one = |story: &&Value| {
        let text = story.to_string();
        words.iter().all(|word| text.contains(word))
    };
    why["drops"]
        .as_array()
        .unwrap()
        .iter()
        .filter(is_one)
        .cloned()
        .collect()
}

#[test]
fn both_ends_learn_which_rule_of_whose_chain_dropped_how_many() {
    let site = Site::start("why").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &[json!({ "type": "accept" })]);
    let mut b = machine(&site, &network, 2, &open_rules());
    site.sync().unwrap();
    let nothing = site.weft(&["why", &b.plugged.port]).unwrap();
    assert!(nothing.contains("is here, by tap-2, and up"), "{nothing}");
    // What goes to a station that has not spoken yet is flooded, and dropped by all ports and not by one.
    assert!(passes(&mut b, &mut a, Family::V4, Carries::Udp(9, 9)));
    for family in FAMILIES {
        assert!(passes(&mut a, &mut b, family, Carries::Udp(4_000, 53)));
        for _ in 0..7 {
            assert!(!passes(&mut a, &mut b, family, Carries::Udp(4_000, 54)));
        }
    }
    for packet in [
        "udp 10.0.0.1:4000 → 10.0.0.2:54",
        "udp [fd00::1]:4000 → [fd00::2]:54",
    ] {
        for (port, way, other) in [
            (&a.plugged.port, "from", &b.plugged.port),
            (&b.plugged.port, "to", &a.plugged.port),
        ] {
            let told = |count: u64| {
                let why = why(&site, port);
                let all = stories(&why, &[packet]);
                let sum: u64 = all.iter().map(|it| it["packets"].as_u64().unwrap()).sum();
                sum == count && !all.is_empty()
            };
            let told = wait::until("all drops to be told", LIMIT, || told(7));
            let now = why(&site, port);
            assert!(told.is_ok(), "{now:#}");
            let story = &stories(&now, &[packet])[0];
            assert_eq!(story["way"], way, "{story}");
            assert_eq!(story["other"], **other, "{story}");
            assert_eq!(story["reason"], "filtered");
            assert_eq!(story["rule"]["id"], *b.ingress.1.last().unwrap());
            assert_eq!(story["rule"]["place"], b.ingress.1.len());
            assert_eq!(story["rule"]["chainName"], "ingress");
            assert!(story["rule"]["tenant"].is_string(), "{story}");
        }
    }
    // By the interface, in words.
    let text = site.weft(&["why", "tap-2"]).unwrap();
    let line = format!("rule {} of chain ingress", b.ingress.1.len());
    assert!(text.contains(&line), "{text}");

    // A lie, in words.
    let path = format!("/ports/{}", a.plugged.port);
    let mut port = site.rest.get(&path).unwrap();
    port["portSecurity"] =
        json!({ "pairs": [{ "mac": a.station.mac.to_string(), "prefix": "10.0.0.1" }] });
    site.rest.update(&path, &port).unwrap();
    site.sync().unwrap();
    let liar = Station {
        v4: "10.0.0.77".parse().unwrap(),
        ..a.station
    };
    let bytes = frame(Family::V4, &liar, &b.station, Carries::Udp(1, 53), b"").unwrap();
    a.plugged.peer.send_raw(&bytes).unwrap();
    let lie = || {
        stories(
            &why(&site, &a.plugged.port),
            &["security-source", "10.0.0.77"],
        )
    };
    wait::until("the lie to be told", LIMIT, || !lie().is_empty()).unwrap();
    let words = lie()[0]["words"].as_str().unwrap().to_owned();
    assert!(
        words.contains("uses a source address that is not its own"),
        "{words}"
    );

    // A port that is down says so, and so does who sends to it.
    site.set_port_up(&b.plugged.port, false).unwrap();
    site.sync().unwrap();
    let text = site.weft(&["why", &b.plugged.port]).unwrap();
    assert!(text.contains("but it is administratively down"), "{text}");
}

#[test]
fn a_port_that_no_host_has_or_that_dropped_nothing_is_told_so() {
    let site = Site::start("why-nothing").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &[json!({ "type": "accept" })]);
    let mut b = machine(&site, &network, 2, &[json!({ "type": "accept" })]);
    site.sync().unwrap();
    let bytes = frame(Family::V4, &a.station, &b.station, Carries::Udp(1, 2), b"").unwrap();
    let _ = delivers(&mut a.plugged.peer, &mut b.plugged.peer, &bytes, |_| false);
    let text = site.weft(&["why", &b.plugged.port]).unwrap();
    assert!(
        text.contains("nothing of it or for it was dropped here"),
        "{text}"
    );
    let unbound = weft_tests::cloud::port(&site.rest, &network).unwrap();
    let text = site.weft(&["why", &unbound]).unwrap();
    assert!(
        text.contains("not carried by this host: it is not bound to any host"),
        "{text}"
    );
}

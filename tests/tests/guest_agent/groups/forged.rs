//! What no tool sends: frames that scapy makes, of which a secured port lets out what is the guest's own.

use serde_json::json;
use weft_tests::command::run;
use weft_tests::frames::Station;
use weft_tests::site::Site;
use weft_tests::wait;

use super::LIMIT;

/// Says what each frame is, what becomes of it, and its bytes.
const MAKER: &str = include_str!("forged.py");

struct Made {
    what: String,
    wanted: String,
    bytes: Vec<u8>,
}

fn frames() -> Vec<Made> {
    let text = run(&["python3", "-c", MAKER]).unwrap();
    let line = |line: &str| {
        let mut parts = line.split('|').map(str::to_owned);
        let mut part = || parts.next().unwrap();
        Made {
            what: part(),
            wanted: part(),
            bytes: hex(&part()),
        }
    };
    text.lines().map(line).collect()
}

fn hex(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    bytes.map(byte).collect()
}

#[test]
fn of_frames_made_by_others_those_pass_that_are_the_guests_own() {
    let site = Site::start("forged").unwrap();
    let network = site.network("blue").unwrap();
    let (one, two) = (Station::new(1), Station::new(2));
    let mut a = site.plug(&network, "tap-1", one.mac).unwrap();
    let mut b = site.plug(&network, "tap-2", two.mac).unwrap();
    let path = format!("/ports/{}", a.port);
    let mut port = site.rest.get(&path).unwrap();
    let pair = |prefix: &str| json!({ "mac": one.mac.to_string(), "prefix": prefix });
    port["portSecurity"] = json!({ "pairs": [pair("10.0.0.1"), pair("fd00::1")] });
    site.rest.update(&path, &port).unwrap();
    site.sync().unwrap();
    let dropped = |reason: &str| {
        let drops = site.weft_json(&["show", "drops", "--port", &a.port]);
        let drops = drops.unwrap();
        let mut drops = drops.as_array().unwrap().iter();
        let of = drops.find(|drop| drop["reason"] == reason);
        of.map_or(0, |drop| drop["packets"].as_u64().unwrap())
    };
    let all = frames();
    assert!(all.len() > 25, "{} frames", all.len());
    for made in &all {
        b.peer.drain();
        let before = dropped(&made.wanted);
        a.peer.send_raw(&made.bytes).unwrap();
        let is_it = |bytes: &[u8]| bytes == made.bytes;
        if made.wanted == "passes" {
            let came = b.peer.sees(LIMIT, is_it);
            let drops = site.weft(&["show", "drops", "--port", &a.port]).unwrap();
            assert!(came, "{} does not pass:\n{drops}", made.what);
            continue;
        }
        wait::until(
            &format!("{} to be dropped as {}", made.what, made.wanted),
            LIMIT,
            || dropped(&made.wanted) == before + 1,
        )
        .unwrap_or_else(|error| {
            let drops = site.weft(&["show", "drops", "--port", &a.port]).unwrap();
            panic!("{error}\n{drops}")
        });
        assert_eq!(b.peer.drain(), 0, "{} reached the other", made.what);
    }
}

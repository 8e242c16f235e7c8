//! The hot path alone on a real kernel: a hand-made snapshot, taps, and no control side. Each test has a
//! network namespace of its own, and with it a datapath of its own.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod stage;

use std::time::Duration;

use stage::{Stage, mac};
use weft_tests::wait;
use weft_topology::MacAddr;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn frames_are_flooded_first_and_unicast_once_the_destination_has_spoken() {
    let mut stage = Stage::new(3);
    stage.peers[0].send(mac(2), 0x88b5, b"flooded").unwrap();
    let at = |stage: &mut Stage, n: usize| {
        stage.peers[n]
            .receive(SOON)
            .map(|frame| frame[14..].to_vec())
    };
    assert_eq!(at(&mut stage, 1).as_deref(), Some(&b"flooded"[..]));
    assert_eq!(at(&mut stage, 2).as_deref(), Some(&b"flooded"[..]));
    stage.peers[1].send(mac(1), 0x88b5, b"back").unwrap();
    assert_eq!(at(&mut stage, 0).as_deref(), Some(&b"back"[..]));
    // The other worker learns of it by its inbox: soon, but not before the frame has arrived.
    wait::until("unicast to go to its port alone", SOON, || {
        for (to, what) in [(mac(2), "straight"), (MacAddr::broadcast(), "marker")] {
            stage.peers[0].send(to, 0x88b5, what.as_bytes()).unwrap();
        }
        assert_eq!(at(&mut stage, 1).as_deref(), Some(&b"straight"[..]));
        assert_eq!(at(&mut stage, 1).as_deref(), Some(&b"marker"[..]));
        match at(&mut stage, 2).as_deref() {
            Some(b"marker") => true,
            Some(b"straight") => at(&mut stage, 2).as_deref() != Some(b"marker"),
            other => panic!("{other:?}"),
        }
    })
    .unwrap();
}

#[test]
fn later_packets_of_a_flow_do_not_come_up() {
    let mut stage = Stage::new(2);
    for n in 0..2 {
        stage.peers[n]
            .send(MacAddr::broadcast(), 0x88b5, b"hello")
            .unwrap();
        assert!(stage.peers[1 - n].receive(SOON).is_some());
    }
    stage.peers[0].send(mac(2), 0x88b5, b"first").unwrap();
    assert!(stage.peers[1].receive(SOON).is_some());
    let before = stage.hot.counters()["misses"];
    for _ in 0..100 {
        stage.peers[0].send(mac(2), 0x88b5, b"later").unwrap();
        assert!(stage.peers[1].receive(SOON).is_some());
    }
    assert_eq!(stage.hot.counters()["misses"], before);
}

#[test]
fn a_flow_that_nobody_uses_leaves() {
    let mut stage = Stage::new(2);
    stage.hot.adopt();
    stage.peers[0]
        .send(MacAddr::broadcast(), 0x88b5, b"hello")
        .unwrap();
    assert!(stage.peers[1].receive(SOON).is_some());
    wait::until("the flow to be counted", SOON, || {
        stage.hot.flow_count() == 1
    })
    .unwrap();
    wait::until("the idle flow to leave", Duration::from_secs(40), || {
        stage.hot.flow_count() == 0
    })
    .unwrap();
}

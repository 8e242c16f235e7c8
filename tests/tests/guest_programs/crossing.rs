//! Both ends of two hosts begin at once, with the same addresses and ports, while their entries are cut away. Then each
//! zone may believe that the other end began, and both ends only answer.

use std::slice::from_ref;

use weft_flow::{encode_key, parse_actions, parse_key};
use weft_ovs::{Datapath, Op};

use super::across::{known, two_zones};
use super::connection::End::Originator;
use super::connection::What::Next;
use super::connection::{Connection, Family, Speech};
use super::programs::{Flows, Policy, Said, VERDICT, to};
use super::stage::Stage;

/// The two hosts' places after the second look at a reply.
const REPLIES: [&str; 2] = ["recirc_id(101),in_port(10)", "recirc_id(103),in_port(10)"];
const PORTS: [u32; 2] = [1, 3];

/// A to C and C to A, from port 53 to port 53. The host of either knows the other's.
fn crossed() -> (Stage, Connection, Connection) {
    let family = Family::V4;
    let mut stage = two_zones(family, Policy::Open);
    let ends = [0, 1].map(|machine| (machine, stage.machines[machine].v4));
    let mut from_a = Connection::new(Speech::Udp, ends[0], ends[1], 53, Some(53));
    let mut from_c = Connection::new(Speech::Udp, ends[1], ends[0], 53, Some(53));
    stage.pass(&mut from_c, Originator, Next);
    assert_eq!(known(&mut stage, &from_c), [true, true]);
    stage.hosts[1].forget(3, &from_c);
    // A packet of A's that was on its way while A's host forgot it arrives as judged.
    let mut key_attrs = Vec::new();
    encode_key(&parse_key("in_port(10)").unwrap(), &mut key_attrs).unwrap();
    let packet = from_a.packet(Originator, Next);
    let frame = stage.frame([0, 1], &packet);
    let judged = parse_actions(&format!("ct(commit,zone=3,mark={VERDICT:#x}),3")).unwrap();
    let execute = Op::Execute {
        packet: &frame,
        key_attrs: &key_attrs,
        actions: &judged,
        mru: None,
        hash: None,
    };
    let mut results = Vec::new();
    stage.hosts[1].datapath.apply(&[execute], &mut results);
    assert!(results[0].is_ok(), "{results:?}");
    assert_eq!(stage.collect([0, 1]), *from_ref(&packet));
    from_a.arrived(Originator, Next, packet);
    assert_eq!(known(&mut stage, &from_a), [false, true]);
    assert_eq!(known(&mut stage, &from_c), [true, false]);
    // Nothing is allowed any more.
    for (host, (port, recirc, other)) in [(1, 1, 3), (3, 3, 1)].into_iter().enumerate() {
        let mut flows = Flows::default();
        let place = format!("recirc_id({recirc}),in_port({port})");
        let out = to(Said::Original, other, 1 - host);
        flows.policy(&place, family, &out, Policy::Shut);
        stage.hosts[host].change(&flows);
    }
    (stage, from_a, from_c)
}

#[test]
fn two_ends_that_only_answer_each_other_are_both_dropped() {
    let (mut stage, mut from_a, mut from_c) = crossed();
    for _ in 0..2 {
        stage.drop(&mut from_c, Originator, Next);
        stage.drop(&mut from_a, Originator, Next);
    }
}

/// Why a reply must be one on the receiving host, too, and not only of a connection that was answered.
#[test]
fn they_would_talk_with_no_rule_read_if_an_answered_connection_were_enough() {
    let (mut stage, mut from_a, mut from_c) = crossed();
    for (host, place) in REPLIES.iter().enumerate() {
        let ip = Family::V4.ip("");
        let mut flows = Flows::default();
        for (state, actions) in [
            ("-new+est", PORTS[host].to_string()),
            ("+new", "drop".into()),
        ] {
            let matches = format!("{place},ct_state(+trk-inv-rpl-rel{state}),{ip}");
            flows.add(matches, actions);
        }
        let host = &mut stage.hosts[host];
        host.remove(&format!("{place},ct_state(+trk-inv-rpl-rel),{ip}"));
        host.put(&flows);
    }
    stage.drop(&mut from_c, Originator, Next);
    for _ in 0..2 {
        stage.pass(&mut from_a, Originator, Next);
        stage.pass(&mut from_c, Originator, Next);
    }
}

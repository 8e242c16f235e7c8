//! What callers rely on: kept flows, names, traces, memory.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use weft_flow::{Action, Field, FlowMask};
use weft_topology::ObjectId;

use super::extract::extract;
use super::frame::{BROADCAST, Body, Dhcp, Frame};
use super::net::*;
use super::random::{NOW, any_world, config};
use super::random_frames::any_arrival;
use super::run::{judge, key_of_some_pass, send_through};
use crate::stages::STAGES;
use crate::{Outcome, Probe, PuntClass, Reason, Scratch, Step, Time, What, serve, simulate};

fn broadcast() -> Frame {
    let body = Body::Raw {
        kind: 0x88b5,
        payload: vec![1],
    };
    Frame::new(station(1), BROADCAST, body)
}

/// A flow's outcome, its source being known.
fn settled() -> Outcome {
    let mut world = office();
    world.learned.push(weft_evaluator::Learned {
        bridge: bridge_id(0),
        vlan: 0,
        mac: station(1),
        port: port_id(1),
        used: NOW,
    });
    let key = extract(&broadcast().bytes(), 1).unwrap();
    judge(&world, &snapshot(&world), &key, NOW)
}

#[test]
fn a_flow_is_kept_if_its_actions_are_equal_and_what_is_read_lies_within_its_mask() {
    let outcome = settled();
    let mut wider = outcome.mask.clone();
    wider.add_field(Field::IpTtl);
    assert!(outcome.upholds(&outcome.actions, &outcome.mask));
    assert!(outcome.upholds(&outcome.actions, &wider));
    assert!(!outcome.upholds(&outcome.actions, &FlowMask::new()));
    assert!(!outcome.upholds(&[Action::Output(1)], &outcome.mask));
    assert!(
        outcome.fits(&outcome.mask),
        "other actions can be written into it"
    );
}

#[test]
fn a_flow_whose_source_has_moved_is_not_kept() {
    let (world, key) = (office(), extract(&broadcast().bytes(), 1).unwrap());
    let outcome = judge(&world, &snapshot(&world), &key, NOW);
    assert_eq!(outcome.actions, settled().actions);
    assert!(!outcome.upholds(&outcome.actions, &outcome.mask));
}

#[test]
fn a_verdict_on_one_packet_keeps_no_flow() {
    let key = extract(&broadcast().bytes(), 77).unwrap();
    let outcome = judge(&office(), &snapshot(&office()), &key, NOW);
    assert_eq!(outcome.reason, Reason::NoSuchPort(77));
    assert!(!outcome.upholds(&outcome.actions, &outcome.mask));
}

#[test]
fn a_trace_is_the_simulation_with_its_steps_written_down() {
    let (world, snapshot) = (office(), snapshot(&office()));
    let frame = broadcast().tagged(0x8100, 0x2000).bytes();
    let key = extract(&frame, 1).unwrap();
    let (table, mut scratch, mut steps) = (Table(&world), Scratch::new(), Vec::new());
    let mut probe = Probe::new(&key, &frame, &table, Time(0), &mut scratch).with_trace(&mut steps);
    let traced = simulate(&snapshot, &mut probe);
    assert_eq!(traced, judge(&world, &snapshot, &key, Default::default()));
    let port = |n| Some(ObjectId::from(port_id(n)));
    let bridge = Some(ObjectId::from(bridge_id(0)));
    let expected = [
        (port(1), What::Enters(1)),
        (bridge, What::Bridged),
        (None, What::PriorityTagOff),
        (None, What::InVlan(0)),
        (port(1), What::Teaches(station(1))),
        (port(4), What::Leaves(4)),
        (port(3), What::Leaves(3)),
        (port(2), What::Leaves(2)),
        (bridge, What::Verdict(Reason::FloodGroup(bridge_id(0)))),
    ];
    assert_eq!(steps, expected.map(|(object, what)| Step { object, what }));
    assert_eq!(
        steps[0].to_string(),
        format!("port/{}: enters by datapath port 1", port_id(1))
    );
}

#[test]
fn a_trace_of_a_served_packet_says_who_asked_and_that_it_was_handed_back() {
    let (world, snapshot) = (office(), snapshot(&office()));
    let relayed = Dhcp {
        giaddr: addr(5),
        ..Dhcp::discover(station(1))
    };
    let frame = Frame::new(station(1), BROADCAST, Body::Dhcp(relayed)).bytes();
    let key = extract(&frame, 1).unwrap();
    let (table, mut scratch, mut steps) = (Table(&world), Scratch::new(), Vec::new());
    let mut probe = Probe::new(&key, &frame, &table, Time(0), &mut scratch).with_trace(&mut steps);
    serve(&snapshot, &mut probe);
    let said: Vec<_> = steps.iter().map(|step| step.what).collect();
    assert!(said.contains(&What::IsDhcpHost(station(1))));
    assert!(said.contains(&What::HandedBack(PuntClass::Dhcp)));
}

#[test]
fn random_scenes_reach_every_reason_of_layer_2() {
    let mut runner = TestRunner::deterministic();
    let scene = (any_world(), vec(any_arrival(), 50));
    let mut met = BTreeSet::new();
    for _ in 0..1000 {
        let (world, arrivals) = scene.new_tree(&mut runner).unwrap().current();
        let snapshot = snapshot(&world);
        for (in_port, frame, known) in arrivals {
            let arrival = (in_port, &frame[..], known);
            let seen = send_through(STAGES, &world, &snapshot, arrival, NOW);
            met.extend(seen.map(|seen| seen.reason().name()));
        }
    }
    let expected = BTreeSet::from([
        "arp",
        "bad-tag",
        "bridge-down",
        "chain-too-long",
        "connection-cut",
        "dhcp",
        "dhcp-unanswered",
        "egress-down",
        "filtered",
        "filtered-everywhere",
        "flood-group",
        "flood-unknown",
        "for-server",
        "hairpin",
        "invalid-connection",
        "link-local-control",
        "no-such-bridge",
        "no-such-chain",
        "no-such-port",
        "nobody-else",
        "not-a-bridge-port",
        "not-here",
        "port-down",
        "rejected",
        "security-arp-sender",
        "security-dhcp-server",
        "security-ether-type",
        "security-mac",
        "security-neighbour",
        "security-router",
        "security-source",
        "security-vlan-stack",
        "source-is-group",
        "tagged",
        "tracked",
        "unicast",
    ]);
    assert_eq!(met, expected);
}

#[test]
fn a_packet_without_an_ethernet_header_or_from_an_unknown_recirculation_is_dropped_by_name() {
    let (world, snapshot) = (office(), snapshot(&office()));
    let mut key = extract(&broadcast().bytes(), 1).unwrap();
    key.clear(Field::EthSrc).clear(Field::EthDst);
    let outcome = judge(&world, &snapshot, &key, NOW);
    assert_eq!(outcome.reason, Reason::NoEthernet(port_id(1)));
    assert!(outcome.actions.is_empty() && outcome.reason.is_drop());
    key.set(Field::RecircId, 1);
    let outcome = judge(&world, &snapshot, &key, NOW);
    assert_eq!(outcome.reason, Reason::NoSuchRecirculation(1));
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn used_memory_leaves_no_trace_in_later_outcomes(
        world in any_world(),
        arrivals in vec(any_arrival(), 20),
    ) {
        let (snapshot, table, mut scratch) = (snapshot(&world), Table(&world), Scratch::new());
        let now = Time(NOW.as_millis().try_into().unwrap());
        for (in_port, frame, known) in arrivals {
            let Some(key) = key_of_some_pass(&snapshot, in_port, &frame, known) else { continue };
            let mut probe = Probe::new(&key, &frame, &table, now, &mut scratch);
            let outcome = simulate(&snapshot, &mut probe);
            prop_assert_eq!(&outcome, &judge(&world, &snapshot, &key, NOW));
            prop_assert_eq!(&simulate(&snapshot, &mut probe), &outcome, "a probe serves twice");
            scratch.recycle(outcome);
        }
    }
}

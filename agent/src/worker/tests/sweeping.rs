//! The sweeper: idle flows, flows that vanish, and what drops are counted by.

use weft_ovs::{Datapath, Op};

use super::stage::{Stage, until};
use super::topology::{mac, port, put};
use crate::hot::Hot;

#[test]
fn flows_that_nothing_used_for_ten_seconds_leave_and_others_stay() {
    let mut stage = Stage::new(3);
    stage.acquaint(&[1, 2, 3]);
    stage.pass(9_999);
    stage.send(1, 2);
    stage.sweep();
    assert_eq!(stage.flows().len(), 6);
    stage.pass(1);
    stage.sweep();
    let flows = stage.flows();
    assert_eq!(flows.len(), 1, "{flows:?}");
    assert!(stage.flow(1, mac(2)).is_some());
    assert_eq!(stage.counter("flows_deleted"), 5);
    assert_eq!(stage.workers.shared.flow_count(), 1);
}

#[test]
fn a_flow_that_was_never_hit_is_as_old_as_its_put() {
    let mut stage = Stage::new(2);
    stage.send(1, 2);
    assert_eq!(stage.flow(1, mac(2)).unwrap().stats.idle, None);
    stage.pass(9_999);
    stage.sweep();
    assert_eq!(stage.flows().len(), 1);
    stage.pass(1);
    stage.sweep();
    assert_eq!(stage.flows(), []);
}

#[test]
fn a_flow_that_somebody_deleted_is_forgotten_and_comes_back_with_its_packets() {
    let mut stage = Stage::new(2);
    stage.acquaint(&[1, 2]);
    let ufid = stage.flow(1, mac(2)).unwrap().ufid.unwrap();
    let mut results = Vec::new();
    let mut datapath = stage.datapath.clone();
    datapath.apply(&[Op::Delete { ufid }], &mut results);
    assert!(results[0].is_ok());
    // A flow that was put a moment before the dump may have been missed by it.
    stage.pass(900);
    stage.sweep();
    assert_eq!(stage.counter("flows_vanished"), 0);
    stage.pass(200);
    stage.sweep();
    assert_eq!(stage.counter("flows_vanished"), 1);
    assert_eq!(stage.workers.shared.flow_count(), 1);
    stage.send(1, 2);
    assert_eq!(stage.flow(1, mac(2)).unwrap().ufid, Some(ufid));
}

#[test]
fn drops_by_flows_are_counted_by_port_and_reason_and_none_twice() {
    let mut stage = Stage::new(2);
    stage.acquaint(&[1, 2]);
    // What the flow carried before it dropped is known by then.
    stage.sweep();
    let mut down = port(2);
    down.admin_state_up = false;
    stage.change(&[put(down)]);
    for _ in 0..4 {
        stage.send(1, 2);
    }
    // A dump may have begun before the flow became a drop: what it says of it is not counted.
    stage.sweep();
    assert_eq!(stage.drops(1, "egress-down"), 0);
    stage.pass(2_000);
    stage.sweep();
    stage.sweep();
    assert_eq!(stage.drops(1, "egress-down"), 4);
    stage.send(1, 2);
    // The last of them is in the statistics that the deletion answers, and is this port's, too.
    stage.unplug(1);
    assert_eq!(stage.drops(1, "egress-down"), 5);
    assert_eq!(stage.workers.drops(None).unwrap().len(), 1);
}

#[test]
fn the_thread_that_adopt_starts_sweeps_and_ends_with_the_workers() {
    let stage = Stage::new(2);
    stage.acquaint(&[1, 2]);
    stage.workers.adopt();
    stage.workers.adopt();
    stage.pass(10_000);
    until("idle flows to leave", || stage.flows().is_empty());
    stage.workers.stop();
    assert!(stage.workers.drops(None).is_err(), "it still answers");
}

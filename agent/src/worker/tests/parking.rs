//! Packets that wait for objects.

use std::sync::atomic::Ordering;

use weft_topology::{ObjectId, Snapshot};

use super::stage::Stage;
use super::topology::{bridge, bridge_id, frame, mac, port, port_id, put};
use crate::hot::Event;
use crate::worker::park::BUDGET;

/// Three ports are known, their bridge is not.
fn without_bridge() -> Stage {
    let mut stage = Stage::new(3);
    let (snapshot, tags) = stage.snapshot.forget(&[bridge_id().into()]);
    stage.publish(snapshot, tags);
    stage.events();
    stage
}

fn missing(stage: &mut Stage) -> Vec<Vec<ObjectId>> {
    let events = stage.events().into_iter();
    events
        .filter_map(|event| match event {
            Event::Missing(objects) => Some(objects),
            _ => None,
        })
        .collect()
}

#[test]
fn a_packet_whose_objects_are_missing_comes_out_when_they_arrive() {
    let mut stage = without_bridge();
    let frames: Vec<_> = (1..=3).map(|n| frame(mac(1), mac(2), n)).collect();
    for frame in &frames {
        stage.inject(1, frame);
    }
    assert_eq!(stage.counter("parked"), 3);
    assert_eq!(stage.flows(), []);
    assert_eq!(missing(&mut stage), [vec![bridge_id().into()]], "told once");
    stage.change(&[put(bridge())]);
    assert_eq!(stage.sent(2), frames, "in their order");
    assert_eq!(stage.sent(3), frames);
    assert_eq!(stage.flows().len(), 1);
    assert_eq!(stage.workers.shared.parked.load(Ordering::Relaxed), 0);
}

#[test]
fn what_still_misses_something_waits_on_and_asks_again_with_each_snapshot() {
    let mut stage = without_bridge();
    stage.send(1, 2);
    missing(&mut stage);
    stage.change(&[put(port(9))]);
    assert_eq!(missing(&mut stage), [vec![bridge_id().into()]]);
    assert!(stage.sent(2).is_empty());
    stage.change(&[put(bridge())]);
    assert_eq!(stage.sent(2).len(), 1);
}

#[test]
fn parked_packets_stay_within_a_budget() {
    let stage = without_bridge();
    let used = &stage.workers.shared.parked;
    stage.send(1, 2);
    let one = used.load(Ordering::Relaxed);
    assert!(one > 0);
    // Others have the rest of it.
    used.fetch_add(BUDGET - 2 * one, Ordering::Relaxed);
    stage.send(1, 2);
    stage.send(1, 2);
    stage.send(2, 1);
    assert_eq!(stage.counter("parked"), 2);
    assert_eq!(stage.drops(1, "parking-full"), 1);
    assert_eq!(stage.drops(2, "parking-full"), 1);
    assert_eq!(used.load(Ordering::Relaxed), BUDGET);
}

#[test]
fn a_parked_packet_never_leaves_as_another_ports() {
    let mut stage = without_bridge();
    stage.send(1, 3);
    let (number, owner) = (stage.number(1), stage.workers.owner(port_id(1)));
    stage.change(&[put(port(4))]);
    // No snapshot comes between the two.
    stage.let_go(1);
    assert_eq!(stage.plug(4), number);
    assert_eq!(stage.workers.owner(port_id(4)), owner);
    stage.change(&[put(bridge())]);
    assert_eq!(stage.sent(3).len(), 0);
    let learned = stage.workers.shared.learned.entries();
    assert!(learned.is_empty(), "learnt at the wrong port: {learned:?}");
    let drops = stage.workers.shared.parked.load(Ordering::Relaxed);
    assert_eq!(drops, 0);
    assert_eq!(stage.drops(1, "parked-too-long"), 1);
}

#[test]
fn an_unknown_port_object_is_asked_for_by_its_id() {
    let mut stage = Stage::new(1);
    let (snapshot, tags) = stage.snapshot.forget(&[port_id(1).into()]);
    stage.publish(snapshot, tags);
    stage.events();
    stage.send(1, 2);
    assert_eq!(missing(&mut stage), [vec![port_id(1).into()]]);
    let known: &Snapshot = &stage.snapshot;
    assert!(!known.port(port_id(1)).is_loaded());
}

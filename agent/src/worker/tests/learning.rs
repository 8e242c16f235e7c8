//! Where stations are: learnt, used, moved, forgotten.

use weft_flowsim::Learned;
use weft_topology::id::PortId;

use super::stage::Stage;
use super::topology::{bridge_id, frame, mac, port_id};
use crate::flows::learned::AGEING_MS;

fn place(stage: &Stage, n: u8) -> Option<PortId> {
    let learned = &stage.workers.shared.learned;
    learned.mac(bridge_id(), 0, mac(n), stage.now())
}

#[test]
fn an_unknown_destination_is_flooded_and_the_flow_mended_once_it_has_spoken() {
    let stage = Stage::new(3);
    stage.send(1, 2);
    assert_eq!((stage.sent(2).len(), stage.sent(3).len()), (1, 1));
    let flooded = stage.flow(1, mac(2)).unwrap();
    assert_eq!(flooded.actions, stage.outputs(&[2, 3]));
    stage.send(2, 1);
    assert_eq!(stage.sent(1).len(), 1);
    let mended = stage.flow(1, mac(2)).unwrap();
    assert_eq!(mended.actions, stage.outputs(&[2]));
    assert_eq!(mended.ufid, flooded.ufid);
    stage.send(1, 2);
    assert_eq!((stage.sent(2).len(), stage.sent(3).len()), (1, 0));
    assert_eq!(stage.flow(1, mac(2)).unwrap().stats.packets, 1);
}

#[test]
fn a_station_stays_known_while_a_flow_that_used_it_is_hit_and_goes_after_that_flow() {
    let mut stage = Stage::new(2);
    stage.acquaint(&[1, 2]);
    let misses = stage.counter("misses");
    let mut passed = 0;
    while passed < 2 * AGEING_MS {
        stage.pass(5_000);
        passed += 5_000;
        stage.send(1, 2);
        stage.sweep();
    }
    assert_eq!(stage.counter("misses"), misses, "the flow was lost");
    assert_eq!(place(&stage, 1), Some(port_id(1)));
    assert_eq!(place(&stage, 2), Some(port_id(2)), "its flow was hit");
    stage.pass(10_000);
    stage.sweep();
    assert!(stage.flow(1, mac(2)).is_none(), "an idle flow stays");
    stage.pass(AGEING_MS - 10_001);
    stage.sweep();
    assert_eq!(place(&stage, 1), Some(port_id(1)), "gone before its time");
    stage.pass(1);
    stage.sweep();
    assert_eq!((place(&stage, 1), place(&stage, 2)), (None, None));
    assert_eq!(stage.workers.shared.learned.entries(), []);
}

#[test]
fn flows_to_a_station_that_is_forgotten_are_judged_again() {
    let mut stage = Stage::new(3);
    // Its flow to nobody else keeps the first known; nothing keeps the second.
    stage.acquaint(&[1, 2]);
    assert_eq!(stage.flow(1, mac(2)).unwrap().actions, stage.outputs(&[2]));
    let learned = &stage.workers.shared.learned;
    let tags = learned.forget_port(port_id(2));
    stage.workers.shared.touch(tags);
    stage.settle();
    let flooded = stage.flow(1, mac(2)).unwrap();
    assert_eq!(flooded.actions, stage.outputs(&[2, 3]));
    assert!(stage.flow(2, mac(1)).is_none(), "its packets teach nothing");
    stage.sweep();
}

#[test]
fn a_station_that_moved_is_learnt_afresh_and_its_flows_are_corrected() {
    let stage = Stage::new(3);
    stage.acquaint(&[1, 2]);
    let before = stage.flow(1, mac(2)).unwrap();
    // The second station speaks from the third port.
    stage.inject(3, &frame(mac(2), mac(1), 9));
    assert_eq!(place(&stage, 2), Some(port_id(3)));
    assert_eq!(stage.sent(1).len(), 1);
    let after = stage.flow(1, mac(2)).unwrap();
    assert_eq!(after.actions, stage.outputs(&[3]));
    assert_eq!(after.ufid, before.ufid);
    stage.send(1, 2);
    assert_eq!((stage.sent(2).len(), stage.sent(3).len()), (0, 1));
    // At its old place it teaches again: the old flow must not have hidden that.
    stage.send(2, 1);
    assert_eq!(place(&stage, 2), Some(port_id(2)));
    assert_eq!(stage.flow(1, mac(2)).unwrap().actions, stage.outputs(&[2]));
}

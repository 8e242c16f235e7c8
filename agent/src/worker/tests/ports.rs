//! Ports that are let go, numbers that are used again, and a datapath that is made anew.

use weft_ovs::Datapath;

use super::stage::Stage;
use super::topology::{bridge_id, mac, port, port_id, put};
use crate::hot::Hot;

#[test]
fn a_port_that_is_let_go_loses_its_flows_its_socket_and_its_stations() {
    let mut stage = Stage::new(3);
    stage.acquaint(&[1, 2, 3]);
    let number = stage.number(2);
    let lost = stage.datapath.info().unwrap().lost;
    // Detached while the vport is there still: what comes up then has no socket.
    stage.workers.detach(port_id(2));
    let flows = stage.flows();
    assert!(
        flows
            .iter()
            .all(|flow| flow.key.u32(weft_flow::Field::InPort) != Some(number)),
        "{flows:?}"
    );
    assert_eq!(flows.len(), 4);
    let frame = super::topology::frame(mac(2), mac(1), 1);
    stage.datapath.inject(number, &frame).unwrap();
    assert_eq!(stage.datapath.waiting(), 0);
    assert_eq!(stage.datapath.info().unwrap().lost, lost + 1);
    stage.settle();
    let learned = stage.workers.shared.learned.entries();
    assert!(learned.iter().all(|entry| entry.port != port_id(2)));
    assert!(learned.iter().all(|entry| entry.bridge == bridge_id()));
    // A second time, and a port that never was, are no errors.
    stage.workers.detach(port_id(2));
    stage.workers.detach(port_id(77));
}

#[test]
fn a_number_that_another_port_gets_has_nothing_of_the_former_one() {
    let mut stage = Stage::new(3);
    stage.acquaint(&[1, 2, 3]);
    let number = stage.number(2);
    stage.unplug(2);
    let mut isolated = port(4);
    isolated.admin_state_up = false;
    stage.change(&[put(isolated)]);
    assert_eq!(stage.plug(4), number);
    // The station speaks from the new port, which is down.
    let frame = super::topology::frame(mac(2), mac(1), 1);
    stage.inject(4, &frame);
    assert!(stage.sent(1).is_empty());
    assert_eq!(stage.drops(4, "port-down"), 1);
    // Flows to the former port's station do not end at the new port.
    stage.send(1, 2);
    assert!(stage.sent(4).is_empty());
    stage.sweep();
    assert_eq!(stage.counter("flows_vanished"), 0);
}

#[test]
fn a_rebuilt_datapath_starts_empty_and_everything_works_again() {
    let mut stage = Stage::new(3);
    stage.acquaint(&[1, 2, 3]);
    assert_eq!(stage.workers.shared.flow_count(), 6);
    stage.rebuild();
    assert_eq!(stage.workers.shared.flow_count(), 0);
    assert_eq!(stage.flows(), []);
    // In another order, so with other numbers.
    for n in [3, 1, 2] {
        stage.plug(n);
    }
    assert_eq!((stage.number(3), stage.number(1)), (1, 2));
    stage.send(1, 2);
    assert_eq!(stage.sent(2).len(), 1);
    assert_eq!(stage.flow(1, mac(2)).unwrap().actions, stage.outputs(&[2]));
    let misses = stage.counter("misses");
    stage.send(1, 2);
    assert_eq!(stage.counter("misses"), misses);
    stage.sweep();
    assert_eq!(stage.flows().len(), 1);
    assert_eq!(stage.workers.shared.flow_count(), 1);
}

#[test]
fn packets_parked_before_a_rebuild_do_not_come_out_of_the_new_datapath() {
    let mut stage = Stage::new(3);
    let (snapshot, tags) = stage.snapshot.forget(&[bridge_id().into()]);
    stage.publish(snapshot, tags);
    stage.send(1, 2);
    stage.rebuild();
    for n in [1, 2, 3] {
        stage.plug(n);
    }
    stage.change(&[put(super::topology::bridge())]);
    assert!(stage.sent(2).is_empty());
    assert_eq!(stage.drops(1, "parked-too-long"), 1);
}

#[test]
fn an_attached_port_is_asked_for_again_with_the_same_answer() {
    let stage = Stage::new(2);
    let pids = stage.workers.attach(port_id(1), "tap1").unwrap();
    assert_eq!(stage.workers.attach(port_id(1), "tap1").unwrap(), pids);
    assert_ne!(stage.workers.attach(port_id(2), "tap2").unwrap(), pids);
    let mut datapath = stage.datapath.clone();
    let ports = datapath.ports().unwrap();
    let vport = ports.iter().find(|vport| vport.name == "tap1").unwrap();
    assert_eq!(vport.upcall_pids, pids);
}

#[test]
fn upcalls_wait_in_their_socket_until_the_port_is_published() {
    let mut stage = Stage::new(1);
    stage.change(&[put(port(2))]);
    let pids = stage.workers.attach(port_id(2), "tap2").unwrap();
    let mut vport = weft_ovs::NewVport {
        name: "tap2".to_owned(),
        kind: weft_ovs::VportKind::Netdev,
        port_no: None,
        upcall_pids: pids,
    };
    let number = stage.datapath.add_port(&vport).unwrap().port_no;
    let frame = super::topology::frame(mac(2), mac(1), 1);
    stage.datapath.inject(number, &frame).unwrap();
    stage.workers.ask_all("wait", |_| ()).unwrap();
    assert_eq!(stage.datapath.waiting(), 1, "read before it has a number");
    stage.datapath.remove_device(number).unwrap();
    vport.name = "gone".to_owned();
    stage.plug(2);
    assert_eq!(stage.sent(1), [frame]);
}

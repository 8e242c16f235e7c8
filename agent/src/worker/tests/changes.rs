//! What a change of the topology writes, and when it is said to be in force.

use std::sync::Arc;
use std::sync::mpsc::channel;

use super::stage::Stage;
use super::topology::{mac, port, port_id, put};
use crate::hot::{Event, Hot};

#[test]
fn a_change_that_touches_one_of_many_ports_writes_only_its_flows() {
    let mut stage = Stage::new(40);
    for pair in 0..20 {
        stage.acquaint(&[2 * pair + 1, 2 * pair + 2]);
    }
    assert_eq!(stage.flows().len(), 40);
    let mut down = port(7);
    down.admin_state_up = false;
    let writes = stage.writes_of(|stage| stage.change(&[put(down)]));
    assert_eq!((writes.puts, writes.set_actions, writes.deletes), (0, 2, 0));
    for (from, to) in [(7, 8), (8, 7)] {
        assert_eq!(stage.flow(from, mac(to)).unwrap().actions, []);
    }
    let writes = stage.writes_of(|stage| stage.change(&[put(port(7))]));
    assert_eq!((writes.puts, writes.set_actions, writes.deletes), (0, 2, 0));
    stage.acquaint(&[7, 8]);
    assert_eq!(stage.counter("misses"), 20 * 2, "flows were lost");
    // What changes no verdict writes nothing.
    let mut renamed = port(9);
    renamed.tunnel_key = 999;
    let writes = stage.writes_of(|stage| stage.change(&[put(renamed)]));
    assert_eq!((writes.puts, writes.set_actions, writes.deletes), (0, 0, 0));
}

#[test]
fn a_flood_follows_the_ports_of_its_bridge() {
    let mut stage = Stage::new(2);
    let nobody = mac(99);
    let frame = super::topology::frame(mac(1), nobody, 1);
    stage.inject(1, &frame);
    let before = stage.flow(1, nobody).unwrap();
    assert_eq!(before.actions, stage.outputs(&[2]));
    stage.change(&[put(port(3))]);
    let writes = stage.writes_of(|stage| {
        stage.plug(3);
    });
    assert_eq!((writes.puts, writes.set_actions, writes.deletes), (0, 1, 0));
    let after = stage.flow(1, nobody).unwrap();
    assert_eq!(after.actions, stage.outputs(&[2, 3]));
    assert_eq!(after.ufid, before.ufid);
    stage.inject(1, &frame);
    assert_eq!(stage.sent(3), [frame]);
    stage.unplug(2);
    assert_eq!(stage.flow(1, nobody).unwrap().actions, stage.outputs(&[3]));
}

#[test]
fn an_epoch_is_told_once_and_in_order_when_its_flows_are_written() {
    let mut stage = Stage::new(2);
    stage.acquaint(&[1, 2]);
    stage.events();
    let mut epochs = Vec::new();
    for up in [false, true, false] {
        let mut port = port(2);
        port.admin_state_up = up;
        stage.change(&[put(port)]);
        epochs.push(stage.snapshot.epoch());
        let written = stage.flow(1, mac(2)).unwrap().actions;
        assert_eq!(written.is_empty(), !up);
    }
    let told = stage.events();
    let wanted: Vec<_> = epochs.into_iter().map(Event::EpochDone).collect();
    assert_eq!(told, wanted);
}

#[test]
fn an_epoch_is_not_told_before_the_last_worker_has_passed_it() {
    let mut stage = Stage::new(2);
    stage.events();
    let (busy_sender, busy) = channel();
    let (go, wait) = channel::<()>();
    let slow = stage.workers.owner(port_id(2)).unwrap();
    let workers = stage.workers.clone();
    let asked = std::thread::spawn(move || {
        workers.ask(slow, move |_| {
            busy_sender.send(()).unwrap();
            wait.recv().unwrap();
        })
    });
    busy.recv().unwrap();
    let (snapshot, tags) = stage.snapshot.apply(99, &[put(port(9))]);
    let epoch = snapshot.epoch();
    stage.workers.publish(Arc::new(snapshot), Arc::new(tags));
    stage.workers.ask(1 - slow, |_| ()).unwrap();
    assert_eq!(stage.events(), [], "one worker still waits");
    go.send(()).unwrap();
    asked.join().unwrap();
    stage.settle();
    assert_eq!(stage.events(), [Event::EpochDone(epoch)]);
}

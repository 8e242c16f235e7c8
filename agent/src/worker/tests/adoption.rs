//! Flows of an earlier run, and of others.

use weft_flow::{Action, Ufid, parse_flow};
use weft_ovs::{Datapath, DumpedFlow, Op};
use weft_topology::{ObjectId, Snapshot};

use super::stage::Stage;
use super::topology::{arp_request, bridge, bridge_id, mac, port, port_id, put};
use crate::hot::Event;

fn change_actions(stage: &Stage, flow: &DumpedFlow, actions: &[Action]) {
    let op = Op::SetActions {
        ufid: flow.ufid.unwrap(),
        key: &flow.key,
        mask: &flow.mask,
        actions,
        anew: false,
    };
    let mut results = Vec::new();
    stage.datapath.clone().apply(&[op], &mut results);
    assert!(matches!(results[..], [Ok(_)]), "{results:?}");
}

#[test]
fn flows_that_agree_keep_their_ids_and_counters_and_nothing_is_written() {
    let mut stage = Stage::new(4);
    stage.acquaint(&[1, 2, 3, 4]);
    for _ in 0..5 {
        stage.send(1, 2);
    }
    let before = stage.flows();
    assert_eq!(before.len(), 12);
    let snapshot = stage.snapshot.clone();
    stage.restart(snapshot);
    let writes = stage.writes_of(Stage::sweep);
    assert_eq!((writes.puts, writes.set_actions, writes.deletes), (0, 0, 0));
    assert_eq!(stage.flows(), before);
    assert_eq!(stage.counter("flows_adopted"), 12);
    assert_eq!(stage.workers.shared.flow_count(), 12);
    // They are its own from now on.
    stage.send(1, 2);
    assert_eq!(stage.counter("misses"), 0);
    stage.pass(10_000);
    stage.sweep();
    assert_eq!(stage.flows(), []);
}

#[test]
fn wrong_actions_are_corrected_in_place_and_counters_go_on() {
    let mut stage = Stage::new(3);
    stage.acquaint(&[1, 2]);
    let flow = stage.flow(1, mac(2)).unwrap();
    change_actions(&stage, &flow, &stage.outputs(&[3]));
    let snapshot = stage.snapshot.clone();
    stage.restart(snapshot);
    let writes = stage.writes_of(Stage::sweep);
    assert_eq!((writes.puts, writes.set_actions, writes.deletes), (0, 1, 0));
    let corrected = stage.flow(1, mac(2)).unwrap();
    assert_eq!(corrected.actions, stage.outputs(&[2]));
    assert_eq!(corrected.ufid, flow.ufid);
    assert_eq!(corrected.stats, flow.stats);
}

#[test]
fn flows_that_bring_packets_up_get_the_new_sockets() {
    let mut stage = Stage::new(2);
    stage.change(&[put(super::topology::arp_entry())]);
    stage.inject(1, &arp_request(1));
    // Its first packet taught where it is, so it is the second that has a flow for good.
    stage.inject(1, &arp_request(1));
    assert_eq!(stage.sent(1).len(), 2);
    let snapshot = stage.snapshot.clone();
    stage.restart(snapshot);
    stage.sweep();
    stage.inject(1, &arp_request(1));
    assert_eq!(stage.sent(1).len(), 1, "no answer after the restart");
}

#[test]
fn flows_that_are_wrong_by_their_mask_are_deleted() {
    let mut stage = Stage::new(2);
    stage.acquaint(&[1, 2]);
    let number = stage.number(1);
    // Whatever the destination is; the source is known, so that its packets teach nothing.
    let wide =
        format!("recirc_id(0),in_port({number}),eth(src=02:00:00:00:00:01),eth_type(0x88b6)");
    let (key, mask) = parse_flow(&wide).unwrap();
    let ufid = Ufid([1; 16]);
    let actions = stage.outputs(&[2]);
    let put = stage
        .datapath
        .put_by_stranger(Some(ufid), &key, &mask, &actions);
    put.unwrap();
    stage.sweep();
    assert!(stage.datapath.clone().flow(ufid).unwrap().is_none());
    assert_eq!(stage.flows().len(), 2, "others went, too");
}

#[test]
fn garbage_is_deleted() {
    let mut stage = Stage::new(1);
    let number = stage.number(1);
    let garbage = |matches: &str, ufid: Option<u8>| {
        let (key, mask) = parse_flow(matches).unwrap();
        let ufid = ufid.map(|n| Ufid([n; 16]));
        let put = stage.datapath.put_by_stranger(ufid, &key, &mask, &[]);
        put.unwrap();
    };
    let own = format!("recirc_id(0),in_port({number}),eth(),eth_type(0x88b6)");
    garbage(&own, None);
    garbage("recirc_id(0),in_port(77),eth(),eth_type(0x88b6)", Some(2));
    garbage("recirc_id(0),in_port(78),eth(),eth_type(0x88b6)", None);
    garbage("recirc_id(0),in_port(79),eth(),eth_type(0x88b6)", Some(4));
    stage.datapath.spoil(Ufid([4; 16]));
    stage.sweep();
    assert_eq!(stage.flows().len(), 2, "a port may be on its way in");
    stage.sweep();
    assert_eq!(stage.flows(), []);
}

#[test]
fn a_flow_that_cannot_be_judged_yet_stays_and_what_is_missing_is_asked_for() {
    let mut stage = Stage::new(2);
    stage.acquaint(&[1, 2]);
    let before = stage.flows();
    let (ports_only, _) = Snapshot::default().apply(1, &[put(port(1)), put(port(2))]);
    stage.restart(ports_only);
    stage.events();
    stage.sweep();
    assert_eq!(stage.flows(), before);
    let missing = Event::Missing(vec![ObjectId::from(bridge_id())]);
    let events = stage.events();
    assert!(events.contains(&missing), "{events:?}");
    stage.send(1, 2);
    assert_eq!(stage.sent(2).len(), 1);
    // The bridge turns out to be down.
    let mut down = bridge();
    down.admin_state_up = false;
    stage.change(&[put(down)]);
    stage.send(1, 2);
    assert!(stage.sent(2).is_empty());
}

#[test]
fn a_dump_that_outlived_its_port_does_not_give_the_flows_to_the_wrong_worker() {
    let mut stage = Stage::new(2);
    stage.change(&[put(super::topology::arp_entry())]);
    for _ in 0..2 {
        stage.inject(1, &arp_request(1));
    }
    let flow = stage.flow(1, weft_topology::MacAddr::broadcast()).unwrap();
    let owner = stage.workers.owner(port_id(1)).unwrap();
    let other = stage.workers.owner(port_id(2)).unwrap();
    assert_ne!(owner, other);
    let found = flow.clone();
    let adopted = stage.workers.ask(other, move |worker| {
        worker.adopt(found.ufid.unwrap(), found);
        worker.flush();
        worker.table.len()
    });
    assert_eq!(adopted, Some(0));
    let after = stage.flow(1, weft_topology::MacAddr::broadcast()).unwrap();
    assert_eq!(after.actions, flow.actions, "its socket was taken away");
}

//! Drops are counted once each, across restarts and changes.

use weft_topology::MacAddr;

use super::stage::Stage;
use super::topology::{frame, mac, port, port_id, put};
use crate::accounts::Accounts;
use crate::hot::Hot;
use crate::worker::inbox::Dumped;

/// Frames of station 1 to itself, which go nowhere.
fn drop_some(stage: &Stage, count: usize) {
    let hairpin = frame(mac(1), mac(1), 1);
    (0..count).for_each(|_| stage.inject(1, &hairpin));
}

fn all_drops(stage: &Stage) -> u64 {
    let drops = stage.workers.drops(None).unwrap();
    drops.iter().map(|drop| drop.packets).sum()
}

/// What is on disk, and what has happened since, when the agent is killed.
fn kill_after(stage: &mut Stage, accounts: Accounts) {
    let snapshot = stage.snapshot.clone();
    stage.restart_with(snapshot, accounts);
    stage.sweep();
}

#[test]
fn what_the_kernel_dropped_after_the_last_note_is_counted_by_the_next_run() {
    let mut stage = Stage::new(2);
    stage.acquaint(&[1, 2]);
    drop_some(&stage, 10);
    stage.sweep();
    assert_eq!(stage.drops(1, "hairpin"), 10);
    let noted = stage.workers.accounts().unwrap();
    // Some are seen by the former run, too, and some by nobody.
    drop_some(&stage, 5);
    stage.sweep();
    drop_some(&stage, 3);
    kill_after(&mut stage, noted);
    assert_eq!(stage.drops(1, "hairpin"), 18);
    drop_some(&stage, 2);
    stage.sweep();
    assert_eq!(stage.drops(1, "hairpin"), 20);
}

#[test]
fn a_flow_that_was_put_after_the_last_note_is_counted_whole() {
    let mut stage = Stage::new(2);
    stage.acquaint(&[1, 2]);
    let noted = stage.workers.accounts().unwrap();
    drop_some(&stage, 10);
    kill_after(&mut stage, noted);
    // All but the first, which came up and was dropped by the agent.
    assert_eq!(stage.drops(1, "hairpin"), 9);
}

#[test]
fn what_a_flow_forwarded_before_it_became_a_drop_is_never_counted() {
    let mut stage = Stage::new(2);
    stage.acquaint(&[1, 2]);
    (0..30).for_each(|_| stage.send(1, 2));
    let noted = stage.workers.accounts().unwrap();
    let mut down = port(2);
    down.admin_state_up = false;
    stage.change(&[put(down)]);
    (0..7).for_each(|_| stage.send(1, 2));
    kill_after(&mut stage, noted);
    // Where station 2 is was learned from its flows, and it has none any more.
    assert_eq!(stage.drops(1, "nobody-else"), 7);
    assert_eq!(all_drops(&stage), 7);
}

#[test]
fn a_dump_that_began_before_a_flow_became_a_drop_does_not_count_for_it() {
    let mut stage = Stage::new(2);
    stage.acquaint(&[1, 2]);
    (0..30).for_each(|_| stage.send(1, 2));
    let old = Dumped {
        usage: stage.flow(1, mac(2)).unwrap().usage(),
        whole: None,
    };
    let mut down = port(2);
    down.admin_state_up = false;
    stage.change(&[put(down)]);
    let owner = stage.workers.owner(port_id(1)).unwrap();
    stage
        .workers
        .ask(owner, move |worker| worker.dumped(vec![old]));
    assert_eq!(stage.drops(1, "egress-down"), 0);
    stage.send(1, 2);
    stage.pass(2_000);
    stage.sweep();
    stage.sweep();
    assert_eq!(stage.drops(1, "egress-down"), 1);
}

#[test]
fn drops_of_a_flow_that_forwards_again_after_the_restart_are_of_the_earlier_run() {
    let mut stage = Stage::new(2);
    stage.acquaint(&[1, 2]);
    let mut down = port(2);
    down.admin_state_up = false;
    stage.change(&[put(down)]);
    let noted = stage.workers.accounts().unwrap();
    (0..7).for_each(|_| stage.send(1, 2));
    let (up, _) = stage.snapshot.apply(99, &[put(port(2))]);
    stage.restart_with(up, noted);
    stage.sweep();
    assert_eq!(stage.drops(1, "egress-down"), 0);
    assert_eq!(stage.drops(1, "earlier-run"), 7);
    stage.send(1, 2);
    assert_eq!(stage.sent(2).len(), 1);
    assert_eq!(all_drops(&stage), 7);
}

#[test]
fn very_many_ports_that_come_and_go_leave_their_drops_to_nobody() {
    let mut stage = Stage::new(1);
    let group = MacAddr(3, 0, 0, 0, 0, 1);
    let owner = stage.workers.owner(port_id(1)).unwrap();
    stage.workers.ask(owner, |worker| {
        for n in 0..5_000_u128 {
            let port = weft_topology::id::PortId(uuid::Uuid::from_u128(n + 1_000));
            worker
                .tally
                .lost(Some(port), crate::worker::tally::Lost::PuntLimit);
        }
    });
    stage.inject(1, &frame(group, mac(2), 1));
    stage.unplug(1);
    let drops = stage.workers.drops(None).unwrap();
    assert!(drops.iter().all(|drop| drop.port != Some(port_id(1))));
    let nobodys = drops.iter().filter(|drop| drop.port.is_none());
    assert_eq!(nobodys.map(|drop| drop.packets).sum::<u64>(), 1);
}

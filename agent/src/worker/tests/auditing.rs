//! The auditor: what somebody did to flows is found and repaired, and nothing else is taken for wrong.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use weft_flow::{Action, Ufid, parse_flow};
use weft_flowsim::Learned;
use weft_ovs::{Datapath, DumpedFlow, Op};
use weft_topology::Change;

use super::stage::Stage;
use super::topology::{arp_entry, arp_request, bridge, bridge_id, frame, mac, port, port_id, put};
use crate::flows::learned::AGEING_MS;

/// Dumps in which all flows are looked at, however many there are.
const ROUND: usize = 64;

/// What the auditor has counted: looked at, disagreed, repaired, unknown.
fn counted(stage: &Stage) -> [u64; 4] {
    let names = ["checked", "disagreed", "repaired", "unknown"];
    names.map(|name| stage.counter(&format!("audit_{name}")))
}

fn findings(stage: &Stage) -> [u64; 3] {
    let [_, rest @ ..] = counted(stage);
    rest
}

/// Another tool writes to the datapath.
fn meddle(stage: &Stage, op: Op<'_>) {
    let mut results = Vec::new();
    stage.datapath.clone().apply(&[op], &mut results);
    assert!(matches!(results[..], [Ok(_)]), "{results:?}");
}

fn change_actions(stage: &Stage, flow: &DumpedFlow, actions: &[Action]) {
    let (ufid, key, mask) = (flow.ufid.unwrap(), &flow.key, &flow.mask);
    meddle(
        stage,
        Op::SetActions {
            ufid,
            key,
            mask,
            actions,
            anew: false,
        },
    );
}

/// Another tool puts a flow of port 1 in the place of one of ours, or beside them.
fn put_of_port_1(stage: &Stage, ufid: Ufid, rest: &str, actions: &[Action]) {
    let matches = format!("recirc_id(0),in_port({}),{rest}", stage.number(1));
    let (key, mask) = parse_flow(&matches).unwrap();
    let put = stage
        .datapath
        .put_by_stranger(Some(ufid), &key, &mask, actions);
    put.unwrap();
}

/// Three stations that know each other, and dumps enough for their flows to be nobody else's.
fn known_stage() -> Stage {
    let mut stage = Stage::new(3);
    stage.acquaint(&[1, 2, 3]);
    for _ in 0..3 {
        stage.sweep();
    }
    assert_eq!(findings(&stage), [0; 3]);
    stage
}

#[test]
fn actions_that_somebody_changed_are_put_right_in_place() {
    let mut stage = known_stage();
    let flow = stage.flow(1, mac(2)).unwrap();
    for wrong in [stage.outputs(&[3]), stage.outputs(&[2, 3]), Vec::new()] {
        change_actions(&stage, &flow, &wrong);
        let before = counted(&stage);
        let writes = stage.writes_of(Stage::sweep);
        assert_eq!((writes.puts, writes.set_actions, writes.deletes), (0, 1, 0));
        let now = stage.flow(1, mac(2)).unwrap();
        assert_eq!((now.ufid, now.actions), (flow.ufid, stage.outputs(&[2])));
        assert_eq!(counted(&stage)[1..3], [before[1] + 1, before[2] + 1]);
    }
    assert_eq!(stage.flows().len(), 6, "others went, too");
}

#[test]
fn a_flow_that_drops_what_is_to_be_dropped_no_more_is_counted_anew() {
    let mut stage = Stage::new(2);
    stage.acquaint(&[1, 2]);
    let hairpin = frame(mac(1), mac(1), 1);
    (0..3).for_each(|_| stage.inject(1, &hairpin));
    stage.sweep();
    assert_eq!(stage.drops(1, "hairpin"), 3);
    let flow = stage.flow(1, mac(1)).unwrap();
    change_actions(&stage, &flow, &stage.outputs(&[2]));
    stage.sweep();
    assert_eq!(findings(&stage), [1, 1, 0]);
    (0..4).for_each(|_| stage.inject(1, &hairpin));
    stage.pass(2_000);
    stage.sweep();
    stage.sweep();
    assert_eq!(stage.drops(1, "hairpin"), 7);
    assert!(stage.sent(2).is_empty());
}

#[test]
fn a_flow_that_somebody_made_wider_is_deleted_and_comes_back_as_it_was() {
    let mut stage = known_stage();
    let flow = stage.flow(1, mac(2)).unwrap();
    let ufid = flow.ufid.unwrap();
    meddle(&stage, Op::Delete { ufid });
    let wide = "eth(src=02:00:00:00:00:01),eth_type(0x88b5)";
    put_of_port_1(&stage, ufid, wide, &stage.outputs(&[2]));
    stage.sweep();
    assert_eq!(findings(&stage), [1, 1, 0]);
    assert!(stage.datapath.clone().flow(ufid).unwrap().is_none());
    stage.send(1, 2);
    let back = stage.flow(1, mac(2)).unwrap();
    assert_eq!((back.mask, back.actions), (flow.mask, flow.actions));
}

#[test]
fn a_flow_that_somebody_deleted_is_missed_and_one_that_somebody_put_is_found() {
    let mut stage = known_stage();
    let ufid = stage.flow(1, mac(2)).unwrap().ufid.unwrap();
    meddle(&stage, Op::Delete { ufid });
    let foreign = Ufid([9; 16]);
    let own = "eth(src=02:00:00:00:00:01),eth_type(0x88b6)";
    put_of_port_1(&stage, foreign, own, &stage.outputs(&[3]));
    stage.pass(2_000);
    stage.sweep();
    assert_eq!(stage.counter("flows_vanished"), 1);
    assert_eq!(findings(&stage), [0, 0, 1]);
    assert!(stage.datapath.clone().flow(foreign).unwrap().is_none());
    assert_eq!(stage.flows().len(), 5);
}

#[test]
fn a_socket_that_is_not_the_ports_is_put_right() {
    let mut stage = Stage::new(2);
    stage.change(&[put(arp_entry())]);
    for _ in 0..2 {
        stage.inject(1, &arp_request(1));
    }
    let flow = stage.flow(1, weft_topology::MacAddr::broadcast()).unwrap();
    let mut stolen = flow.actions.clone();
    super::super::ports::set_pid(&mut stolen, 4_242);
    change_actions(&stage, &flow, &stolen);
    stage.sweep();
    let now = stage.flow(1, weft_topology::MacAddr::broadcast()).unwrap();
    assert_eq!(now.actions, flow.actions);
    assert_eq!(findings(&stage), [1, 1, 0]);
}

#[test]
fn a_change_that_no_flow_was_told_of_is_found_by_the_auditor() {
    let mut stage = known_stage();
    let mut down = port(2);
    down.admin_state_up = false;
    // As if the change's tags were forgotten: a defect.
    let (snapshot, _) = stage.snapshot.apply(77, &[put(down)]);
    stage.publish(snapshot, BTreeSet::new());
    assert_eq!(stage.flow(1, mac(2)).unwrap().actions, stage.outputs(&[2]));
    stage.sweep();
    // Of each of the others one to it, and those that come in by it.
    let [disagreed, repaired, _] = findings(&stage);
    assert_eq!((disagreed, repaired), (4, 4));
    stage.send(1, 2);
    assert!(stage.sent(2).is_empty());
    let before = counted(&stage);
    stage.sweep();
    assert_eq!(counted(&stage)[1..], before[1..]);
}

#[test]
fn all_flows_are_looked_at_within_a_round_and_a_share_of_them_in_each_dump() {
    let mut stage = Stage::new(2);
    let count = 4_000_u16;
    stage.limits.flows_per_port = 10_000;
    let snapshot = stage.snapshot.clone();
    stage.restart(snapshot);
    for n in 0..count {
        let [high, low] = n.to_be_bytes();
        let to = weft_topology::MacAddr(2, 9, 0, 0, high, low);
        stage.inject(1, &frame(mac(1), to, 1));
    }
    let flows = stage.flows().len();
    let before = counted(&stage)[0];
    let mut least = u64::MAX;
    let mut most = 0;
    for _ in 0..ROUND {
        let so_far = counted(&stage)[0];
        stage.sweep();
        let looked_at = counted(&stage)[0] - so_far;
        (least, most) = (least.min(looked_at), most.max(looked_at));
    }
    assert_eq!(counted(&stage)[0] - before, flows as u64);
    assert!(least > 20 && most < 150, "{least} to {most} in a dump");
    assert_eq!(findings(&stage), [0; 3]);
}

#[test]
fn a_mac_that_moved_is_no_finding_until_it_was_announced_and_none_after() {
    let mut stage = known_stage();
    let learned = &stage.workers.shared.learned;
    learned.learn(bridge_id(), 0, mac(2), port_id(3), stage.now());
    stage.sweep();
    stage.sweep();
    assert_eq!(findings(&stage), [0; 3]);
    assert_eq!(stage.flow(1, mac(2)).unwrap().actions, stage.outputs(&[2]));
    let tag = weft_topology::Tag::Mac(bridge_id(), 0, mac(2));
    stage.workers.shared.touch(vec![tag]);
    stage.settle();
    stage.sweep();
    assert_eq!(findings(&stage), [0; 3]);
    assert_eq!(stage.flow(1, mac(2)).unwrap().actions, stage.outputs(&[3]));
}

#[test]
fn a_mac_whose_age_is_over_is_no_finding_before_it_is_removed() {
    let stage = known_stage();
    let owner = stage.workers.owner(port_id(1)).unwrap();
    let ufid = stage.flow(1, mac(2)).unwrap().ufid.unwrap();
    let look = |stage: &Stage| {
        stage
            .workers
            .ask(owner, move |worker| worker.audit(&[ufid]));
        stage.settle();
    };
    // Made with it: hidden by now, and the flow still says where it is.
    stage.pass(AGEING_MS + 1);
    let place = stage
        .workers
        .shared
        .learned
        .mac(bridge_id(), 0, mac(2), stage.now());
    assert_eq!(place, None);
    look(&stage);
    assert_eq!(findings(&stage), [0; 3]);
    assert_eq!(stage.flow(1, mac(2)).unwrap().actions, stage.outputs(&[2]));
    // Made without it, while it is hidden.
    meddle(&stage, Op::Delete { ufid });
    look(&stage);
    assert_eq!(stage.counter("flows_vanished"), 1);
    stage.send(1, 2);
    let flooded = stage.flow(1, mac(2)).unwrap();
    assert_eq!(flooded.actions, stage.outputs(&[2, 3]));
    look(&stage);
    assert_eq!(findings(&stage), [0; 3]);
    // It speaks again before it was removed, and that is news.
    stage.send(2, 1);
    assert_eq!(stage.flow(1, mac(2)).unwrap().actions, stage.outputs(&[2]));
    look(&stage);
    assert_eq!(findings(&stage), [0; 3]);
}

#[test]
fn a_flow_that_is_looked_at_all_the_time_leaves_when_nothing_uses_it() {
    let mut stage = known_stage();
    for _ in 0..9 {
        stage.pass(1_000);
        stage.sweep();
    }
    assert_eq!(stage.flows().len(), 6);
    assert!(counted(&stage)[0] >= 9 * 6);
    stage.pass(1_000);
    stage.sweep();
    assert_eq!(stage.flows(), []);
}

/// What may happen to the topology.
fn random_change(random: &mut fastrand::Rng) -> Change {
    let n = random.u8(1..=6);
    let mut port = port(n);
    port.admin_state_up = random.u8(0..4) > 0;
    let mut bridge = bridge();
    bridge.admin_state_up = random.u8(0..5) > 0;
    bridge.vlan_aware = random.u8(0..4) == 0;
    match random.u8(0..6) {
        0 => put(bridge),
        1 => put(arp_entry()),
        2 => Change::Gone(arp_entry().id.into()),
        _ => put(port),
    }
}

/// Frames of stations that move, in VLANs and without, known and unknown, group and not.
fn random_frame(random: &mut fastrand::Rng) -> (u8, Vec<u8>) {
    let (port, station) = (random.u8(1..=6), random.u8(1..=8));
    let to = match random.u8(0..10) {
        0 => weft_topology::MacAddr::broadcast(),
        n => mac(n),
    };
    if random.u8(0..12) == 0 {
        return (port, arp_request(station));
    }
    let mut bytes = frame(mac(station), to, 1);
    if random.u8(0..6) == 0 {
        bytes.splice(12..12, [0x81, 0, 0, random.u8(0..3)]);
    }
    (port, bytes)
}

#[test]
fn changes_moves_and_ports_that_come_and_go_under_traffic_are_no_findings() {
    let seed = std::env::var("WEFT_SEED").ok();
    let seed = seed.map_or_else(
        || u64::from(std::process::id()),
        |text| text.parse().unwrap(),
    );
    let mut random = fastrand::Rng::with_seed(seed);
    let mut stage = Stage::new(6);
    let stop = AtomicBool::new(false);
    let datapath = stage.datapath.clone();
    let numbers: Vec<u32> = (1..=6).map(|n| stage.number(n)).collect();
    std::thread::scope(|scope| {
        for nth in 1..=2 {
            let (datapath, numbers, stop) = (&datapath, &numbers, &stop);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed + nth);
                while !stop.load(Ordering::Relaxed) {
                    let (port, bytes) = random_frame(&mut random);
                    // A port that has gone takes none.
                    let _ = datapath.inject(numbers[usize::from(port) - 1], &bytes);
                    while datapath.waiting() > 64 && !stop.load(Ordering::Relaxed) {
                        std::thread::yield_now();
                    }
                }
            });
        }
        let _ends = Ends(&stop);
        for round in 0..400 {
            match random.u8(0..12) {
                0 => stage.replug(random.u8(1..=6)),
                1..=3 => {
                    stage.pass(random.u64(1..4_000));
                    // A batch takes no second: what was judged before is written.
                    stage.workers.ask_all("write", |_| ()).unwrap();
                }
                4..=8 => stage.change_unsettled(&[random_change(&mut random)]),
                _ => {}
            }
            stage.sweep_unsettled();
            let [disagreed, ..] = findings(&stage);
            assert_eq!(disagreed, 0, "round {round}, WEFT_SEED={seed}");
        }
    });
    let [checked, findings @ ..] = counted(&stage);
    assert_eq!(findings, [0; 3], "WEFT_SEED={seed}");
    assert!(checked > 1_000, "{checked}");
}

/// Ends the threads, also when the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

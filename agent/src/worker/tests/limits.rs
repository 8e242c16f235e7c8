//! What a port may use, and that a neighbour does not pay for it.

use super::stage::Stage;
use super::topology::{arp_entry, arp_request, dhcp_host, dhcp_look_alike, frame, mac, put};
use crate::hot::{Event, Limits};

#[test]
fn a_port_with_too_many_flows_loses_its_oldest_and_its_neighbour_none() {
    let limits = Limits {
        flows_per_port: 5,
        connections_per_zone: 1,
        punts_per_port: 3,
        fragments_per_port: 100,
        logs_per_port: 1,
        log_burst: 2,
    };
    let stage = Stage::with_limits(2, limits);
    stage.acquaint(&[1, 2]);
    let neighbours = stage.flow(2, mac(1)).unwrap();
    for n in 50..60 {
        stage.inject(1, &frame(mac(1), mac(n), 1));
    }
    let there = |n| stage.flow(1, mac(n)).is_some();
    assert!(!there(2), "the oldest stayed");
    let left: Vec<u8> = (50..60).filter(|&n| there(n)).collect();
    assert_eq!(left, [55, 56, 57, 58, 59]);
    assert_eq!(stage.counter("flows_evicted"), 6);
    assert_eq!(stage.flow(2, mac(1)), Some(neighbours));
    // An evicted flow comes back with its next packet.
    stage.forget_sent();
    stage.send(1, 2);
    assert_eq!(stage.sent(2).len(), 1);
    assert!(there(2) && !there(55));
    assert_eq!(stage.workers.shared.flow_count(), 6);
}

#[test]
fn each_class_of_punt_has_a_limit_by_port() {
    let mut stage = Stage::new(2);
    stage.change(&[&[put(arp_entry())][..], &dhcp_host(1)].concat());
    let answers = |stage: &Stage, n: u8, count: usize| {
        (0..count).for_each(|_| stage.inject(n, &arp_request(n)));
        let sent = stage.sent(n);
        sent.iter().filter(|frame| frame[12..14] == [8, 6]).count()
    };
    // The first came up by no flow; of those that came by one, the kernel's meter let three through.
    assert_eq!(answers(&stage, 1, 5), 3);
    assert_eq!(stage.drops(1, "punt-limit"), 1);
    assert_eq!(stage.drops(1, "meter-arp"), 1);
    // Another class, another port, and the next second have their own.
    stage.forget_sent();
    for _ in 0..3 {
        stage.inject(1, &dhcp_look_alike(1));
    }
    assert_eq!(stage.sent(2).len(), 3, "handed back, they go on");
    assert_eq!(stage.drops(1, "punt-limit"), 1);
    stage.inject(1, &dhcp_look_alike(1));
    assert_eq!(stage.drops(1, "punt-limit"), 2);
    assert_eq!(answers(&stage, 2, 3), 3);
    assert_eq!(stage.drops(2, "punt-limit"), 0);
    assert_eq!(answers(&stage, 1, 1), 0);
    stage.pass(1_000);
    assert_eq!(answers(&stage, 1, 5), 3);
}

#[test]
fn a_simulation_that_panics_loses_its_packet_and_nothing_else() {
    let mut stage = Stage::new(2);
    stage.acquaint(&[1, 2]);
    let workers = stage.workers.clone();
    let set = workers.ask_all("set", |worker| worker.simulate = fails_for_marked);
    set.unwrap();
    stage.inject(1, &frame(mac(1), mac(MARKED), 1));
    assert_eq!(stage.drops(1, "simulation-failed"), 1);
    assert!(stage.flow(1, mac(MARKED)).is_none());
    // The same worker goes on, and so do its flows.
    stage.inject(1, &frame(mac(1), mac(40), 1));
    assert!(stage.flow(1, mac(40)).is_some());
    stage.send(1, 2);
    assert_eq!(stage.sent(2).len(), 2);
    let events = stage.events();
    let is_lost = |event: &Event| matches!(event, Event::WorkerLost { .. });
    assert!(!events.iter().any(is_lost), "{events:?}");
}

const MARKED: u8 = 66;

fn fails_for_marked(
    snapshot: &weft_topology::Snapshot,
    probe: &mut weft_flowsim::Probe<'_>,
) -> weft_flowsim::Outcome {
    assert!(
        !probe.is_mac(weft_flow::Field::EthDst, mac(MARKED)),
        "this packet is marked"
    );
    weft_flowsim::simulate(snapshot, probe)
}

//! The datapath's meters: made before any flow names them, taken over, counted, and gone with their port.

use weft_flow::Action;
use weft_flowsim::{Metered, PuntClass};
use weft_ovs::{Meter, MeterStats, Meters};

use super::stage::Stage;
use super::topology::{arp_entry, arp_request, mac, put};
use crate::hot::Hot;

const ARP: Metered = Metered::Punt(PuntClass::Arp);

/// A bridge that answers ARP, with two ports.
fn answering() -> Stage {
    let mut stage = Stage::new(2);
    stage.change(&[put(arp_entry())]);
    stage
}

fn meter(stage: &Stage, number: u32, metered: Metered) -> Option<MeterStats> {
    let mut datapath = stage.datapath.clone();
    datapath.meter(metered.meter(number)).unwrap()
}

fn ask(stage: &Stage, n: u8, count: usize) {
    (0..count).for_each(|_| stage.inject(n, &arp_request(n)));
}

#[test]
fn a_port_has_a_meter_of_each_kind_as_long_as_it_is_there() {
    let mut stage = answering();
    let numbers = [stage.number(1), stage.number(2)];
    for number in numbers {
        for metered in Metered::ALL {
            let stats = meter(&stage, number, metered);
            assert_eq!(stats, Some(MeterStats::default()), "{metered:?}");
        }
    }
    ask(&stage, 1, 2);
    let flow = stage.flow(1, mac(0xff));
    assert!(flow.is_none(), "{flow:?}");
    let named: Vec<Action> = stage
        .flows()
        .into_iter()
        .filter_map(|flow| flow.actions.first().cloned())
        .collect();
    assert_eq!(named, [Action::Meter(ARP.meter(numbers[0]))]);
    stage.unplug(1);
    for metered in Metered::ALL {
        assert_eq!(meter(&stage, numbers[0], metered), None);
        assert!(meter(&stage, numbers[1], metered).is_some());
    }
    // What they had dropped is known all the same.
    let all = |stage: &Stage| stage.workers.drops(None).unwrap().len();
    let before = all(&stage);
    stage.plug(1);
    assert_eq!(all(&stage), before);
}

#[test]
fn what_a_meter_drops_is_counted_once_when_its_port_goes_too() {
    let mut stage = answering();
    ask(&stage, 1, 9);
    // One came up by no flow; three of the others passed.
    assert_eq!(stage.drops(1, "meter-arp"), 5);
    assert_eq!(stage.drops(1, "meter-arp"), 5);
    ask(&stage, 1, 2);
    stage.unplug(1);
    assert_eq!(stage.drops(1, "meter-arp"), 7);
}

#[test]
fn the_next_run_counts_what_meters_dropped_since_the_last_note() {
    let mut stage = answering();
    ask(&stage, 1, 9);
    let noted = stage.workers.accounts().unwrap();
    ask(&stage, 1, 4);
    let snapshot = stage.snapshot.clone();
    stage.restart_with(snapshot, noted);
    stage.workers.settle_meters();
    stage.sweep();
    assert_eq!(stage.drops(1, "meter-arp"), 9);
    // Its bucket is full again.
    ask(&stage, 1, 4);
    assert_eq!(stage.drops(1, "meter-arp"), 10);
    // A third one finds what the second has noted.
    let noted = stage.workers.accounts().unwrap();
    let snapshot = stage.snapshot.clone();
    stage.restart_with(snapshot, noted);
    assert_eq!(stage.drops(1, "meter-arp"), 10);
}

#[test]
fn meters_of_a_port_that_went_while_no_agent_ran_go_at_the_next_start() {
    let mut stage = answering();
    let number = stage.number(1);
    stage.workers.stop();
    stage.let_go_unseen(1);
    let snapshot = stage.snapshot.clone();
    stage.restart(snapshot);
    stage.workers.settle_meters();
    assert_eq!(meter(&stage, number, ARP), None);
    assert!(meter(&stage, stage.number(2), ARP).is_some());
}

#[test]
fn where_the_kernel_takes_no_meter_the_process_limits() {
    let mut stage = answering();
    let number = stage.number(2) + 1;
    // Somebody has put a meter where that of the third port belongs.
    let any = Meter { rate: 1, burst: 1 };
    let id = ARP.meter(number) + 1_024;
    stage.datapath.clone().set_meter(id, any).unwrap();
    stage.change(&[put(super::topology::port(3))]);
    assert_eq!(stage.plug(3), number);
    ask(&stage, 3, 9);
    assert_eq!(stage.sent(3).len(), 3);
    assert_eq!(stage.drops(3, "meter-arp"), 0);
    assert_eq!(stage.drops(3, "punt-limit"), 6);
    // Its other meters are there.
    let dhcp = Metered::Punt(PuntClass::Dhcp);
    assert!(meter(&stage, number, dhcp).is_some());
}

#[test]
fn a_datapath_that_was_made_anew_has_the_meters_of_its_ports_and_their_sums_go_on() {
    let mut stage = answering();
    ask(&stage, 1, 9);
    assert_eq!(stage.drops(1, "meter-arp"), 5);
    stage.rebuild();
    assert_eq!(stage.plug(1), 1);
    ask(&stage, 1, 9);
    assert_eq!(stage.drops(1, "meter-arp"), 10);
}

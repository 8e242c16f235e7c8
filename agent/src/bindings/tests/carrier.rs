//! Steps on a datapath in memory.

use std::time::Duration;

use weft_ovs::{Datapath, MemoryDatapath};

use super::bench::{Bench, desired, refusal};
use super::{links, port_id};
use crate::bindings::plan;

#[test]
fn the_hot_path_is_told_before_the_vport_is_there_and_after_it_is_gone_and_the_link_is_up_between()
{
    let mut bench = Bench::new();
    let there = links(&[("tap1", 1)]);
    assert!(bench.settle(&[(1, "tap1")], &there));
    let id = port_id(1);
    let said = [
        format!("attach {id}"),
        "prepare tap1".to_owned(),
        format!("attached {id} 1"),
    ];
    assert_eq!(bench.notes.take(), said);
    assert_eq!(bench.vports(), [("tap1".to_owned(), 1, vec![77])]);
    assert!(!bench.settle(&[(1, "tap1")], &there));
    assert!(bench.settle(&[], &there));
    let said = ["down tap1".to_owned(), format!("detach {id}")];
    assert_eq!(bench.notes.take(), said);
    assert_eq!(bench.vports(), []);
}

#[test]
fn numbers_go_round_and_are_not_used_again_at_once() {
    let mut bench = Bench::new();
    for (index, number) in [(1, 1), (2, 2), (3, 3)] {
        bench.settle(&[(1, "tap1")], &links(&[("tap1", index)]));
        assert_eq!(bench.vports()[0].1, number);
    }
}

#[test]
fn a_failure_whose_interface_is_gone_asks_for_nothing() {
    let mut bench = Bench::new();
    bench.notes.failures.lock().unwrap().push(refusal(false));
    assert!(!bench.settle(&[(1, "tap1")], &links(&[("tap1", 1)])));
    let problem = bench.carrier.problem(port_id(1)).unwrap();
    assert_eq!(problem, "set up tap1: no");
    assert_eq!(bench.vports(), [], "it may not be carried");
    // Not tried again before it is due, nor without its interface. A time in the past here would be a loop.
    bench.settle(&[(1, "tap1")], &links(&[("tap1", 1)]));
    assert!(bench.carrier.problem(port_id(1)).is_some());
    bench.settle(&[(1, "tap1")], &links(&[]));
    assert_eq!(bench.carrier.due(), None);
    assert_eq!(bench.carrier.problem(port_id(1)), None);
    // Another one is tried at once.
    assert!(bench.settle(&[(1, "tap1")], &links(&[("tap1", 2)])));
}

#[test]
fn what_failed_is_tried_again_when_it_is_due_or_asked_for() {
    let mut bench = Bench::new();
    let there = links(&[("tap1", 1)]);
    for asked_for in [false, true] {
        bench.notes.failures.lock().unwrap().push(refusal(false));
        assert!(!bench.settle(&[(1, "tap1")], &there));
        let due = bench.carrier.due().unwrap();
        assert!(due > bench.now);
        if asked_for {
            bench.carrier.forget_failure(port_id(1));
        } else {
            bench.now = due;
        }
        assert!(bench.settle(&[(1, "tap1")], &there));
        assert_eq!(bench.carrier.due(), None);
        bench.settle(&[], &there);
    }
}

#[test]
fn an_interface_that_went_between_look_and_step_is_no_problem_to_tell() {
    let mut bench = Bench::new();
    bench.notes.failures.lock().unwrap().push(refusal(true));
    assert!(!bench.settle(&[(1, "tap1")], &links(&[("tap1", 1)])));
    assert_eq!(bench.carrier.problem(port_id(1)), None);
    // Should no news come, it is tried again.
    assert!(bench.carrier.due().is_some());
    assert!(bench.settle(&[(1, "tap1")], &links(&[("tap1", 2)])));
}

#[test]
fn a_vport_that_the_kernel_made_without_saying_so_is_made_anew() {
    let mut bench = Bench::new();
    let stray = bench.add_vport("tap1", Some(9));
    assert!(bench.settle(&[(1, "tap1")], &links(&[("tap1", 1)])));
    let vports = bench.vports();
    assert_eq!(vports.len(), 1);
    assert_ne!(vports[0].1, stray);
    assert_eq!(vports[0].2, [77]);
}

#[test]
fn a_number_that_somebody_else_has_taken_is_passed_over() {
    let mut bench = Bench::new();
    bench.add_vport("other", Some(1));
    assert!(bench.settle(&[(1, "tap1")], &links(&[("tap1", 1)])));
    let numbers: Vec<u32> = bench.vports().iter().map(|vport| vport.1).collect();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn a_vport_that_somebody_takes_away_is_made_again() {
    let mut bench = Bench::new();
    let there = links(&[("tap1", 1), ("tap2", 2)]);
    let want = [(1, "tap1"), (2, "tap2")];
    bench.settle(&want, &there);
    bench.datapath.remove_device(1).unwrap();
    assert!(bench.carrier.lost(1));
    assert!(!bench.carrier.lost(1));
    bench.datapath.remove_device(2).unwrap();
    // The news of the second were lost.
    assert!(bench.carrier.review().unwrap());
    assert!(bench.settle(&want, &there));
    assert!(!bench.carrier.review().unwrap());
    assert_eq!(bench.vports().len(), 2);
}

#[test]
fn a_datapath_that_is_gone_fails_no_plug() {
    let mut bench = Bench::new();
    bench.datapath.delete_by_stranger();
    assert!(!bench.settle(&[(1, "tap1")], &links(&[("tap1", 1)])));
    let datapath = MemoryDatapath::new("weft");
    bench.carrier.rebuilt(datapath.fork().unwrap());
    assert!(bench.settle(&[(1, "tap1")], &links(&[("tap1", 1)])));
}

#[test]
fn an_mtu_is_set_when_the_wish_for_it_changes() {
    let mut bench = Bench::new();
    let there = links(&[("tap1", 1)]);
    bench.settle(&[(1, "tap1")], &there);
    bench.notes.take();
    let mut want = desired(&[(1, "tap1")]);
    want.get_mut(&port_id(1)).unwrap().mtu = Some(1400);
    for said in [vec!["mtu tap1 1400".to_owned()], vec![]] {
        let steps = plan(&want, &there, bench.carrier.carried());
        bench.carrier.execute(steps, &there, bench.now);
        assert_eq!(bench.notes.take(), said);
    }
}

#[test]
fn of_a_former_run_what_is_wanted_stays_and_the_rest_goes() {
    let mut bench = Bench::new();
    for (interface, number) in [("tap1", 4), ("tap2", 5), ("tap3", 6)] {
        bench.add_vport(interface, Some(number));
    }
    bench.put_flow(4, 9);
    let ports = bench.datapath.ports().unwrap();
    let index = |name: &str| {
        ports
            .iter()
            .find(|port| port.name == name)
            .unwrap()
            .ifindex
            .unwrap()
    };
    // The third is another interface of the old name.
    let there = links(&[
        ("tap1", index("tap1")),
        ("tap2", index("tap2")),
        ("tap3", 99),
    ]);
    bench
        .carrier
        .adopt(&desired(&[(1, "tap1"), (3, "tap3")]), &there)
        .unwrap();
    assert_eq!(bench.vports(), [("tap1".to_owned(), 4, vec![77])]);
    let id = port_id(1);
    let said = [
        format!("attach {id}"),
        "prepare tap1".to_owned(),
        format!("attached {id} 4"),
        "down tap2".to_owned(),
        "down tap3".to_owned(),
    ];
    assert_eq!(bench.notes.take(), said);
    // New numbers begin above all that flows name.
    bench.settle(&[(1, "tap1"), (3, "tap3")], &there);
    assert_eq!(bench.carrier.carried()[&port_id(3)].number, 10);
    assert!(
        bench
            .carrier
            .due()
            .is_none_or(|due| due <= bench.now + Duration::from_secs(60))
    );
}

//! Flows against changes of the topology, of learned tables, of ports, and against dumps.

use weft_flow::{Action, Field};
use weft_ovs::Datapath;

use super::super::stage::Stage;
use super::super::topology::{frame, mac, port, port_id, put};
use super::{are_right, in_force, inject, join, schedules};
use crate::hot::Hot;
use crate::sync::{model, spawn};
use crate::worker::sweep::Sweeper;

/// The worker reads the counter of its bell before it empties its inbox; the other way round, what comes in between
/// would wait for the next message.
#[test]
fn no_message_waits_in_the_inbox_of_a_worker_that_sleeps() {
    model(schedules(1_000), || {
        let stage = Stage::new(0);
        let ask = |_| {
            let workers = stage.workers.clone();
            let asks = move || {
                for worker in [0, 1, 0] {
                    assert_eq!(workers.ask(worker, |worker| worker.index), Some(worker));
                }
            };
            spawn("asker", asks).unwrap()
        };
        join([0, 1].map(ask));
    });
}

/// Snapshot and tags come by the inbox, which is read between two batches only; and a change is in force when the last
/// worker is past it.
#[test]
fn no_flow_of_the_old_topology_is_left_when_the_new_one_is_in_force() {
    model(schedules(400), || {
        let mut stage = Stage::new(3);
        stage.send(3, 1);
        let number = stage.number(3);
        let talk = |n| inject(&stage, n, vec![frame(mac(n), mac(3), n); 2]);
        let talks = [1, 2].map(talk);
        let mut down = port(3);
        down.admin_state_up = false;
        in_force(&mut stage, &[put(down)]);
        for flow in stage.flows() {
            assert!(!flow.actions.contains(&Action::Output(number)), "{flow:#?}");
        }
        join(talks);
        stage.settle();
        are_right(&stage);
    });
}

/// Who changes an entry announces it afterwards; who judged by the old one has its flow in its table by then.
#[test]
fn flows_follow_a_station_that_moves_while_they_are_made() {
    model(schedules(400), || {
        let stage = Stage::new(3);
        // Its worker is not that of the two ports between which the station moves.
        let from = 2;
        stage.send(1, from);
        let threads = [
            inject(&stage, from, vec![frame(mac(from), mac(1), 1); 2]),
            inject(&stage, 3, vec![frame(mac(1), mac(from), 2)]),
            inject(&stage, 1, vec![frame(mac(1), mac(9), 3)]),
        ];
        join(threads);
        stage.settle();
        are_right(&stage);
    });
}

/// What a worker deletes while a dump runs, the dump may still name.
#[test]
fn a_flow_that_is_deleted_while_a_dump_names_it_is_not_taken_for_an_unknown_one() {
    model(schedules(400), || {
        let stage = Stage::new(2);
        stage.send(1, 2);
        stage.send(2, 1);
        let (shared, fork) = (
            stage.workers.shared.clone(),
            stage.contended().fork().unwrap(),
        );
        let mut sweeper = Sweeper::new(shared, fork);
        let sweeps = move || (0..2).for_each(|_| sweeper.sweep().unwrap());
        let sweeps = spawn("sweeper", sweeps).unwrap();
        let learned = &stage.workers.shared.learned;
        for n in [2, 1] {
            stage.workers.shared.touch(learned.forget_port(port_id(n)));
        }
        join([sweeps]);
        stage.settle();
        are_right(&stage);
    });
}

/// Detaching deletes the flows of the number before it returns.
#[test]
fn a_number_is_free_of_its_former_port_when_another_gets_it() {
    model(schedules(400), || {
        let mut stage = Stage::new(2);
        stage.send(1, 2);
        let number = stage.number(2);
        let talks = inject(&stage, 2, vec![frame(mac(2), mac(1), 1); 2]);
        // The device is there still: its frames come up to the end.
        stage.workers.detach(port_id(2));
        for flow in stage.flows() {
            assert_ne!(flow.key.u32(Field::InPort), Some(number), "{flow:#?}");
        }
        join([talks]);
        stage.forget_port(2);
        let mut down = port(3);
        down.admin_state_up = false;
        stage.change(&[put(down)]);
        assert_eq!(stage.plug(3), number);
        stage.send(3, 1);
        are_right(&stage);
    });
}

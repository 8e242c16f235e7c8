//! The races that the heads of these modules list, each with what is promised of it: the hot path as it is, its threads
//! made a model checker's ([`crate::sync`]), under many schedules drawn at random. What was taken
//! out to see them fail stands in docs/testing.md.
//!
//! Time stands still in them; a thread that waits for what never comes runs out of steps.

mod connections;
pub(super) mod contended;
mod flows;

use weft_flowsim::{Probe, Scratch, simulate};
use weft_topology::{Change, Epoch};

use super::stage::Stage;
use crate::hot::Event;
use crate::sync::{JoinHandle, patiently, spawn};
use crate::worker::ports::without_pid;

/// Of each test; `PROPTEST_CASES` asks for more.
fn schedules(usually: usize) -> usize {
    let given = std::env::var("PROPTEST_CASES").ok();
    let given = given.and_then(|text| text.parse::<usize>().ok());
    given.map_or(usually, |given| given.max(usually))
}

/// Frames come in by a port, one after the other, while other things happen. One for which the port is gone is lost.
fn inject(stage: &Stage, n: u8, frames: Vec<Vec<u8>>) -> JoinHandle<()> {
    let (datapath, number) = (stage.datapath.clone(), stage.number(n));
    let work = move || {
        for frame in frames {
            crate::sync::point();
            let _ = datapath.inject(number, &frame);
        }
    };
    spawn("injector", work).unwrap()
}

fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Waits until a change is in force.
fn in_force(stage: &mut Stage, changes: &[Change]) -> Epoch {
    let epoch = stage.begin_to_change(changes);
    patiently(|| {
        let event = stage.events.try_recv().ok()?;
        assert!(!matches!(event, Event::WorkerLost { .. }), "{event:?}");
        (event == Event::EpochDone(epoch)).then_some(epoch)
    })
}

/// Every flow in the kernel is what a judgement of now makes of its key, and the workers know all of them.
fn are_right(stage: &Stage) {
    let flows = stage.flows();
    for flow in &flows {
        let (mut scratch, learned) = (Scratch::new(), &stage.workers.shared.learned);
        let mut probe = Probe::new(&flow.key, &[], learned, stage.now(), &mut scratch);
        let outcome = simulate(&stage.snapshot, &mut probe);
        let installed = without_pid(&flow.actions);
        assert!(
            outcome.upholds(&installed, &flow.mask),
            "{flow:#?}\n{outcome:#?}"
        );
    }
    assert_eq!(stage.workers.shared.flow_count(), flows.len());
}

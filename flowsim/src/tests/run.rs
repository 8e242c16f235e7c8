//! Carries outcomes out on a frame's bytes, as worker and kernel do.

use std::collections::BTreeMap;
use std::time::Duration;

use weft_evaluator::World;
use weft_flow::{Action, FlowKey};
use weft_topology::Snapshot;

use super::extract::extract;
use super::net::{Table, snapshot};
use crate::stages::{STAGES, Stage};
use crate::walk::Purpose;
use crate::{Effect, Outcome, Probe, Reason, Scratch, Time, simulate};

/// What became of a frame.
#[derive(Debug)]
pub(crate) struct Seen {
    /// The first verdict.
    pub(crate) outcome: Outcome,
    /// The verdict on the packet that was brought up for a local service.
    pub(crate) served: Option<Outcome>,
    /// The frames that left, by datapath port.
    pub(crate) outputs: BTreeMap<u32, Vec<u8>>,
    /// The frame sent in answer, by datapath port.
    pub(crate) answer: Option<(u32, Vec<u8>)>,
}

impl Seen {
    /// The reason in the end.
    pub(crate) fn reason(&self) -> Reason {
        self.last().reason
    }

    /// The verdict on the packet.
    pub(crate) fn last(&self) -> &Outcome {
        self.served.as_ref().unwrap_or(&self.outcome)
    }
}

/// A simulation from a key alone.
pub(crate) fn judge(world: &World, snapshot: &Snapshot, key: &FlowKey, now: Duration) -> Outcome {
    let (table, mut scratch) = (Table(world), Scratch::new());
    let mut probe = Probe::new(key, &[], &table, time(now), &mut scratch);
    simulate(snapshot, &mut probe)
}

/// A frame's way, `None` where the kernel drops it unseen.
pub(crate) fn send(world: &World, in_port: u32, frame: &[u8]) -> Option<Seen> {
    send_through(
        STAGES,
        world,
        &snapshot(world),
        in_port,
        frame,
        Duration::ZERO,
    )
}

/// A frame's way through any list of stages.
pub(crate) fn send_through(
    stages: &[Stage],
    world: &World,
    snapshot: &Snapshot,
    in_port: u32,
    frame: &[u8],
    now: Duration,
) -> Option<Seen> {
    let key = extract(frame, in_port)?;
    let (table, mut scratch) = (Table(world), Scratch::new());
    let mut probe = Probe::new(&key, frame, &table, time(now), &mut scratch);
    let mut run = |purpose| crate::simulate::run(stages, snapshot, &mut probe, purpose);
    let outcome = run(Purpose::Judge);
    let served = outcome.punt().map(|_| run(Purpose::Serve));
    let last = served.as_ref().unwrap_or(&outcome);
    let answer = last.effects.iter().find_map(|effect| match effect {
        Effect::Answer { port, frame, .. } => {
            Some((snapshot.local_by_port(*port)?.number, frame.clone()))
        }
        _ => None,
    });
    let outputs = execute(&last.actions, frame);
    Some(Seen {
        outcome,
        served,
        outputs,
        answer,
    })
}

fn execute(actions: &[Action], frame: &[u8]) -> BTreeMap<u32, Vec<u8>> {
    let (mut frame, mut outputs) = (frame.to_vec(), BTreeMap::new());
    for action in actions {
        match action {
            Action::Output(number) => {
                let twice = outputs.insert(*number, frame.clone());
                assert!(twice.is_none(), "two copies to port {number}");
            }
            Action::PopVlan => drop(frame.drain(12..16)),
            other => panic!("{other:?} is no action on a frame of layer 2"),
        }
    }
    outputs
}

fn time(now: Duration) -> Time {
    Time(now.as_millis().try_into().unwrap())
}

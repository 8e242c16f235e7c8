//! Carries outcomes out on a frame's bytes, as worker and kernel do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use weft_evaluator::{Arrival, Connection, World};
use weft_flow::present::ct_state;
use weft_flow::{Action, Field, FlowKey};
use weft_topology::Snapshot;

use super::extract::extract;
use super::net::{Table, snapshot};
use crate::stages::{STAGES, Stage};
use crate::walk::Purpose;
use crate::{
    CUT, Conversation, Effect, Logged, Outcome, Pass, Probe, Reason, Scratch, Time, simulate,
};

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
    judge_in(&mut Scratch::new(), world, snapshot, key, now)
}

/// The same in memory that is used again.
pub(crate) fn judge_in(
    scratch: &mut Scratch,
    world: &World,
    snapshot: &Snapshot,
    key: &FlowKey,
    now: Duration,
) -> Outcome {
    let table = Table(world);
    let mut probe = Probe::new(key, &[], &table, time(now), scratch);
    simulate(snapshot, &mut probe)
}

/// A frame's way, `None` where the kernel drops it unseen.
pub(crate) fn send(world: &World, in_port: u32, frame: &[u8]) -> Option<Seen> {
    send_through(
        STAGES,
        world,
        &snapshot(world),
        (in_port, frame, Arrival::default()),
        Duration::ZERO,
    )
}

/// A frame's way through any list of stages.
pub(crate) fn send_through(
    stages: &[Stage],
    world: &World,
    snapshot: &Snapshot,
    (in_port, frame, known): (u32, &[u8], Arrival),
    now: Duration,
) -> Option<Seen> {
    let (table, mut scratch) = (Table(world), Scratch::new());
    let mut frame = frame.to_vec();
    let mut key = extract(&frame, in_port)?;
    if known.came_in_fragments {
        let local = snapshot.local_by_number(in_port);
        let zone = local.map_or(1, |local| local.zone());
        look_up(&mut key, snapshot, zone, known);
    }
    let mut passes = 0;
    let (outcome, served) = loop {
        let mut probe = Probe::new(&key, &frame, &table, time(now), &mut scratch);
        let mut run = |purpose| crate::simulate::run(stages, snapshot, &mut probe, purpose);
        let outcome = run(Purpose::Judge);
        let served = outcome.punt().map(|_| run(Purpose::Serve));
        let last = served.as_ref().unwrap_or(&outcome);
        let Some(pass) = pass_of(last) else {
            break (outcome, served);
        };
        if pass.was_fragment && !known.came_in_fragments {
            // The kernel puts it together with others.
            break (outcome, served);
        }
        if last.actions.first() == Some(&Action::PopVlan) {
            frame.drain(12..16);
        }
        key = extract(&frame, in_port)?;
        look_up(&mut key, snapshot, pass.zone, known);
        passes += 1;
        assert!(passes < 4, "it is looked up again and again: {outcome:?}");
    };
    let last = served.as_ref().unwrap_or(&outcome);
    let answer = last.effects.iter().find_map(|effect| match effect {
        Effect::Answer { port, frame, .. } => {
            Some((snapshot.local_by_port(*port)?.number, frame.clone()))
        }
        _ => None,
    });
    let outputs = match pass_of(last) {
        None => execute(&last.actions, &frame),
        Some(_) => BTreeMap::new(),
    };
    Some(Seen {
        outcome,
        served,
        outputs,
        answer,
    })
}

/// The pass for which an outcome looks the packet up.
fn pass_of(outcome: &Outcome) -> Option<Pass> {
    match outcome.actions[..] {
        [.., Action::Ct(ref ct), Action::Recirc(id)] => {
            let pass = Pass::of(id).unwrap();
            assert_eq!((ct.zone, ct.commit), (pass.zone, false));
            Some(pass)
        }
        _ => None,
    }
}

/// What the kernel adds to the key of a packet that it looked up.
fn look_up(key: &mut FlowKey, snapshot: &Snapshot, zone: u16, known: Arrival) {
    let was_fragment = known.came_in_fragments;
    let state = match known.connection {
        Connection::Original => ct_state::NEW,
        Connection::Admitted => ct_state::ESTABLISHED,
        Connection::Return | Connection::ReturnCut => ct_state::ESTABLISHED | ct_state::REPLY,
        Connection::Invalid => ct_state::INVALID,
    };
    let mark = match known.connection {
        Connection::ReturnCut => CUT | 7,
        Connection::Original if !known.is_entered => 0,
        Connection::Admitted => {
            let number = key.u32(Field::InPort).unwrap_or(0);
            let local = snapshot.local_by_number(number);
            local.map_or(7, |local| Conversation::of_key(local.port, key).mark())
        }
        _ => 7,
    };
    let pass = Pass { zone, was_fragment };
    key.set(Field::RecircId, pass.recirc_id().into());
    key.set(Field::CtState, (state | ct_state::TRACKED).into());
    key.set(Field::CtZone, zone.into());
    key.set(Field::CtMark, mark.into());
}

/// The key of a frame in its first pass or a later one: half of the frames each.
pub(crate) fn key_of_some_pass(
    snapshot: &Snapshot,
    in_port: u32,
    frame: &[u8],
    known: Arrival,
) -> Option<FlowKey> {
    let mut key = extract(frame, in_port)?;
    if !frame.len().is_multiple_of(2) || known.came_in_fragments {
        // Now and then a zone that is not the ingress port's.
        let other = 1 + u32::from(frame.len().is_multiple_of(3));
        let local = snapshot.local_by_number(in_port.div_ceil(other));
        look_up(
            &mut key,
            snapshot,
            local.map_or(1, |local| local.zone()),
            known,
        );
    }
    Some(key)
}

/// The zones in which a packet enters its connection.
pub(crate) fn commits(outcome: &Outcome) -> BTreeSet<u16> {
    let zones = outcome.actions.iter().filter_map(|action| match action {
        Action::Ct(ct) if ct.commit => Some(ct.zone),
        _ => None,
    });
    zones.collect()
}

/// What the log is told of a packet: with the flow that it met, and when a service had it.
pub(crate) fn logged(seen: &Seen) -> Vec<Logged> {
    let outcomes = [Some(&seen.outcome), seen.served.as_ref()];
    let copies = outcomes
        .into_iter()
        .flatten()
        .filter_map(|outcome| Logged::copy_in(&outcome.actions));
    let said = copies.flat_map(|copy| match copy {
        Action::Clone(inner) => match &inner[..] {
            [Action::Meter(_), Action::Userspace(up)] => {
                Logged::of_userdata(&up.userdata).unwrap().collect()
            }
            other => panic!("{other:?} is no copy for the log"),
        },
        _ => Vec::new(),
    });
    let said: Vec<Logged> = said.collect();
    let mut once = said.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), said.len(), "logged twice: {said:?}");
    once
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
            Action::Ct(_) | Action::Clone(_) => {}
            other => panic!("{other:?} is no action on a frame of layer 2"),
        }
    }
    outputs
}

fn time(now: Duration) -> Time {
    Time(now.as_millis().try_into().unwrap())
}

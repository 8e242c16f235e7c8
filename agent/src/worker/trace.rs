//! A frame's walk, as the next upcall would be, through all its passes. It changes nothing.
//!
//! Where the kernel would look the packet up in a connection table, the table's answer is what was asked for; else what
//! the table says now, which is asked. Of a fragment it has nothing to say before the others are there: then it is what
//! the frame looks like, the beginning of a connection, or the answer that SYN and ACK together are.

use weft_flow::present::ct_state;
use weft_flow::text::{Actions, Flow};
use weft_flow::{Action, Field, FlowKey};
use weft_flowsim::{Conversation, Effect, Install, Outcome, Pass, Probe, Scratch, serve, simulate};
use weft_ovs::conntrack::Word;
use weft_ovs::extract::extract;
use weft_topology::Snapshot;
use weft_topology::id::PortId;
use weft_wire::control::{Connection, TracePass, TraceResult, TraceStep};

use super::foresee::guess;
use super::passes::{Answer, advance, pass_of};
use super::query::{in_words, with_name};
use super::run::Worker;
use crate::hot::HotError;

/// A packet comes again so often at most.
const MOST_PASSES: usize = 4;
/// Bytes of an Ethernet header with a tag.
const VLAN_HEADERS: usize = 18;
/// What the kernel has in the key of every packet beside its headers: 0 before a connection table has said something.
const METADATA: [Field; 7] = [
    Field::DpHash,
    Field::SkbPriority,
    Field::SkbMark,
    Field::CtState,
    Field::CtZone,
    Field::CtMark,
    Field::CtLabels,
];

impl Worker {
    /// Walks a frame that comes in by a port.
    pub(super) fn trace(
        &mut self,
        port: PortId,
        frame: &[u8],
        connection: Option<Connection>,
    ) -> Result<TraceResult, HotError> {
        let local = self
            .snapshot
            .local_by_port(port)
            .ok_or(HotError::NoSuchPort {
                attempt: "trace a frame",
                port,
            })?;
        let mut key = extract(frame).ok_or_else(|| HotError::BadFrame {
            reason: format!("{} bytes are no Ethernet frame", frame.len()),
        })?;
        key.set(Field::InPort, u128::from(local.number))
            .set(Field::RecircId, 0);
        for field in METADATA {
            key.set(field, 0);
        }
        // As the next pass has it: a tag that was taken off is off.
        let mut whole = frame.to_vec();
        let (mut steps, mut passes) = (Vec::new(), Vec::new());
        let last = loop {
            let outcome = self.walk(&key, frame, &mut steps);
            passes.push(pass(&key, &outcome.0));
            // What a service hands back goes on as its own verdict says.
            let last = outcome.1.as_ref().unwrap_or(&outcome.0);
            let next = pass_of(last).filter(|_| passes.len() < MOST_PASSES);
            let Some(next) = next else { break outcome };
            if last.actions.first() == Some(&Action::PopVlan) && whole.len() > VLAN_HEADERS {
                whole.drain(12..16);
            }
            let word = match connection {
                Some(_) => None,
                None => self.word(next.zone, &whole),
            };
            let answer = match (connection, word) {
                (Some(connection), _) => Answer::from(connection),
                (None, Some(word)) => Answer::from(word),
                (None, None) => guess(&key),
            };
            let how = match word {
                Some(_) => "as it is now",
                None => "assumed; say --connection for another answer",
            };
            let said = match word {
                Some(word) if answer == Answer::New && word.mark != 0 => {
                    let zone = next.zone;
                    format!("and zone {zone} knows its connection, which nobody has answered")
                }
                _ => said(answer, next),
            };
            steps.push(aside(format!("comes again, {said} ({how})")));
            advance(&mut key, last, next, answer);
            if let Some(word) = word {
                key.set(Field::CtState, word.state.into());
                key.set(Field::CtMark, word.mark.into());
            } else if answer == Answer::Established {
                // As the flow that let it in has written.
                let mark = Conversation::of_key(port, &key).mark();
                key.set(Field::CtMark, mark.into());
            }
        };
        let (outcome, served) = &last;
        let last = served.as_ref().unwrap_or(outcome);
        let first = passes.first();
        Ok(TraceResult {
            steps,
            reason: with_name(last.reason, &self.snapshot),
            outputs: outputs(last, &self.snapshot),
            flow: first.and_then(|pass| pass.flow.clone()),
            actions: first.map(|pass| pass.actions.clone()).unwrap_or_default(),
            recirculations: u32::try_from(passes.len() - 1).unwrap_or(u32::MAX),
            passes,
        })
    }

    /// What a zone says of a frame now; none if it cannot be asked.
    fn word(&self, zone: u16, frame: &[u8]) -> Option<Word> {
        let asked = self
            .datapath
            .conntrack()
            .and_then(|mut table| Word::of(table.as_mut(), zone, frame));
        let failed = |error| tracing::debug!(zone, %error, "a trace cannot ask for a connection");
        asked.map_err(failed).ok().flatten()
    }

    /// One pass: the verdict, and that of the local service that takes the packet.
    fn walk(
        &self,
        key: &FlowKey,
        frame: &[u8],
        steps: &mut Vec<TraceStep>,
    ) -> (Outcome, Option<Outcome>) {
        let (now, mut scratch) = (self.now(), Scratch::new());
        let (snapshot, learned) = (&self.snapshot, &self.shared.learned);
        let mut walk = |judge: fn(&Snapshot, &mut Probe<'_>) -> Outcome| {
            let mut steps = Vec::new();
            let probe = Probe::new(key, frame, learned, now, &mut scratch);
            let outcome = judge(snapshot, &mut probe.with_trace(&mut steps));
            let in_words = |step| in_words(step, snapshot);
            let steps: Vec<TraceStep> = steps.iter().map(in_words).collect();
            (outcome, steps)
        };
        let (outcome, walked) = walk(simulate);
        // What the flow sends up is judged again, by its bytes; where the two walks part is of interest.
        let served = outcome.punt().map(|class| {
            let (served, again) = walk(serve);
            let same = walked.iter().zip(&again).take_while(|(a, b)| a == b);
            let parted = same.count();
            steps.extend(walked.iter().cloned());
            if parted < again.len() {
                let what = format!("comes up to {}, which reads its bytes", class.name());
                steps.push(aside(what));
                steps.extend(again.into_iter().skip(parted));
            }
            served
        });
        if served.is_none() {
            steps.extend(walked);
        }
        (outcome, served)
    }
}

fn aside(what: String) -> TraceStep {
    TraceStep {
        object: String::new(),
        name: None,
        what,
    }
}

impl From<Connection> for Answer {
    fn from(connection: Connection) -> Self {
        match connection {
            Connection::New => Answer::New,
            Connection::Established => Answer::Established,
            Connection::Reply => Answer::Reply,
            Connection::Related => Answer::Related,
            Connection::Invalid => Answer::Invalid,
        }
    }
}

impl From<Word> for Answer {
    fn from(word: Word) -> Self {
        let is = |bit| word.state & bit != 0;
        match () {
            () if is(ct_state::INVALID) => Answer::Invalid,
            () if is(ct_state::RELATED) => Answer::Related,
            () if is(ct_state::REPLY) => Answer::Reply,
            () if is(ct_state::ESTABLISHED) => Answer::Established,
            () => Answer::New,
        }
    }
}

fn said(answer: Answer, pass: Pass) -> String {
    let zone = pass.zone;
    match answer {
        Answer::New => format!("and zone {zone} says that it begins a connection"),
        Answer::Established => format!("and zone {zone} knows its connection"),
        Answer::Reply => format!("and zone {zone} says that it is a reply"),
        Answer::Related => format!("and zone {zone} says that it is an error about a connection"),
        Answer::Invalid => format!("and zone {zone} says that it fits no connection"),
    }
}

fn pass(key: &FlowKey, outcome: &Outcome) -> TracePass {
    let mask = outcome.flow_mask(key);
    let installs = outcome.install == Install::Flow;
    TracePass {
        flow: installs.then(|| Flow { key, mask: &mask }.to_string()),
        actions: Actions(&outcome.actions).to_string(),
    }
}

/// The interfaces that a copy of the packet, or a local service's answer, leaves by.
fn outputs(outcome: &Outcome, snapshot: &Snapshot) -> Vec<String> {
    let sent = outcome.actions.iter().filter_map(|action| match action {
        Action::Output(number) => snapshot.local_by_number(*number),
        _ => None,
    });
    let answered = outcome.effects.iter().filter_map(|effect| match effect {
        Effect::Answer { port, .. } => snapshot.local_by_port(*port),
        Effect::Learn { .. } | Effect::Unanswered { .. } => None,
    });
    sent.chain(answered)
        .map(|local| local.interface.clone())
        .collect()
}

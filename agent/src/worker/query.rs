//! The border's other side: what the control side may ask and tell, in its own words.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use weft_flow::text::{Actions, Flow};
use weft_flow::{Action, Field, Ufid};
use weft_flowsim::{Effect, Install, Outcome, Probe, Reason, Scratch, Step, serve, simulate};
use weft_ovs::Datapath;
use weft_ovs::extract::extract;
use weft_topology::id::PortId;
use weft_topology::{Object, ObjectId, Snapshot, Tag};
use weft_wire::control::{DropInfo, FlowInfo, LearnedInfo, TraceResult, TraceStep};

use super::measure::listed;
use super::pool::Workers;
use super::run::Worker;
use super::words::describe;
use crate::accounts::Accounts;
use crate::flows::learned::LearnedMac;
use crate::hot::{Hot, HotError};
use crate::measures::Measures;

impl Hot for Workers {
    fn attach(&self, port: PortId, _interface: &str) -> Result<Vec<u32>, HotError> {
        self.place(port)
    }

    fn attached(&self, _port: PortId, _number: u32) {
        // The snapshot that follows says it, and to all workers.
    }

    fn detach(&self, port: PortId) {
        self.displace(port);
    }

    fn publish(&self, snapshot: Arc<Snapshot>, tags: Arc<BTreeSet<Tag>>) {
        self.hand_out(snapshot, &tags);
    }

    fn adopt(&self) {
        if let Err(error) = self.start_sweeper() {
            tracing::error!(%error, "flows will not be adopted, nor leave when idle");
        }
    }

    fn rebuilt(&self, datapath: Box<dyn Datapath>) -> Result<(), HotError> {
        self.move_to(datapath)
    }

    fn flows(
        &self,
        port: Option<PortId>,
        each: &mut dyn FnMut(FlowInfo) -> ControlFlow<()>,
    ) -> Result<(), HotError> {
        let snapshot = self.shared.snapshot();
        let mut reasons: HashMap<Ufid, String> = HashMap::new();
        for known in self.ask_all("list flows", |worker| {
            worker
                .table
                .iter()
                .map(|(ufid, flow)| (ufid, flow.reason))
                .collect::<Vec<_>>()
        })? {
            let named = known.into_iter();
            reasons.extend(named.map(|(ufid, reason)| (ufid, with_name(reason, &snapshot))));
        }
        let mut found = Vec::new();
        self.control().flows(&mut |flow| found.extend(flow.ok()))?;
        for flow in found {
            let info = describe(&flow, &snapshot, &reasons);
            if port.is_some() && info.in_port != port {
                continue;
            }
            if each(info).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn drops(&self, port: Option<PortId>) -> Result<Vec<DropInfo>, HotError> {
        let mut drops = self.all_drops()?;
        drops.retain(|(of, _), _| port.is_none() || *of == port);
        Ok(listed(drops))
    }

    fn accounts(&self) -> Result<Accounts, HotError> {
        self.note()
    }

    fn measure(&self) -> Result<Measures, HotError> {
        self.measured()
    }

    fn learned(&self) -> Result<Vec<LearnedInfo>, HotError> {
        let now = self.shared.now();
        let mut entries = self.shared.learned.entries();
        entries.sort_by_key(|entry| (entry.bridge, entry.vlan, entry.mac));
        let info = |entry: LearnedMac| LearnedInfo {
            bridge: entry.bridge.to_string(),
            vlan: entry.vlan,
            mac: entry.mac.to_string(),
            port: entry.port,
            idle_seconds: now.0.saturating_sub(entry.used.0) / 1_000,
        };
        Ok(entries.into_iter().map(info).collect())
    }

    fn trace(&self, port: PortId, frame: &[u8]) -> Result<TraceResult, HotError> {
        const ATTEMPT: &str = "trace a frame";
        let worker = self.owner(port).ok_or(HotError::NoSuchPort {
            attempt: ATTEMPT,
            port,
        })?;
        let frame = frame.to_vec();
        self.ask(worker, move |worker| worker.trace(port, &frame))
            .ok_or(HotError::Stopped { attempt: ATTEMPT })?
    }

    fn counters(&self) -> BTreeMap<String, u64> {
        let mut all: BTreeMap<String, u64> = self
            .shared
            .counters
            .named()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        // What the kernel itself has to say of packets that never came up.
        let info = self.control().info().unwrap_or_default();
        for (name, value) in [
            ("kernel_hits", info.hits),
            ("kernel_misses", info.missed),
            ("upcalls_lost", info.lost),
        ] {
            all.insert(name.to_owned(), value);
        }
        let writes = self.control().writes();
        for (name, value) in [
            ("netlink_puts", writes.puts),
            ("netlink_set_actions", writes.set_actions),
            ("netlink_deletes", writes.deletes),
            ("netlink_executes", writes.executes),
            ("netlink_ports", writes.ports),
            ("netlink_batches", writes.batches),
        ] {
            all.insert(name.to_owned(), value);
        }
        all
    }

    fn pulse(&self) -> Result<(), HotError> {
        self.ask_all("pass the loop", |_| ()).map(drop)
    }

    fn flow_count(&self) -> usize {
        self.shared.flow_count()
    }

    fn stop(&self) {
        self.end();
    }
}

impl Worker {
    /// Walks a frame as an upcall would be, and changes nothing.
    fn trace(&mut self, port: PortId, frame: &[u8]) -> Result<TraceResult, HotError> {
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
        let (now, mut scratch) = (self.now(), Scratch::new());
        let (snapshot, learned) = (&self.snapshot, &self.shared.learned);
        let mut walk = |judge: fn(&Snapshot, &mut Probe<'_>) -> Outcome| {
            let mut steps = Vec::new();
            let probe = Probe::new(&key, frame, learned, now, &mut scratch);
            let outcome = judge(snapshot, &mut probe.with_trace(&mut steps));
            let in_words = |step| in_words(step, snapshot);
            let steps: Vec<TraceStep> = steps.iter().map(in_words).collect();
            (outcome, steps)
        };
        let (outcome, mut steps) = walk(simulate);
        // What the flow sends up is judged again, by its bytes; where the two walks part is of interest.
        let served = outcome.punt().map(|class| {
            let (served, again) = walk(serve);
            let same = steps.iter().zip(&again).take_while(|(a, b)| a == b);
            let parted = same.count();
            if parted < again.len() {
                steps.push(TraceStep {
                    object: String::new(),
                    name: None,
                    what: format!("comes up to {}, which reads its bytes", class.name()),
                });
                steps.extend(again.into_iter().skip(parted));
            }
            served
        });
        let last = served.as_ref().unwrap_or(&outcome);
        let installs = outcome.install == Install::Flow;
        let mask = outcome.flow_mask(&key);
        Ok(TraceResult {
            steps,
            reason: with_name(last.reason, &self.snapshot),
            outputs: outputs(last, &self.snapshot),
            flow: installs.then(|| {
                Flow {
                    key: &key,
                    mask: &mask,
                }
                .to_string()
            }),
            actions: Actions(&outcome.actions).to_string(),
            recirculations: recirculations(&outcome.actions),
        })
    }
}

fn in_words(step: &Step, snapshot: &Snapshot) -> TraceStep {
    let object = step.object.map(|object| object.to_string());
    TraceStep {
        object: object.unwrap_or_default(),
        name: step.object.and_then(|object| name_of(object, snapshot)),
        what: step.what.to_string(),
    }
}

/// The name that people gave an object, if it has one.
fn name_of(object: ObjectId, snapshot: &Snapshot) -> Option<String> {
    match snapshot.object(object).here()? {
        Object::Bridge(bridge) => Some(bridge.name.clone()).filter(|name| !name.is_empty()),
        _ => None,
    }
}

/// A reason, with the name of the bridge that decided behind its id.
fn with_name(reason: Reason, snapshot: &Snapshot) -> String {
    let text = reason.to_string();
    let object = reason.object();
    match object.and_then(|object| Some((object, name_of(object, snapshot)?))) {
        Some((object, name)) => {
            let id = object.id.to_string();
            text.replace(&id, &format!("{id} ({name})"))
        }
        None => text,
    }
}

/// How often the packet is looked up again.
fn recirculations(actions: &[Action]) -> u32 {
    let again = |action: &&Action| matches!(action, Action::Recirc(_));
    u32::try_from(actions.iter().filter(again).count()).unwrap_or(u32::MAX)
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

//! The sweeper: a thread that dumps the kernel's flows now and again and hands each worker what was
//! found on its ports. The first dump after a start is made twice: the keys of flows say where MACs
//! are, and that has to be known again before flows are judged, lest they all turn into floods.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use weft_flowsim::{Effect, Probe, Scratch, Time, simulate};
use weft_ovs::{Datapath, DumpedFlow, Error, FlowName, FlowUsage, Op};
use weft_topology::Tag;

use super::inbox::{Dumped, Message};
use super::shared::Shared;
use crate::flows::learned::Learnt;
use crate::sync::{Receiver, RecvTimeoutError};

/// Time between two dumps.
const PERIOD: Duration = Duration::from_secs(2);
/// After a dump that took long, so many times as long is waited: a large table must not cost a processor.
const REST: u32 = 9;
/// Flows in one message to a worker: it looks at upcalls in between.
const CHUNK: usize = 64;

pub(super) struct Sweeper {
    shared: Arc<Shared>,
    datapath: Box<dyn Datapath>,
    /// Flows that no worker's port claimed in the last dump.
    unclaimed: HashSet<FlowName>,
    /// Whether the workers know the flows of an earlier run: from then on, what names a flow is enough.
    are_adopted: bool,
    /// How many flows of the last dump were not understood.
    bad: usize,
}

/// What a dump finds, by the worker whose port it is of.
struct Found<'a> {
    shared: &'a Shared,
    owners: Arc<HashMap<u32, usize>>,
    chunks: Vec<Vec<Dumped>>,
    unclaimed: HashSet<FlowName>,
}

impl Found<'_> {
    fn add(&mut self, usage: FlowUsage, whole: Option<Box<DumpedFlow>>) {
        let owner = usage.in_port.and_then(|number| self.owners.get(&number));
        let Some((&owner, chunk)) =
            owner.and_then(|owner| Some((owner, self.chunks.get_mut(*owner)?)))
        else {
            self.unclaimed.insert(usage.name);
            return;
        };
        chunk.push(Dumped { usage, whole });
        if chunk.len() == CHUNK {
            let full = std::mem::replace(chunk, Vec::with_capacity(CHUNK));
            self.shared.send(owner, Message::Dumped(full));
        }
    }

    /// Sends what is left; the flows that nobody claims.
    fn end(self) -> HashSet<FlowName> {
        for (owner, chunk) in self.chunks.into_iter().enumerate() {
            if !chunk.is_empty() {
                self.shared.send(owner, Message::Dumped(chunk));
            }
        }
        self.shared.tell_all(|| Message::DumpEnds);
        self.unclaimed
    }
}

impl Sweeper {
    pub(super) fn new(shared: Arc<Shared>, datapath: Box<dyn Datapath>) -> Self {
        Self {
            shared,
            datapath,
            unclaimed: HashSet::new(),
            are_adopted: false,
            bad: 0,
        }
    }

    /// Runs until the other end of `stop` is dropped.
    pub(super) fn run(mut self, stop: &Receiver<()>) {
        if let Err(error) = self.relearn() {
            tracing::warn!(%error, "cannot learn from the flows of an earlier run");
        }
        loop {
            let began = Instant::now();
            if let Err(error) = self.sweep() {
                tracing::warn!(%error, "cannot read the datapath's flows");
            }
            let took = began.elapsed();
            match stop.recv_timeout(PERIOD.max(took * REST)) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Learns where MACs are from the flows that are there; the last used wins.
    pub(super) fn relearn(&mut self) -> Result<(), Error> {
        let snapshot = self.shared.snapshot();
        let learned = &self.shared.learned;
        let now = self.shared.now();
        let mut scratch = Scratch::new();
        let mut seen = Vec::new();
        self.datapath.flows(&mut |found| {
            let Ok(flow) = found else { return };
            let idle = flow.stats.idle.unwrap_or(Duration::MAX);
            let outcome = simulate(
                &snapshot,
                &mut Probe::new(&flow.key, &[], learned, now, &mut scratch),
            );
            seen.extend(outcome.effects.iter().cloned().map(|effect| (idle, effect)));
            scratch.recycle(outcome);
        })?;
        seen.sort_by(|(one, _), (other, _)| other.cmp(one));
        let mut learnt = Vec::new();
        for (idle, effect) in seen {
            if let Effect::Learn {
                bridge,
                vlan,
                mac,
                port,
            } = effect
            {
                let idle = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
                let used = Time(now.0.saturating_sub(idle));
                if learned.learn(bridge, vlan, mac, port, used) == Learnt::Changed {
                    learnt.push(Tag::Mac(bridge, vlan, mac));
                }
            }
        }
        // Packets have come up meanwhile, and their flows may have been made without it.
        self.shared.touch(learnt);
        Ok(())
    }

    pub(super) fn sweep(&mut self) -> Result<(), Error> {
        let now = self.shared.now();
        self.shared.tell_all(|| Message::DumpBegins(now));
        let mut found = Found {
            shared: &self.shared,
            owners: self.shared.owners(),
            chunks: self.shared.postboxes().map(|_| Vec::new()).collect(),
            unclaimed: HashSet::new(),
        };
        let mut bad = Vec::new();
        if self.are_adopted {
            self.datapath.usage(&mut |usage| match usage {
                Ok(usage) => found.add(usage, None),
                Err(broken) => bad.push(broken),
            })?;
        } else {
            self.datapath.flows(&mut |flow| match flow {
                Ok(flow) => found.add(flow.usage(), Some(Box::new(flow))),
                Err(broken) => bad.push(broken),
            })?;
            self.are_adopted = true;
        }
        let unclaimed = found.end();
        for broken in &bad {
            tracing::debug!(error = %broken.error, "a flow in the kernel is not understood");
        }
        if let Some(first) = bad.first().filter(|_| bad.len() != self.bad) {
            tracing::warn!(count = bad.len(), first = %first.error, "flows in the kernel are not understood");
        }
        self.bad = bad.len();
        // A port may have been let go, or taken on, while the dump ran: twice in a row is no accident.
        let lost = unclaimed.intersection(&self.unclaimed).cloned();
        let broken = bad.into_iter().filter_map(|broken| match broken.ufid {
            Some(ufid) => Some(FlowName::Ufid(ufid)),
            None => broken.key.map(FlowName::Key),
        });
        let gone: Vec<FlowName> = lost.chain(broken).collect();
        self.delete(&gone);
        self.unclaimed = unclaimed;
        Ok(())
    }

    fn delete(&mut self, names: &[FlowName]) {
        let op = |name| match name {
            &FlowName::Ufid(ufid) => Op::Delete { ufid },
            FlowName::Key(key) => Op::DeleteUnnamed { key },
        };
        let ops: Vec<Op<'_>> = names.iter().map(op).collect();
        let mut results = Vec::new();
        self.datapath.apply(&ops, &mut results);
        let deleted = results.iter().filter(|result| result.is_ok()).count();
        if deleted > 0 {
            tracing::info!(deleted, "flows of ports that are not ours were deleted");
        }
    }
}

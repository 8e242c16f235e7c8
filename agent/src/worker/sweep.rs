//! The sweeper: a thread that dumps the kernel's flows now and again and hands each worker what was
//! found on its ports. The first dump after a start is made twice: the keys of flows say where MACs
//! are, and that has to be known again before flows are judged, lest they all turn into floods.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};
use weft_flow::{Field, FlowKey, Ufid};
use weft_flowsim::{Effect, Probe, Scratch, Time, simulate};
use weft_ovs::{Datapath, DumpedFlow, Error, Op};

use super::inbox::Message;
use super::shared::Shared;

/// Time between two dumps.
const PERIOD: Duration = Duration::from_secs(2);
/// Flows in one message to a worker: it looks at upcalls in between.
const CHUNK: usize = 64;

pub(super) struct Sweeper {
    shared: Arc<Shared>,
    datapath: Box<dyn Datapath>,
    /// Flows that no worker's port claimed in the last dump.
    unclaimed: HashSet<Name>,
}

/// By what a flow can be deleted.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Name {
    Ufid(Ufid),
    /// Somebody put it without an id.
    Key(Box<FlowKey>),
}

impl Sweeper {
    pub(super) fn new(shared: Arc<Shared>, datapath: Box<dyn Datapath>) -> Self {
        Self {
            shared,
            datapath,
            unclaimed: HashSet::new(),
        }
    }

    /// Runs until the other end of `stop` is dropped.
    pub(super) fn run(mut self, stop: &Receiver<()>) {
        if let Err(error) = self.relearn() {
            tracing::warn!(%error, "cannot learn from the flows of an earlier run");
        }
        loop {
            if let Err(error) = self.sweep() {
                tracing::warn!(%error, "cannot read the datapath's flows");
            }
            match stop.recv_timeout(PERIOD) {
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
        for (idle, effect) in seen {
            if let Effect::Learn {
                bridge,
                vlan,
                mac,
                port,
            } = effect
            {
                let idle = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
                learned.learn(bridge, vlan, mac, port, Time(now.0.saturating_sub(idle)));
            }
        }
        Ok(())
    }

    pub(super) fn sweep(&mut self) -> Result<(), Error> {
        self.shared.tell_all(|| Message::DumpBegins);
        let owners = self.shared.owners();
        let mut chunks: Vec<Vec<DumpedFlow>> =
            self.shared.postboxes().map(|_| Vec::new()).collect();
        let mut unclaimed = HashSet::new();
        let mut bad = Vec::new();
        let shared = &self.shared;
        self.datapath.flows(&mut |found| match found {
            Ok(flow) => {
                let owner = flow
                    .key
                    .u32(Field::InPort)
                    .and_then(|number| owners.get(&number));
                match (
                    owner.and_then(|&owner| Some((owner, chunks.get_mut(owner)?))),
                    flow.ufid,
                ) {
                    (Some((owner, chunk)), _) => {
                        chunk.push(flow);
                        if chunk.len() == CHUNK {
                            shared.send(owner, Message::Dumped(std::mem::take(chunk)));
                        }
                    }
                    (None, Some(ufid)) => drop(unclaimed.insert(Name::Ufid(ufid))),
                    (None, None) => drop(unclaimed.insert(Name::Key(Box::new(flow.key)))),
                }
            }
            Err(broken) => bad.push(broken),
        })?;
        for (owner, chunk) in chunks
            .into_iter()
            .enumerate()
            .filter(|(_, chunk)| !chunk.is_empty())
        {
            self.shared.send(owner, Message::Dumped(chunk));
        }
        self.shared.tell_all(|| Message::DumpEnds);
        for broken in &bad {
            tracing::warn!(error = %broken.error, "a flow in the kernel is not understood");
        }
        // A port may have been let go, or taken on, while the dump ran: twice in a row is no accident.
        let lost = unclaimed
            .iter()
            .filter(|name| self.unclaimed.contains(name))
            .cloned();
        let broken = bad.iter().filter_map(|broken| broken.ufid);
        let gone: Vec<Name> = lost.chain(broken.map(Name::Ufid)).collect();
        self.delete(&gone);
        self.unclaimed = unclaimed;
        Ok(())
    }

    fn delete(&mut self, names: &[Name]) {
        let op = |name| match name {
            &Name::Ufid(ufid) => Op::Delete { ufid },
            Name::Key(key) => Op::DeleteUnnamed { key },
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

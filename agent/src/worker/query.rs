//! The border's other side: what the control side may ask and tell, in its own words.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use weft_flow::Ufid;
use weft_flowsim::{Reason, Step};
use weft_ovs::Datapath;
use weft_topology::id::PortId;
use weft_topology::{Change, Object, ObjectId, Snapshot, Tag};
use weft_wire::control::{Connection, DropInfo, FlowInfo, LearnedInfo, TraceResult, TraceStep};
use weft_wire::impact::{Impact, ImpactResult};
use weft_wire::why::WhyResult;

use super::measure::listed;
use super::meters::MeterBook;
use super::pool::Workers;
use super::tally::Counter;
use super::words::describe;
use crate::accounts::Accounts;
use crate::flows::learned::LearnedMac;
use crate::hot::{Hot, HotError};
use crate::measures::Measures;

impl Hot for Workers {
    fn attach(&self, port: PortId, _interface: &str) -> Result<Vec<u32>, HotError> {
        self.place(port)
    }

    fn attached(&self, port: PortId, number: u32) {
        // The workers hear of it by the snapshot that follows.
        self.limit_zone(port, number);
        self.meter_port(port, number);
    }

    fn detach(&self, port: PortId) {
        self.displace(port);
    }

    fn publish(&self, snapshot: Arc<Snapshot>, tags: Arc<BTreeSet<Tag>>) {
        self.hand_out(snapshot, &tags);
    }

    fn adopt(&self) {
        self.settle_meters();
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

    fn why(&self, port: PortId) -> Result<WhyResult, HotError> {
        self.explain(port)
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

    fn trace(
        &self,
        port: PortId,
        frame: &[u8],
        connection: Option<Connection>,
    ) -> Result<TraceResult, HotError> {
        const ATTEMPT: &str = "trace a frame";
        let worker = self.owner(port).ok_or(HotError::NoSuchPort {
            attempt: ATTEMPT,
            port,
        })?;
        let frame = frame.to_vec();
        self.ask(worker, move |worker| worker.trace(port, &frame, connection))
            .ok_or(HotError::Stopped { attempt: ATTEMPT })?
    }

    fn impact(
        &self,
        changes: &[Change],
        recent: Duration,
        each: &mut dyn FnMut(Impact) -> ControlFlow<()>,
    ) -> Result<ImpactResult, HotError> {
        self.impact_of(changes, recent, each)
    }

    fn counters(&self) -> BTreeMap<String, u64> {
        let mut all: BTreeMap<String, u64> = self
            .shared
            .counters
            .named()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let not_logged = self.metered(MeterBook::not_logged);
        *all.entry(Counter::RulesNotLogged.name().to_owned())
            .or_default() += not_logged;
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

pub(super) fn in_words(step: &Step, snapshot: &Snapshot) -> TraceStep {
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
pub(super) fn with_name(reason: Reason, snapshot: &Snapshot) -> String {
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

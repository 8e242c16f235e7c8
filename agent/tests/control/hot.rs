//! A hot path that only notes what it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::UnboundedSender;
use weft_agent::accounts::Accounts;
use weft_agent::hot::{Event, Hot, HotError, Start};
use weft_agent::measures::{Measures, UPCALL_BOUNDS};
use weft_observe::metrics::Distribution;
use weft_ovs::{Datapath, DatapathInfo, Writes};
use weft_topology::id::PortId;
use weft_topology::{Epoch, Snapshot, Tag};
use weft_wire::control::{Connection, DropInfo, FlowInfo, LearnedInfo, TraceResult};
use weft_wire::why::WhyResult;

/// What it was told, and what it does about it.
#[derive(Default)]
pub(crate) struct Told {
    /// Attached and detached ports, in order.
    pub(crate) ports: Mutex<Vec<String>>,
    pub(crate) snapshot: Mutex<Arc<Snapshot>>,
    /// Epochs are not said to be done while this is set.
    pub(crate) is_slow: AtomicBool,
    waiting: Mutex<Vec<Epoch>>,
    events: Mutex<Option<UnboundedSender<Event>>>,
}

impl Told {
    /// The workers are past all that was published.
    pub(crate) fn catch_up(&self) {
        self.is_slow.store(false, Ordering::Relaxed);
        for epoch in std::mem::take(&mut *self.waiting.lock().unwrap()) {
            self.say(Event::EpochDone(epoch));
        }
    }

    /// As a simulation or a worker says it.
    pub(crate) fn say(&self, event: Event) {
        if let Some(events) = &*self.events.lock().unwrap() {
            // The control side may have ended.
            let _ = events.send(event);
        }
    }

    /// What was attached and detached since this was last asked.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.ports.lock().unwrap())
    }

    fn note(&self, what: String) {
        self.ports.lock().unwrap().push(what);
    }
}

/// Starts one that notes there.
pub(crate) fn start(told: &Arc<Told>, start: Start) -> Result<Arc<dyn Hot>, HotError> {
    *told.events.lock().unwrap() = Some(start.events);
    Ok(Arc::new(Noting(told.clone())))
}

struct Noting(Arc<Told>);

impl Hot for Noting {
    fn attach(&self, _: PortId, _: &str) -> Result<Vec<u32>, HotError> {
        Ok(vec![7])
    }

    fn attached(&self, port: PortId, _: u32) {
        self.0.note(format!("+{port}"));
    }

    fn detach(&self, port: PortId) {
        self.0.note(format!("-{port}"));
    }

    fn publish(&self, snapshot: Arc<Snapshot>, _: Arc<BTreeSet<Tag>>) {
        let epoch = snapshot.epoch();
        *self.0.snapshot.lock().unwrap() = snapshot;
        if self.0.is_slow.load(Ordering::Relaxed) {
            self.0.waiting.lock().unwrap().push(epoch);
        } else {
            self.0.say(Event::EpochDone(epoch));
        }
    }

    fn adopt(&self) {}

    fn rebuilt(&self, _: Box<dyn Datapath>) -> Result<(), HotError> {
        self.0.note("rebuilt".to_owned());
        Ok(())
    }

    fn flows(
        &self,
        _: Option<PortId>,
        each: &mut dyn FnMut(FlowInfo) -> ControlFlow<()>,
    ) -> Result<(), HotError> {
        // As many as are read.
        loop {
            let flow = FlowInfo {
                ufid: "0".repeat(32),
                matches: "in_port(1)".to_owned(),
                actions: "drop".to_owned(),
                summary: String::new(),
                in_port: None,
                packets: 0,
                bytes: 0,
                idle_ms: None,
                reason: "none".to_owned(),
            };
            if each(flow).is_break() {
                return Ok(());
            }
        }
    }

    fn drops(&self, _: Option<PortId>) -> Result<Vec<DropInfo>, HotError> {
        Ok(vec![DropInfo {
            port: None,
            reason: "a \"test\"".to_owned(),
            packets: 3,
        }])
    }

    fn accounts(&self) -> Result<Accounts, HotError> {
        Ok(Accounts::default())
    }

    fn measure(&self) -> Result<Measures, HotError> {
        Ok(Measures {
            datapath: DatapathInfo::default(),
            vports: Vec::new(),
            ports: BTreeMap::new(),
            drops: self.drops(None)?,
            counters: Vec::new(),
            writes: Writes::default(),
            upcall_delay: Distribution::empty(UPCALL_BOUNDS),
            inboxes: vec![0],
            parked_packets: 5,
            parked_bytes: 0,
            flows: 0,
            flow_limit: 1,
            macs: 0,
        })
    }

    fn why(&self, port: PortId) -> Result<WhyResult, HotError> {
        Ok(WhyResult {
            port,
            is_here: false,
            interface: None,
            problem: Some("a test's".to_owned()),
            drops: Vec::new(),
        })
    }

    fn learned(&self) -> Result<Vec<LearnedInfo>, HotError> {
        Ok(Vec::new())
    }

    fn trace(
        &self,
        port: PortId,
        _: &[u8],
        _: Option<Connection>,
    ) -> Result<TraceResult, HotError> {
        Err(HotError::NoSuchPort {
            attempt: "trace",
            port,
        })
    }

    fn impact(
        &self,
        _: &[weft_topology::Change],
        _: std::time::Duration,
        _: &mut dyn FnMut(weft_wire::impact::Impact) -> ControlFlow<()>,
    ) -> Result<weft_wire::impact::ImpactResult, HotError> {
        Ok(weft_wire::impact::ImpactResult::default())
    }

    fn counters(&self) -> BTreeMap<String, u64> {
        [("upcalls".to_owned(), 5)].into()
    }

    fn pulse(&self) -> Result<(), HotError> {
        match self.0.is_slow.load(Ordering::Relaxed) {
            true => Err(HotError::Stopped { attempt: "pulse" }),
            false => Ok(()),
        }
    }

    fn flow_count(&self) -> usize {
        0
    }

    fn stop(&self) {}
}

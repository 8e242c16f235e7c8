//! A carrier on a datapath in memory, with a hot path that only notes what it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use weft_flow::{Action, Field, FlowKey, FlowMask, Ufid};
use weft_ovs::{Datapath, MemoryDatapath, NewVport, Op, PutMode, VportKind};
use weft_topology::id::PortId;
use weft_topology::{Snapshot, Tag};
use weft_wire::control::{Connection, DropInfo, FlowInfo, LearnedInfo, TraceResult};
use weft_wire::why::WhyResult;

use super::port_id;
use crate::accounts::Accounts;
use crate::bindings::{Carrier, Desired, plan};
use crate::hot::{Hot, HotError};
use crate::links::{Link, LinkError, LinkTable, SetLinks};
use crate::measures::Measures;

#[derive(Default)]
pub(super) struct Notes {
    said: Mutex<Vec<String>>,
    /// What the next preparations of interfaces end with.
    pub(super) failures: Mutex<Vec<LinkError>>,
}

impl Notes {
    fn note(&self, what: String) {
        self.said.lock().unwrap().push(what);
    }

    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.said.lock().unwrap())
    }
}

impl Hot for Notes {
    fn attach(&self, port: PortId, _: &str) -> Result<Vec<u32>, HotError> {
        self.note(format!("attach {port}"));
        Ok(vec![77])
    }

    fn attached(&self, port: PortId, number: u32) {
        self.note(format!("attached {port} {number}"));
    }

    fn detach(&self, port: PortId) {
        self.note(format!("detach {port}"));
    }

    fn publish(&self, _: Arc<Snapshot>, _: Arc<BTreeSet<Tag>>) {}
    fn adopt(&self) {}

    fn rebuilt(&self, _: Box<dyn Datapath>) -> Result<(), HotError> {
        Ok(())
    }

    fn flows(
        &self,
        _: Option<PortId>,
        _: &mut dyn FnMut(FlowInfo) -> ControlFlow<()>,
    ) -> Result<(), HotError> {
        Ok(())
    }

    fn drops(&self, _: Option<PortId>) -> Result<Vec<DropInfo>, HotError> {
        Ok(Vec::new())
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

    fn accounts(&self) -> Result<Accounts, HotError> {
        Ok(Accounts::default())
    }

    fn measure(&self) -> Result<Measures, HotError> {
        Err(HotError::Stopped { attempt: "measure" })
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
        BTreeMap::new()
    }

    fn pulse(&self) -> Result<(), HotError> {
        Ok(())
    }

    fn flow_count(&self) -> usize {
        0
    }

    fn stop(&self) {}
}

struct Setter(Arc<Notes>);

impl SetLinks for Setter {
    fn prepare(&self, link: &Link, _: Option<u32>) -> Result<(), LinkError> {
        match self.0.failures.lock().unwrap().pop() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
        .inspect(|()| self.0.note(format!("prepare {}", link.name)))
    }

    fn set_up(&self, link: &Link) -> Result<(), LinkError> {
        self.0.note(format!("up {}", link.name));
        Ok(())
    }

    fn set_down(&self, link: &Link) -> Result<(), LinkError> {
        self.0.note(format!("down {}", link.name));
        Ok(())
    }

    fn set_mtu(&self, link: &Link, mtu: u32) -> Result<(), LinkError> {
        self.0.note(format!("mtu {} {mtu}", link.name));
        Ok(())
    }
}

pub(super) fn refusal(is_gone: bool) -> LinkError {
    LinkError::Refused {
        attempt: "set up",
        interface: "tap1".to_owned(),
        problem: "no".to_owned(),
        is_gone,
    }
}

pub(super) struct Bench {
    pub(super) notes: Arc<Notes>,
    pub(super) datapath: MemoryDatapath,
    pub(super) carrier: Carrier,
    pub(super) now: Instant,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::on(MemoryDatapath::new("weft"))
    }

    pub(super) fn on(datapath: MemoryDatapath) -> Self {
        let notes = Arc::new(Notes::default());
        let setter = Box::new(Setter(notes.clone()));
        let carrier = Carrier::new(datapath.fork().unwrap(), notes.clone(), setter);
        Self {
            notes,
            datapath,
            carrier,
            now: Instant::now(),
        }
    }

    /// As the control side does it.
    pub(super) fn settle(&mut self, want: &[(u32, &str)], links: &LinkTable) -> bool {
        let desired = desired(want);
        self.carrier.retain_failures(&desired, links);
        let steps = plan(&desired, links, self.carrier.carried());
        self.carrier.execute(steps, links, self.now)
    }

    /// A port that is no port of the carrier's.
    pub(super) fn add_vport(&mut self, interface: &str, number: Option<u32>) -> u32 {
        let vport = NewVport {
            name: interface.to_owned(),
            kind: VportKind::Netdev,
            port_no: number,
            upcall_pids: vec![1],
        };
        self.datapath.add_port(&vport).unwrap().port_no
    }

    /// Names, numbers and sockets of the vports, the datapath's own left out.
    pub(super) fn vports(&mut self) -> Vec<(String, u32, Vec<u32>)> {
        let ports = self.datapath.ports().unwrap().into_iter();
        ports
            .filter(|port| port.port_no != 0)
            .map(|port| (port.name, port.port_no, port.upcall_pids))
            .collect()
    }

    pub(super) fn put_flow(&mut self, in_port: u32, output: u32) {
        let (mut key, mut mask) = (FlowKey::new(), FlowMask::new());
        for (field, value) in [
            (Field::InPort, in_port),
            (Field::RecircId, 0),
            (Field::EthType, 0x88b5),
        ] {
            key.set(field, u128::from(value));
            mask.set(field, u128::MAX);
        }
        for field in [Field::EthSrc, Field::EthDst] {
            key.set(field, 1);
        }
        let actions = [Action::Output(output)];
        let put = Op::Put {
            ufid: Ufid::of(&key, &mask),
            key: &key,
            mask: &mask,
            actions: &actions,
            mode: PutMode::Create,
        };
        let mut results = Vec::new();
        self.datapath.apply(&[put], &mut results);
        results.pop().unwrap().unwrap();
    }
}

pub(super) fn desired(of: &[(u32, &str)]) -> BTreeMap<PortId, Desired> {
    let desired = of.iter().map(|&(n, interface)| {
        let want = Desired {
            interface: interface.to_owned(),
            mtu: None,
        };
        (port_id(n), want)
    });
    desired.collect()
}

//! The trait on the datapath in memory.

use std::sync::Arc;

use nix::errno::Errno;
use weft_flow::codec::decode_key;
use weft_flow::{Field, FlowKey, Ufid};

use super::entries::MemoryConntrack;
use super::forward::Packet;
use super::keep::{Kept, Wrong, said, unmasked};
use super::monitor::MemoryMonitor;
use super::ports::LOCAL;
use super::state::State;
use super::table::Id;
use super::upcall::MemoryUpcalls;
use super::{MemoryDatapath, check};
use crate::conntrack::Conntrack;
use crate::counters::Cell;
use crate::datapath::{
    BadFlow, Datapath, DatapathInfo, DumpedFlow, FlowUsage, Op, OpReply, Writes,
};
use crate::error::{Error, What};
use crate::kernel::what;
use crate::monitor::{DatapathEvent, DatapathMonitor};
use crate::upcall::UpcallSource;
use crate::vport::{NewVport, Vport, VportKind};

/// Operations in a batch.
const MAX_OPS: usize = 50;

impl Datapath for MemoryDatapath {
    fn fork(&self) -> Result<Box<dyn Datapath>, Error> {
        Ok(Box::new(Self {
            state: self.state.clone(),
            counters: Arc::new(self.counters.fork()),
        }))
    }

    fn upcall_socket(&self, receive_buffer: usize) -> Result<Box<dyn UpcallSource>, Error> {
        Ok(Box::new(MemoryUpcalls::open(&self.state, receive_buffer)?))
    }

    fn monitor(&self) -> Result<Box<dyn DatapathMonitor>, Error> {
        Ok(Box::new(MemoryMonitor::open(&self.state)?))
    }

    fn conntrack(&self) -> Result<Box<dyn Conntrack>, Error> {
        Ok(Box::new(MemoryConntrack(self.state.clone())))
    }

    fn info(&mut self) -> Result<DatapathInfo, Error> {
        let state = self.lock();
        state.alive(What::GetDatapath)?;
        Ok(state.info())
    }

    fn ports(&mut self) -> Result<Vec<Vport>, Error> {
        let state = self.lock();
        state.alive(What::ListPorts)?;
        Ok(state.ports.list())
    }

    fn add_port(&mut self, port: &NewVport) -> Result<Vport, Error> {
        self.counters.own().ports.add(1);
        let what = What::AddPort(port.name.clone());
        let mut state = self.lock();
        state.alive(what.clone())?;
        if let VportKind::Other(number) = port.kind {
            return Err(Error::Unsupported {
                attempt: Box::new(state.attempt(what)),
                what: format!("ports of kind {number}"),
            });
        }
        let added = state.ports.add(port);
        let added = added.map_err(|errno| state.error(what, errno))?;
        state.happened(DatapathEvent::VportAdded(added.clone()));
        Ok(added)
    }

    fn set_upcall_pids(&mut self, port_no: u32, pids: &[u32]) -> Result<(), Error> {
        self.counters.own().ports.add(1);
        let what = What::SetPort(port_no);
        let mut state = self.lock();
        state.alive(what.clone())?;
        let changed = state.ports.set_pids(port_no, pids);
        let changed = changed.map_err(|errno| state.error(what, errno))?;
        state.happened(DatapathEvent::VportChanged(changed));
        Ok(())
    }

    fn delete_port(&mut self, port_no: u32) -> Result<(), Error> {
        self.counters.own().ports.add(1);
        self.lock().remove_port(port_no)
    }

    fn flows(&mut self, visit: &mut dyn FnMut(Result<DumpedFlow, BadFlow>)) -> Result<(), Error> {
        let dumped: Vec<_> = {
            let state = self.lock();
            state.alive(What::ListFlows)?;
            let now = state.now();
            let entries = state.table.iter();
            entries
                .map(|entry| match (entry.is_spoilt, entry.dumped(now)) {
                    (false, flow) => Ok(flow),
                    (true, flow) => Err(BadFlow {
                        ufid: flow.ufid,
                        key: Some(Box::new(flow.key)),
                        error: Error::Malformed {
                            attempt: Box::new(state.attempt(What::ListFlows)),
                            reason: "spoilt".to_owned(),
                        },
                    }),
                })
                .collect()
        };
        // Unlocked, so that the visitor may use other handles.
        dumped.into_iter().for_each(visit);
        Ok(())
    }

    fn usage(&mut self, visit: &mut dyn FnMut(Result<FlowUsage, BadFlow>)) -> Result<(), Error> {
        let used: Vec<_> = {
            let state = self.lock();
            state.alive(What::ListFlows)?;
            let now = state.now();
            state
                .table
                .iter()
                .map(|entry| entry.dumped(now).usage())
                .collect()
        };
        used.into_iter().map(Ok).for_each(visit);
        Ok(())
    }

    fn flow(&mut self, ufid: Ufid) -> Result<Option<DumpedFlow>, Error> {
        let mut state = self.lock();
        state.alive(What::GetFlow(ufid))?;
        let now = state.now();
        Ok(state.table.named_mut(ufid).map(|entry| entry.dumped(now)))
    }

    fn apply(&mut self, ops: &[Op<'_>], results: &mut Vec<Result<OpReply, Error>>) {
        results.clear();
        let mut state = self.lock();
        for batch in ops.chunks(MAX_OPS) {
            self.counters.own().batches.add(1);
            for op in batch {
                count(self.counters.own(), op);
                results.push(state.apply(op));
            }
        }
    }

    fn writes(&self) -> Writes {
        self.counters.sum()
    }
}

fn count(counters: &Cell, op: &Op<'_>) {
    let counter = match op {
        Op::Put { .. } => &counters.puts,
        Op::SetActions { .. } => &counters.set_actions,
        Op::Delete { .. } | Op::DeleteUnnamed { .. } => &counters.deletes,
        Op::Execute { .. } => &counters.executes,
    };
    counter.add(1);
}

impl State {
    fn apply(&mut self, op: &Op<'_>) -> Result<OpReply, Error> {
        self.alive(what(op))?;
        let wrong = |state: &Self, wrong: Wrong| wrong.error(state.attempt(what(op)));
        let failed = |state: &Self, errno| state.error(what(op), errno);
        let now = self.now();
        match *op {
            Op::Put {
                ufid,
                key,
                mask,
                actions,
                mode,
            } => {
                let kept = Kept::new(key, mask, actions).map_err(|it| wrong(self, it))?;
                let put = self.table.put(Id::Ufid(ufid), kept, mode);
                put.map_err(|errno| failed(self, errno))?;
            }
            Op::SetActions {
                ufid,
                key,
                mask,
                actions,
                anew,
            } => {
                let kept = Kept::change(key, mask, actions).map_err(|it| wrong(self, it))?;
                match self.table.named_mut(ufid) {
                    Some(entry) => {
                        entry.actions = kept.actions.into();
                        let until_now = entry.stats(now);
                        if anew {
                            entry.clear();
                        }
                        return Ok(OpReply::Stats(until_now));
                    }
                    None => return Err(failed(self, Errno::ENOENT)),
                }
            }
            Op::Delete { ufid } => {
                let gone = self.table.remove(ufid);
                let gone = gone.ok_or_else(|| failed(self, Errno::ENOENT))?;
                return Ok(OpReply::Stats(gone.stats(now)));
            }
            Op::DeleteUnnamed { key } => {
                let key = unmasked(key).map_err(|it| wrong(self, it))?;
                let gone = self.table.remove_unnamed(&key);
                let gone = gone.ok_or_else(|| failed(self, Errno::ENOENT))?;
                return Ok(OpReply::Stats(gone.stats(now)));
            }
            Op::Execute {
                packet,
                key_attrs,
                actions,
                mru,
                hash,
            } => {
                let made = self
                    .packet(packet, key_attrs)
                    .map_err(|it| wrong(self, it))?;
                let actions = said(actions).map_err(|it| wrong(self, it))?;
                check::actions(&actions, &made.key).map_err(|it| wrong(self, it))?;
                let hash = hash.unwrap_or(made.hash) & u64::from(u32::MAX);
                let packet = Packet { mru, hash, ..made };
                self.execute(packet, &actions, 1);
            }
        }
        Ok(OpReply::Done)
    }

    /// A packet to execute actions on. Of its key only the metadata count; the rest is read from the
    /// frame.
    fn packet(&self, frame: &[u8], key_attrs: &[u8]) -> Result<Packet, Wrong> {
        let mut metadata: FlowKey = decode_key(key_attrs).map_err(Wrong::refused)?;
        metadata.unknown.clear();
        let in_port = metadata.u32(Field::InPort).unwrap_or(LOCAL);
        if self.ports.get(in_port).is_none() && self.ports.get(LOCAL).is_none() {
            return Err(Wrong::refused("no port"));
        }
        let packet = Packet::new(frame, &metadata);
        packet.ok_or_else(|| Wrong::refused("no Ethernet frame"))
    }
}

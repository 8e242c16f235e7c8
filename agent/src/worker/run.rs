//! A worker's thread: wait, take the inbox, read upcalls in turn, write what came of it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use weft_flow::Ufid;
use weft_flowsim::{Outcome, Probe, Scratch, Time};
use weft_ovs::{Datapath, Error, FlowStats, OpReply, UpcallBuffer, UpcallSource};
use weft_topology::id::PortId;
use weft_topology::{ObjectId, Snapshot, Tag};

use super::batch::{Batch, DropsOf, Write};
use super::history::History;
use super::inbox::{Inbox, Message};
use super::park::Parking;
use super::ports::{PortSlot, Ports};
use super::shared::{Settings, Shared};
use super::tally::{Counter, Lost, Tally};
use crate::flows::table::FlowTable;
use crate::sync;

/// Upcalls that one port may bring before the next port's turn.
const QUANTUM: usize = 16;
/// Sockets looked at in one turn.
const TURN: usize = 64;
/// Writes after which a batch is sent, though more packets wait.
const FULL: usize = 48;
/// The inbox's token; ports count from 1.
const INBOX: u64 = 0;

/// Judges a packet: [`weft_flowsim::simulate`], or a test's own.
pub(super) type Simulate = fn(&Snapshot, &mut Probe<'_>) -> Outcome;

/// One worker.
pub(super) struct Worker {
    pub(super) index: usize,
    pub(super) shared: Arc<Shared>,
    pub(super) settings: Settings,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) datapath: Box<dyn Datapath>,
    pub(super) ports: Ports,
    pub(super) table: FlowTable,
    pub(super) parking: Parking,
    pub(super) tally: Tally,
    pub(super) batch: Batch,
    pub(super) history: History,
    pub(super) scratch: Scratch,
    pub(super) simulate: Simulate,
    /// What the warden was told of: hashes of conversations with the facts that their verdicts have read.
    pub(super) met: HashSet<u64>,
    /// Objects that this worker has asked for since the last snapshot.
    pub(super) asked: HashSet<ObjectId>,
    /// Flows deleted since the dump in progress began: the dump may still name them.
    pub(super) deleted: HashSet<Ufid>,
    /// Flows that began to count anew, under the id that they or another one had until then, and when: a dump
    /// may still tell of the time before.
    pub(super) reborn: HashMap<Ufid, Time>,
    /// The number of the dump in progress, or of the last one.
    pub(super) dump: u32,
    /// When the dump in progress began; the worker heard of it later.
    pub(super) dump_began: Option<Time>,
    /// Packets of the drop flows of an earlier run that were counted by then; empty after the first dump.
    pub(super) counted: Arc<HashMap<Ufid, u64>>,
    /// When the upcalls were read whose writes wait in the batch.
    pub(super) unwritten: Vec<Instant>,
    epoll: Epoll,
    inbox: Inbox,
    results: Vec<Result<OpReply, Error>>,
}

impl Worker {
    pub(super) fn new(
        index: usize,
        shared: Arc<Shared>,
        settings: Settings,
        snapshot: Arc<Snapshot>,
        datapath: Box<dyn Datapath>,
        inbox: Inbox,
    ) -> nix::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(inbox.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, INBOX))?;
        Ok(Self {
            index,
            parking: Parking::new(shared.parked.clone()),
            tally: Tally::new(shared.counters.clone()),
            shared,
            settings,
            snapshot,
            datapath,
            ports: Ports::default(),
            table: FlowTable::default(),
            batch: Batch::default(),
            history: History::default(),
            scratch: Scratch::new(),
            simulate: weft_flowsim::simulate,
            met: HashSet::new(),
            asked: HashSet::new(),
            deleted: HashSet::new(),
            reborn: HashMap::new(),
            dump: 0,
            dump_began: None,
            counted: Arc::default(),
            unwritten: Vec::new(),
            epoll,
            inbox,
            results: Vec::new(),
        })
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self) -> nix::Result<()> {
        let mut buffer = UpcallBuffer::new();
        let mut ready = [EpollEvent::empty(); TURN];
        loop {
            let count = match sync::wait(&self.epoll, &mut ready) {
                Ok(count) => count,
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno),
            };
            for event in ready.iter().take(count) {
                match event.data() {
                    INBOX => self.inbox.woken(),
                    token => self.read_port(token, &mut buffer),
                }
            }
            self.flush();
            // Taken on every turn: new tags must not wait behind a flood of upcalls.
            while let Some(message) = self.inbox.next() {
                if let Message::Stop = message {
                    return Ok(());
                }
                self.take(message);
                self.flush();
            }
        }
    }

    /// One port's turn.
    fn read_port(&mut self, token: u64, buffer: &mut UpcallBuffer) {
        for _ in 0..QUANTUM {
            let Some(slot) = self.ports.get_mut(token) else {
                return;
            };
            let (port, pid) = (slot.port, slot.source.pid());
            let received = slot.source.receive(buffer);
            let overflows = slot.source.overflows();
            let fresh = overflows - slot.overflows;
            slot.overflows = overflows;
            match received {
                Ok(Some(upcall)) => {
                    slot.upcalls += 1;
                    self.on_upcall(port, pid, &upcall);
                }
                Ok(None) => return,
                Err(error) => {
                    self.tally.lost(Some(port), Lost::BadUpcall);
                    tracing::debug!(%port, %error, "upcall not understood");
                }
            }
            if fresh > 0 {
                self.tally.add(Counter::Overflows, fresh);
            }
            if self.batch.len() >= FULL {
                self.flush();
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Attach(port, source) => self.attach(port, source),
            Message::Detach(port) => self.detach(port),
            Message::Publish(snapshot, tags) => self.publish(snapshot, &tags),
            Message::Touch(tags) => self.judge_again(tags.iter()),
            Message::DumpBegins(began) => self.dump_begins(began),
            Message::Dumped(flows) => self.dumped(flows),
            Message::DumpEnds => self.dump_ends(),
            Message::Rebuilt(datapath) => self.rebuilt(datapath),
            Message::Ask(work) => work(self),
            Message::Stop => {}
        }
    }

    fn publish(&mut self, snapshot: Arc<Snapshot>, tags: &BTreeSet<Tag>) {
        self.snapshot = snapshot;
        self.asked.clear();
        self.renumber();
        let here = &self.snapshot;
        self.history
            .retain(|port| here.local_by_port(port).is_some());
        self.judge_again(tags.iter());
        self.judge_parked();
        self.flush();
        self.shared.in_force(self.index, self.snapshot.epoch());
    }

    fn attach(&mut self, port: PortId, source: Box<dyn UpcallSource>) {
        let slot = PortSlot::new(port, source, self.settings, self.now());
        let token = self.ports.insert(slot, &self.snapshot);
        if let Some(slot) = self.ports.get_mut(token) {
            watch(&self.epoll, token, slot);
        }
    }

    /// Takes the ports' numbers from the snapshot, and starts to read those that have one now.
    fn renumber(&mut self) {
        self.ports.renumber(&self.snapshot);
        for (token, slot) in self.ports.iter_mut() {
            watch(&self.epoll, token, slot);
        }
    }

    fn rebuilt(&mut self, datapath: Box<dyn Datapath>) {
        self.datapath = datapath;
        self.ports.clear();
        self.table = FlowTable::default();
        self.counted = Arc::default();
        self.batch.clear();
        self.dump_began = None;
        // The numbers by which their ports are known are other ports' now.
        for parked in self.parking.leave_all() {
            self.tally.lost(Some(parked.port), Lost::ParkedTooLong);
        }
    }

    fn detach(&mut self, port: PortId) {
        let number = self.ports.iter().find(|slot| slot.port == port);
        // What its flows have dropped since they were last looked at is its own, so they go before it does.
        if let Some(number) = number.and_then(|slot| slot.number) {
            for ufid in self.table.of_port(number) {
                self.delete_flow(ufid);
            }
            self.flush();
        }
        if self.ports.remove(port).is_none() {
            return;
        }
        self.tally.port_gone(port);
        // Its socket leaves epoll as it is closed.
        let tags = self.shared.learned.forget_port(port);
        self.announce(tags);
    }

    /// Sends the batch and takes note of what the kernel made of it.
    pub(super) fn flush(&mut self) {
        // What the kernel made of a write may ask for one more: a put for a change, a change for a deletion.
        for _ in 0..3 {
            self.batch.retain_known(&self.table);
            if self.batch.len() == 0 {
                break;
            }
            let mut results = std::mem::take(&mut self.results);
            self.datapath
                .apply(&self.batch.ops(&self.table), &mut results);
            let mut writes = self.batch.clear();
            for (write, result) in writes.drain(..).zip(results.drain(..)) {
                self.written(write, result);
            }
            self.batch.give_back(writes);
            self.results = results;
        }
        self.shared.written(self.index, &mut self.unwritten);
        self.shared.set_flow_count(self.index, self.table.len());
    }

    fn written(&mut self, write: Write, result: Result<OpReply, Error>) {
        match (write, result) {
            (Write::Put(_), Ok(_)) => self.tally.count(Counter::FlowsPut),
            (
                Write::SetActions {
                    ufid,
                    seen,
                    drops,
                    anew,
                },
                Ok(reply),
            ) => {
                self.tally.count(Counter::FlowsChanged);
                if let OpReply::Stats(last) = reply {
                    self.count_drops(drops, seen, last);
                    if let Some(seen) = self.table.stats_mut(ufid) {
                        *seen = if anew { FlowStats::default() } else { last };
                    }
                }
            }
            (Write::Delete { seen, drops, .. }, Ok(reply)) => {
                self.tally.count(Counter::FlowsDeleted);
                if let OpReply::Stats(last) = reply {
                    self.count_drops(drops, seen, last);
                }
            }
            (Write::DeleteUnnamed(_), Ok(_)) => self.tally.count(Counter::FlowsDeleted),
            (Write::Execute(_), Ok(_)) => {}
            (Write::Put(ufid), Err(Error::FlowExists { .. })) => {
                // It is there, by what this worker has forgotten; or another flow covers it, and then there
                // is none of this id to be changed.
                self.batch.push(Write::SetActions {
                    ufid,
                    seen: FlowStats::default(),
                    drops: None,
                    anew: false,
                });
            }
            (Write::Put(ufid), Err(error)) => self.refused(ufid, &error),
            (Write::SetActions { ufid, .. }, Err(error @ Error::NotFound { .. })) => {
                self.refused(ufid, &error);
            }
            (
                Write::SetActions {
                    ufid, seen, drops, ..
                },
                Err(error),
            ) => {
                // The kernel keeps it with the actions that it had, which are wrong.
                self.refused(ufid, &error);
                self.batch.push(Write::Delete { ufid, seen, drops });
            }
            (Write::Delete { .. } | Write::DeleteUnnamed(_), Err(error)) => {
                tracing::debug!(%error, "flow was gone already");
            }
            (Write::Execute(_), Err(error)) => {
                self.tally.lost(None, Lost::NotExecuted);
                tracing::debug!(%error, "packet not sent");
            }
        }
    }

    /// The kernel does not have a flow: neither may the table. The next packet comes up again.
    fn refused(&mut self, ufid: Ufid, error: &Error) {
        self.table.remove(ufid);
        self.tally.count(Counter::FlowsRefused);
        tracing::debug!(%error, "flow not taken");
    }

    /// Packets that a flow met since it was last looked at were dropped for this reason.
    fn count_drops(&mut self, drops: Option<DropsOf>, seen: FlowStats, last: FlowStats) {
        if let Some((port, reason)) = drops {
            let packets = last.packets.saturating_sub(seen.packets);
            self.tally.dropped(port, reason, packets);
            if let Some(port) = port.filter(|_| packets > 0) {
                self.history.more(port, reason, packets);
            }
        }
    }

    /// Takes a flow out of the table and, with the next batch, out of the kernel.
    pub(super) fn delete_flow(&mut self, ufid: Ufid) {
        let Some(gone) = self.table.remove(ufid) else {
            return;
        };
        if self.dump_began.is_some() {
            self.deleted.insert(ufid);
        }
        let drops = gone
            .drops
            .map(|reason| (self.port_of(gone.in_port), reason));
        self.batch.push(Write::Delete {
            ufid,
            seen: gone.stats,
            drops,
        });
    }

    /// The virtual port with a number in the datapath.
    pub(super) fn port_of(&self, number: Option<u32>) -> Option<PortId> {
        Some(self.ports.by_number(number?)?.port)
    }

    /// Announces to all workers that facts have changed.
    pub(super) fn announce(&self, tags: Vec<Tag>) {
        self.shared.touch(tags);
    }

    pub(super) fn now(&self) -> Time {
        self.shared.now()
    }
}

/// Starts to read a port that has a number now.
fn watch(epoll: &Epoll, token: u64, slot: &mut PortSlot) {
    if slot.watched || slot.number.is_none() {
        return;
    }
    match epoll.add(&*slot.source, EpollEvent::new(EpollFlags::EPOLLIN, token)) {
        Ok(()) => slot.watched = true,
        Err(errno) => {
            tracing::error!(port = %slot.port, %errno, "cannot wait for a port's upcalls");
        }
    }
}

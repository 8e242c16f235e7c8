//! Workers on a datapath in memory, and the hand that plugs ports, sends frames and moves the clock.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use weft_flow::{Action, Field, key::mac_to_bits};
use weft_flowsim::Time;
use weft_ovs::{Datapath, DumpedFlow, MemoryDatapath, NewVport, VportKind, Writes};
use weft_topology::{Change, Epoch, LocalPort, MacAddr, Snapshot, Tag};

use super::races::contended::Contended;
use super::topology::{bridge, frame, mac, port, port_id, put};
use crate::accounts::Accounts;
use crate::hot::{Event, Hot, Limits, Start};
use crate::sync::{bounded, point, sleep};
use crate::worker::connections::News;
use crate::worker::pool::{Workers, start_with};
use crate::worker::sweep::Sweeper;

/// Longest time to wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);
const WORKERS: usize = 2;

pub(super) struct Stage {
    pub(super) workers: Arc<Workers>,
    pub(super) datapath: MemoryDatapath,
    pub(super) snapshot: Snapshot,
    pub(super) limits: Limits,
    time: Arc<AtomicU64>,
    sweeper: Sweeper,
    pub(super) events: UnboundedReceiver<Event>,
    local: Vec<LocalPort>,
    revision: u64,
    /// For the next agent.
    accounts: Accounts,
}

impl Stage {
    /// A bridge with ports 1 to `count`, each with a station that has said nothing yet.
    pub(super) fn new(count: u8) -> Self {
        let limits = Limits {
            flows_per_port: 1_000,
            connections_per_zone: 1,
            punts_per_port: 3,
            fragments_per_port: 100,
            logs_per_port: 1,
            log_burst: 2,
        };
        Self::with_limits(count, limits)
    }

    pub(super) fn with_limits(count: u8, limits: Limits) -> Self {
        let time = Arc::new(AtomicU64::new(1_000));
        let datapath = new_datapath(&time);
        let (workers, events) = start(&datapath, &time, limits, Accounts::default());
        let mut stage = Self {
            sweeper: sweeper(&workers, &datapath),
            workers,
            datapath,
            snapshot: Snapshot::default(),
            limits,
            time,
            events,
            local: Vec::new(),
            revision: 0,
            accounts: Accounts::default(),
        };
        let ports = (1..=count).map(|n| put(port(n)));
        stage.change(&[put(bridge())].into_iter().chain(ports).collect::<Vec<_>>());
        for n in 1..=count {
            stage.plug(n);
        }
        stage
    }

    /// A port gets a vport; its number.
    pub(super) fn plug(&mut self, n: u8) -> u32 {
        let interface = format!("tap{n}");
        let upcall_pids = self.workers.attach(port_id(n), &interface).unwrap();
        let vport = NewVport {
            name: interface.clone(),
            kind: VportKind::Netdev,
            port_no: None,
            upcall_pids,
        };
        let number = self.datapath.add_port(&vport).unwrap().port_no;
        self.workers.attached(port_id(n), number);
        self.local.push(LocalPort {
            port: port_id(n),
            number,
            interface,
        });
        self.publish_local();
        number
    }

    /// A port's device goes away, and the port is let go.
    pub(super) fn unplug(&mut self, n: u8) {
        self.let_go(n);
        self.publish_local();
    }

    /// The same, but the snapshot without the port is still to come.
    pub(super) fn let_go(&mut self, n: u8) {
        let number = self.number(n);
        self.datapath.remove_device(number).unwrap();
        self.workers.detach(port_id(n));
        self.local.retain(|local| local.port != port_id(n));
    }

    /// The device of a port that was let go goes, too.
    pub(super) fn forget_port(&mut self, n: u8) {
        self.datapath.remove_device(self.number(n)).unwrap();
        self.local.retain(|local| local.port != port_id(n));
    }

    /// A handle on the datapath for another thread.
    pub(super) fn contended(&self) -> Contended {
        Contended(self.datapath.fork().unwrap())
    }

    /// The same while no agent runs.
    pub(super) fn let_go_unseen(&mut self, n: u8) {
        let number = self.number(n);
        self.datapath.remove_device(number).unwrap();
        self.local.retain(|local| local.port != port_id(n));
    }

    pub(super) fn number(&self, n: u8) -> u32 {
        let mut local = self.local.iter();
        local.find(|it| it.port == port_id(n)).unwrap().number
    }

    /// The topology changes.
    pub(super) fn change(&mut self, changes: &[Change]) {
        self.revision += 1;
        let (snapshot, tags) = self.snapshot.apply(self.revision, changes);
        self.publish(snapshot, tags);
    }

    /// The same, without waiting for it.
    pub(super) fn change_unsettled(&mut self, changes: &[Change]) {
        self.revision += 1;
        let (snapshot, tags) = self.snapshot.apply(self.revision, changes);
        self.snapshot = snapshot.clone();
        self.workers.publish(Arc::new(snapshot), Arc::new(tags));
    }

    /// A port's vport goes away and comes back under the same number.
    pub(super) fn replug(&mut self, n: u8) {
        let number = self.number(n);
        self.let_go(n);
        let (snapshot, tags) = self.snapshot.with_local(&self.local);
        self.snapshot = snapshot.clone();
        self.workers.publish(Arc::new(snapshot), Arc::new(tags));
        let interface = format!("tap{n}");
        let upcall_pids = self.workers.attach(port_id(n), &interface).unwrap();
        let vport = NewVport {
            name: interface.clone(),
            kind: VportKind::Netdev,
            port_no: Some(number),
            upcall_pids,
        };
        self.datapath.add_port(&vport).unwrap();
        self.workers.attached(port_id(n), number);
        self.local.push(LocalPort {
            port: port_id(n),
            number,
            interface,
        });
        let (snapshot, tags) = self.snapshot.with_local(&self.local);
        self.snapshot = snapshot.clone();
        self.workers.publish(Arc::new(snapshot), Arc::new(tags));
    }

    pub(super) fn publish(&mut self, snapshot: Snapshot, tags: BTreeSet<Tag>) {
        self.snapshot = snapshot;
        let snapshot = Arc::new(self.snapshot.clone());
        self.workers.publish(snapshot, Arc::new(tags));
        self.settle();
    }

    /// The topology begins to change: what the workers make of it is still to come.
    pub(super) fn begin_to_change(&mut self, changes: &[Change]) -> Epoch {
        self.revision += 1;
        let (snapshot, tags) = self.snapshot.apply(self.revision, changes);
        self.snapshot = snapshot;
        let snapshot = Arc::new(self.snapshot.clone());
        self.workers.publish(snapshot, Arc::new(tags));
        self.snapshot.epoch()
    }

    fn publish_local(&mut self) {
        let (snapshot, tags) = self.snapshot.with_local(&self.local);
        self.publish(snapshot, tags);
    }

    /// A frame comes in by a port, and what comes of it is done with.
    pub(super) fn inject(&self, n: u8, frame: &[u8]) {
        self.datapath.inject(self.number(n), frame).unwrap();
        self.settle();
    }

    /// The station behind a port sends a frame to that behind another.
    pub(super) fn send(&self, from: u8, to: u8) {
        self.inject(from, &frame(mac(from), mac(to), from));
    }

    /// All stations have spoken to each other, and each has a flow to each.
    pub(super) fn acquaint(&self, stations: &[u8]) {
        for _ in 0..2 {
            for &from in stations {
                for &to in stations.iter().filter(|&&to| to != from) {
                    self.send(from, to);
                }
            }
        }
        self.forget_sent();
    }

    pub(super) fn sent(&self, n: u8) -> Vec<Vec<u8>> {
        self.datapath.sent(self.number(n))
    }

    pub(super) fn forget_sent(&self) {
        for local in &self.local {
            self.datapath.sent(local.number);
        }
    }

    /// Waits until the workers have taken all upcalls, written what came of them, and seen what they told
    /// one another.
    pub(super) fn settle(&self) {
        let taken = || {
            let all = ["misses", "punts", "rules_logged"];
            all.map(|name| self.counter(name))
        };
        loop {
            until("the workers to take their upcalls", || {
                self.datapath.waiting() == 0
            });
            let before = taken();
            // The second time for what one announced to another while it was asked.
            for _ in 0..2 {
                self.workers.ask_all("settle", |_| ()).unwrap();
            }
            // A packet that was sent on may have come up again.
            if self.datapath.waiting() == 0 && taken() == before {
                return;
            }
        }
    }

    /// A dump, and what the workers do about it.
    pub(super) fn sweep(&mut self) {
        self.sweeper.sweep().unwrap();
        self.settle();
    }

    /// A dump, without waiting for more than that the workers have heard of it.
    pub(super) fn sweep_unsettled(&mut self) {
        self.sweeper.sweep().unwrap();
        self.workers.ask_all("hear of a dump", |_| ()).unwrap();
    }

    pub(super) fn pass(&self, milliseconds: u64) {
        self.time.fetch_add(milliseconds, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Time {
        Time(self.time.load(Ordering::Relaxed))
    }

    pub(super) fn flows(&self) -> Vec<DumpedFlow> {
        let mut flows = Vec::new();
        let mut datapath = self.datapath.clone();
        datapath
            .flows(&mut |flow| flows.push(flow.unwrap()))
            .unwrap();
        flows
    }

    /// The flow of frames that come in by a port for a MAC.
    pub(super) fn flow(&self, n: u8, to: MacAddr) -> Option<DumpedFlow> {
        let number = self.number(n);
        self.flows().into_iter().find(|flow| {
            flow.key.u32(Field::InPort) == Some(number)
                && flow.key.get(Field::EthDst) == Some(mac_to_bits(to))
        })
    }

    /// That there are copies for these ports, in the order of ids.
    pub(super) fn outputs(&self, ports: &[u8]) -> Vec<Action> {
        let numbers = ports.iter().map(|&n| self.number(n));
        numbers.map(Action::Output).collect()
    }

    /// What was written while something was done.
    pub(super) fn writes_of(&mut self, done: impl FnOnce(&mut Self)) -> Writes {
        let before = self.workers.control().writes();
        done(self);
        let after = self.workers.control().writes();
        Writes {
            puts: after.puts - before.puts,
            set_actions: after.set_actions - before.set_actions,
            deletes: after.deletes - before.deletes,
            executes: after.executes - before.executes,
            ports: after.ports - before.ports,
            datapath: after.datapath - before.datapath,
            batches: after.batches - before.batches,
        }
    }

    pub(super) fn counter(&self, name: &str) -> u64 {
        self.workers.counters()[name]
    }

    /// Packets that were dropped at a port for a reason.
    pub(super) fn drops(&self, n: u8, reason: &str) -> u64 {
        let drops = self.workers.drops(Some(port_id(n))).unwrap();
        let of = drops.iter().filter(|drop| drop.reason == reason);
        of.map(|drop| drop.packets).sum()
    }

    /// What the workers have told since this was last asked.
    pub(super) fn events(&mut self) -> Vec<Event> {
        // An epoch is told of by the warden.
        let (sender, echo) = bounded(1);
        self.workers.shared.tell_warden(News::Echo(sender));
        echo.recv_timeout(PATIENCE).unwrap();
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }

    /// The same, after a SIGKILL: what the former agent had written down before is all that is left of it.
    pub(super) fn restart_with(&mut self, snapshot: Snapshot, accounts: Accounts) {
        self.accounts = accounts;
        self.restart(snapshot);
    }

    /// Another agent takes over, with the ports as they are and a snapshot that is what it knows. Flows
    /// are taken over by the next sweep.
    pub(super) fn restart(&mut self, snapshot: Snapshot) {
        self.workers.stop();
        let accounts = std::mem::take(&mut self.accounts);
        (self.workers, self.events) = start(&self.datapath, &self.time, self.limits, accounts);
        self.sweeper = sweeper(&self.workers, &self.datapath);
        for local in &self.local {
            let pids = self.workers.attach(local.port, &local.interface).unwrap();
            self.datapath.set_upcall_pids(local.number, &pids).unwrap();
            self.workers.attached(local.port, local.number);
        }
        self.snapshot = snapshot;
        self.publish_local();
        self.sweeper.relearn().unwrap();
    }

    /// Somebody deleted the datapath; there is another, without ports. The snapshot does not say so yet.
    pub(super) fn rebuild(&mut self) {
        self.datapath.delete_by_stranger();
        self.datapath = new_datapath(&self.time);
        self.workers.rebuilt(self.datapath.fork().unwrap()).unwrap();
        self.sweeper = sweeper(&self.workers, &self.datapath);
        self.local.clear();
        self.settle();
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.workers.stop();
    }
}

fn new_datapath(time: &Arc<AtomicU64>) -> MemoryDatapath {
    let time = time.clone();
    let clock = move || Duration::from_millis(time.load(Ordering::Relaxed));
    MemoryDatapath::with_clock("weft0", Box::new(clock))
}

fn start(
    datapath: &MemoryDatapath,
    time: &Arc<AtomicU64>,
    limits: Limits,
    accounts: Accounts,
) -> (Arc<Workers>, UnboundedReceiver<Event>) {
    let (sender, events) = unbounded_channel();
    let start = Start {
        datapath: Box::new(Contended(datapath.fork().unwrap())),
        snapshot: Arc::new(Snapshot::default()),
        limits,
        exact_flows: false,
        audit: true,
        accounts,
        conversations: None,
        events: sender,
    };
    let time = time.clone();
    let clock = Box::new(move || {
        point();
        Time(time.load(Ordering::Relaxed))
    });
    (start_with(start, WORKERS, clock).unwrap(), events)
}

fn sweeper(workers: &Workers, datapath: &MemoryDatapath) -> Sweeper {
    Sweeper::new(workers.shared.clone(), datapath.fork().unwrap())
}

/// Waits for what must happen.
pub(super) fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        sleep(Duration::from_micros(200));
    }
}

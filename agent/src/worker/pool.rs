//! The workers together: started, told, asked and stopped by the control side.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use weft_ovs::{Datapath, Limited};
use weft_topology::id::PortId;
use weft_topology::{Snapshot, Tag};

use super::connections::{News, Warden};
use super::inbox::{Message, inbox};
use super::meters::MeterBook;
use super::run::Worker;
use super::shared::{Clock, RECEIVE_BUFFER, Settings, Shared, monotonic_clock};
use super::sweep::Sweeper;
use crate::hot::{Event, Hot, HotError, Start};
use crate::sync::{self, JoinHandle, Mutex, MutexGuard, Receiver, Sender, bounded, unbounded};

/// How long the control side waits for a worker's answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long it waits for the threads to end.
const FAREWELL: Duration = Duration::from_secs(2);

/// The running workers.
pub(super) struct Workers {
    pub(super) shared: Arc<Shared>,
    control: Mutex<Box<dyn Datapath>>,
    /// Locked before `control`.
    meters: Mutex<MeterBook>,
    placed: Mutex<HashMap<PortId, Placed>>,
    count: usize,
    /// Drops that an earlier run counted.
    pub(super) earlier: BTreeMap<(Option<PortId>, String), u64>,
    /// Flows that a port may have.
    pub(super) flow_limit: usize,
    /// Connections that a zone may have; 0: as many as there is room for.
    connection_limit: u32,
    threads: Mutex<Vec<JoinHandle<()>>>,
    sweeper: Mutex<Option<RunningSweeper>>,
}

/// Where a port is.
#[derive(Clone, Copy)]
struct Placed {
    worker: usize,
    pid: u32,
}

struct RunningSweeper {
    /// Dropped, it stops the thread.
    _stop: Sender<()>,
    thread: JoinHandle<()>,
}

/// Starts the hot path, a worker a core.
pub fn start(start: Start) -> Result<Arc<dyn Hot>, HotError> {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(start_with(start, count, monotonic_clock())?)
}

/// Starts so many workers, with a clock of the caller's.
pub(super) fn start_with(
    mut start: Start,
    count: usize,
    clock: Clock,
) -> Result<Arc<Workers>, HotError> {
    let settings = Settings::new(start.limits, start.exact_flows, start.audit);
    let (warden, news) = unbounded();
    let shared = Arc::new(Shared::new(
        start.snapshot.clone(),
        start.events,
        warden,
        clock,
    ));
    let counted = Arc::new(start.accounts.flows.into_iter().collect());
    let meters = MeterBook::open(start.limits, start.accounts.meters, start.datapath.as_mut())?;
    let mut postboxes = Vec::new();
    let mut workers = Vec::new();
    for index in 0..count {
        let (postbox, inbox) = inbox().map_err(std::io::Error::from)?;
        postboxes.push(postbox);
        let (datapath, snapshot) = (start.datapath.fork()?, start.snapshot.clone());
        let mut worker = Worker::new(index, shared.clone(), settings, snapshot, datapath, inbox)
            .map_err(std::io::Error::from)?;
        worker.counted = Arc::clone(&counted);
        workers.push(worker);
    }
    shared.set_postboxes(postboxes);
    let mut warden = Warden::new(shared.clone(), start.datapath.as_ref(), start.conversations)?;
    let vports = start.datapath.ports()?;
    let is_new = vports.iter().all(|vport| vport.port_no == 0);
    if is_new {
        warden.forget_strangers(&vports);
    }
    let mut threads = vec![spawn(&shared, "warden", move || {
        // Ports that are served come first; the others get zones that were not used for long.
        if !is_new {
            warden.forget_strangers(&vports);
        }
        warden.run(&news);
        Ok(())
    })?];
    for (index, worker) in workers.into_iter().enumerate() {
        let name = format!("worker-{index}");
        threads.push(spawn(&shared, &name, move || worker.run())?);
    }
    Ok(Arc::new(Workers {
        shared,
        control: Mutex::new(start.datapath),
        meters: Mutex::new(meters),
        placed: Mutex::default(),
        count,
        earlier: start.accounts.drops,
        flow_limit: settings.flows_per_port,
        connection_limit: start.limits.connections_per_zone,
        threads: Mutex::new(threads),
        sweeper: Mutex::default(),
    }))
}

/// Starts a thread whose end, unless it was told to, is the agent's.
fn spawn(
    shared: &Arc<Shared>,
    name: &str,
    work: impl FnOnce() -> nix::Result<()> + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let (shared, thread) = (shared.clone(), name.to_owned());
    sync::spawn(name, move || {
        // A simulation is guarded by itself; what gets here is a defect of the thread.
        let reason = match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok(())) => return,
            Ok(Err(errno)) => format!("{thread} cannot wait for upcalls: {errno}"),
            Err(_) => format!("{thread} panicked"),
        };
        shared.tell(Event::WorkerLost { reason });
    })
}

impl Workers {
    /// To be called before the datapath's port is made, so that no upcall is lost.
    pub(super) fn place(&self, port: PortId) -> Result<Vec<u32>, HotError> {
        let mut placed = lock(&self.placed);
        if let Some(there) = placed.get(&port) {
            return Ok(vec![there.pid]);
        }
        let source = lock(&self.control).upcall_socket(RECEIVE_BUFFER)?;
        let pid = source.pid();
        let busy = |worker: &usize| placed.values().filter(|of| of.worker == *worker).count();
        let worker = (0..self.count).min_by_key(busy).unwrap_or_default();
        placed.insert(port, Placed { worker, pid });
        self.shared.send(worker, Message::Attach(port, source));
        Ok(vec![pid])
    }

    /// The port's flows are out of the kernel when this returns.
    pub(super) fn displace(&self, port: PortId) {
        let Some(there) = lock(&self.placed).remove(&port) else {
            return;
        };
        self.shared.send(there.worker, Message::Detach(port));
        // A worker writes what a message brought before it takes the next one.
        self.ask(there.worker, |_| ());
        lock(&self.meters).detach(self.control().as_mut(), port);
        if let Some(local) = self.shared.snapshot().local_by_port(port) {
            let zone = local.zone();
            if let Err(error) = self.control().clear_limit(Limited::Zone(zone)) {
                tracing::debug!(%port, zone, %error, "the limit of a zone is left");
            }
            self.shared.tell_warden(News::Vacated(zone));
        }
    }

    /// Bounds what one port can bring, by meters of its own.
    pub(super) fn meter_port(&self, port: PortId, number: u32) {
        lock(&self.meters).attach(self.control().as_mut(), port, number);
    }

    /// What the kernel's meters have counted by now.
    pub(super) fn metered<T>(&self, read: impl FnOnce(&MeterBook) -> T) -> T {
        let mut meters = lock(&self.meters);
        meters.refresh(self.control().as_mut());
        read(&meters)
    }

    /// All ports of an earlier run are attached.
    pub(super) fn settle_meters(&self) {
        lock(&self.meters).adopted(self.control().as_mut());
    }

    /// Bounds what one port can take of the table of connections.
    pub(super) fn limit_zone(&self, port: PortId, number: u32) {
        let Ok(zone) = u16::try_from(number) else {
            return;
        };
        let limit = NonZeroU32::new(self.connection_limit);
        if let Err(error) = self.control().set_limit(Limited::Zone(zone), limit) {
            tracing::warn!(%port, zone, %error, "the port's connections are not limited");
        }
    }

    pub(super) fn hand_out(&self, snapshot: Arc<Snapshot>, tags: &Arc<BTreeSet<Tag>>) {
        let placed = lock(&self.placed);
        let owners = snapshot
            .local_ports()
            .filter_map(|local| Some((local.number, placed.get(&local.port)?.worker)))
            .collect();
        self.shared.publish(snapshot, owners, tags);
    }

    pub(super) fn start_sweeper(&self) -> Result<(), HotError> {
        let mut sweeper = lock(&self.sweeper);
        if sweeper.is_some() {
            return Ok(());
        }
        let worker = Sweeper::new(self.shared.clone(), lock(&self.control).fork()?);
        let (stop, stopped) = bounded(0);
        let thread = sync::spawn("sweeper", move || worker.run(&stopped))?;
        *sweeper = Some(RunningSweeper {
            _stop: stop,
            thread,
        });
        Ok(())
    }

    fn stop_sweeper(&self) -> Option<JoinHandle<()>> {
        Some(lock(&self.sweeper).take()?.thread)
    }

    /// All workers write to this datapath from now on, which is empty.
    pub(super) fn move_to(&self, datapath: Box<dyn Datapath>) -> Result<(), HotError> {
        // To its end: what it found in the old datapath must not reach a worker that has the new one.
        let swept = self.stop_sweeper().map(JoinHandle::join);
        lock(&self.placed).clear();
        for worker in 0..self.count {
            self.shared.send(worker, Message::Rebuilt(datapath.fork()?));
        }
        lock(&self.meters).rebuilt();
        *lock(&self.control) = datapath;
        match swept {
            Some(_) => self.start_sweeper(),
            None => Ok(()),
        }
    }

    /// Ends the threads; those that do not end in time are left behind.
    pub(super) fn end(&self) {
        let mut threads: Vec<_> = self.stop_sweeper().into_iter().collect();
        self.shared.tell_all(|| Message::Stop);
        self.shared.tell_warden(News::Stop);
        threads.append(&mut lock(&self.threads));
        let end = Instant::now() + FAREWELL;
        for thread in threads {
            while !thread.is_finished() && Instant::now() < end {
                sync::sleep(Duration::from_millis(1));
            }
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
    }

    /// Asks every worker; fails when one does not answer.
    pub(super) fn ask_all<T: Send + 'static>(
        &self,
        attempt: &'static str,
        question: impl Fn(&mut Worker) -> T + Clone + Send + 'static,
    ) -> Result<Vec<T>, HotError> {
        let answers: Vec<Receiver<T>> = (0..self.count)
            .map(|worker| self.post(worker, question.clone()))
            .collect();
        answers
            .into_iter()
            .map(|answer| {
                answer
                    .recv_timeout(PATIENCE)
                    .map_err(|_| HotError::Stopped { attempt })
            })
            .collect()
    }

    /// Asks one worker.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        worker: usize,
        question: impl FnOnce(&mut Worker) -> T + Send + 'static,
    ) -> Option<T> {
        self.post(worker, question).recv_timeout(PATIENCE).ok()
    }

    fn post<T: Send + 'static>(
        &self,
        worker: usize,
        question: impl FnOnce(&mut Worker) -> T + Send + 'static,
    ) -> Receiver<T> {
        let (sender, receiver) = bounded(1);
        let work = Box::new(move |worker: &mut Worker| {
            // Whoever asked may have gone.
            let _ = sender.send(question(worker));
        });
        self.shared.send(worker, Message::Ask(work));
        receiver
    }

    /// The worker that owns a port.
    pub(super) fn owner(&self, port: PortId) -> Option<usize> {
        Some(lock(&self.placed).get(&port)?.worker)
    }

    /// The control side's handle on the datapath.
    pub(super) fn control(&self) -> MutexGuard<'_, Box<dyn Datapath>> {
        lock(&self.control)
    }
}

/// What a panic left is whole: every change under these locks is one assignment or insert.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

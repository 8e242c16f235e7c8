//! What the workers share, and how they and the control side reach one another.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc::UnboundedSender;
use weft_flowsim::Time;
use weft_observe::metrics::{Distribution, Histogram};
use weft_topology::{Epoch, Snapshot, Tag};

use super::connections::{News, may_deny};
use super::inbox::{Message, Postbox};
use super::tally::Counters;
use crate::flows::learned::MacTable;
use crate::hot::{Event, Limits};
use crate::measures::UPCALL_BOUNDS;
use crate::sync::{ArcSwap, Mutex, MutexGuard, Sender};

/// Receive buffer of a port's upcall socket, in bytes: some hundred full frames, or some thousand
/// small ones.
pub(super) const RECEIVE_BUFFER: usize = 1 << 20;

/// What an operator may set of the hot path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Flows that one port may have; its oldest makes room.
    pub(super) flows_per_port: usize,
    /// Packets a second, and in a burst, of each class of punt that one port may bring.
    pub(super) punts_per_port: u32,
    /// Packets of one port that rules log: a second, and in a burst.
    pub(super) logs_per_port: u32,
    pub(super) log_burst: u32,
    /// Every field in every mask.
    pub(super) exact_flows: bool,
    /// Whether flows are simulated again in the background.
    pub(super) audit: bool,
}

/// What the workers share.
pub(super) struct Shared {
    pub(super) learned: MacTable,
    pub(super) parked: Arc<AtomicUsize>,
    pub(super) counters: Arc<Counters>,
    postboxes: OnceLock<Vec<Postbox>>,
    flow_counts: OnceLock<Vec<AtomicUsize>>,
    /// How long upcalls took, by worker.
    delays: OnceLock<Vec<Histogram>>,
    /// What each worker has in force; the least of them is in force for the host.
    epochs: Mutex<Epochs>,
    snapshot: ArcSwap<Snapshot>,
    owners: ArcSwap<HashMap<u32, usize>>,
    events: UnboundedSender<Event>,
    warden: Sender<News>,
    clock: Clock,
}

/// The time, as the workers see it. Tests bring their own.
pub(super) type Clock = Box<dyn Fn() -> Time + Send + Sync>;

/// How many workers still have to pass each epoch that was published, the oldest first.
#[derive(Default)]
struct Epochs {
    pending: std::collections::VecDeque<(Epoch, usize)>,
}

/// Milliseconds since now.
pub(super) fn monotonic_clock() -> Clock {
    let began = Instant::now();
    Box::new(move || Time(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)))
}

impl Settings {
    pub(super) fn new(limits: Limits, exact_flows: bool, audit: bool) -> Self {
        Self {
            flows_per_port: usize::try_from(limits.flows_per_port).unwrap_or(usize::MAX),
            punts_per_port: limits.punts_per_port,
            logs_per_port: limits.logs_per_port,
            log_burst: limits.log_burst,
            exact_flows,
            audit,
        }
    }
}

impl Shared {
    pub(super) fn new(
        snapshot: Arc<Snapshot>,
        events: UnboundedSender<Event>,
        warden: Sender<News>,
        clock: Clock,
    ) -> Self {
        Self {
            learned: MacTable::default(),
            parked: Arc::default(),
            counters: Arc::default(),
            postboxes: OnceLock::new(),
            flow_counts: OnceLock::new(),
            delays: OnceLock::new(),
            epochs: Mutex::default(),
            snapshot: ArcSwap::new(snapshot),
            owners: ArcSwap::default(),
            events,
            warden,
            clock,
        }
    }

    /// Enters the workers' inboxes, once, before any of them runs.
    pub(super) fn set_postboxes(&self, postboxes: Vec<Postbox>) {
        let counts = postboxes.iter().map(|_| AtomicUsize::new(0)).collect();
        let _ = self.flow_counts.set(counts);
        let delays = postboxes.iter().map(|_| Histogram::new(UPCALL_BOUNDS));
        let _ = self.delays.set(delays.collect());
        let _ = self.postboxes.set(postboxes);
    }

    pub(super) fn now(&self) -> Time {
        (self.clock)()
    }

    /// Tells the control side; one that has ended needs no news.
    pub(super) fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    /// Tells the warden; one that has ended needs no news.
    pub(super) fn tell_warden(&self, news: News) {
        let _ = self.warden.send(news);
    }

    /// Hands a snapshot to all workers.
    pub(super) fn publish(
        &self,
        snapshot: Arc<Snapshot>,
        owners: HashMap<u32, usize>,
        tags: &Arc<std::collections::BTreeSet<Tag>>,
    ) {
        self.owners.store(Arc::new(owners));
        self.snapshot.store(snapshot.clone());
        let workers = self.postboxes().count();
        self.epochs().pending.push_back((snapshot.epoch(), workers));
        let changed = may_deny(tags).then(|| tags.clone());
        self.tell_warden(News::Published(snapshot.epoch(), changed));
        self.tell_all(|| Message::Publish(snapshot.clone(), tags.clone()));
    }

    /// A worker is past the oldest epoch that it had not passed. Each passes them in the order in which
    /// they were published, so the first that lacks a worker is never behind one that does not.
    pub(super) fn in_force(&self, worker: usize, epoch: Epoch) {
        let mut epochs = self.epochs();
        let Some((_, left)) = epochs
            .pending
            .iter_mut()
            .find(|(of, left)| *of == epoch && *left > 0)
        else {
            return;
        };
        *left -= 1;
        tracing::trace!(worker, ?epoch, left = *left, "epoch passed");
        while epochs.pending.front().is_some_and(|(_, left)| *left == 0) {
            if let Some((epoch, _)) = epochs.pending.pop_front() {
                self.tell_warden(News::Passed(epoch));
            }
        }
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Which worker owns the port with a number in the datapath.
    pub(super) fn owners(&self) -> Arc<HashMap<u32, usize>> {
        self.owners.load_full()
    }

    /// Announces facts of the learned tables that have changed.
    pub(super) fn touch(&self, tags: Vec<Tag>) {
        if !tags.is_empty() {
            let tags: Arc<[Tag]> = tags.into();
            self.tell_all(|| Message::Touch(tags.clone()));
            self.learned.announced(tags.len());
        }
    }

    pub(super) fn set_flow_count(&self, worker: usize, count: usize) {
        if let Some(slot) = self.flow_counts.get().and_then(|counts| counts.get(worker)) {
            slot.store(count, Ordering::Relaxed);
        }
    }

    pub(super) fn flow_count(&self) -> usize {
        let counts = self.flow_counts.get().into_iter().flatten();
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// What came of upcalls that were read then is in the kernel now.
    pub(super) fn written(&self, worker: usize, read: &mut Vec<Instant>) {
        let Some(delays) = self.delays.get().and_then(|delays| delays.get(worker)) else {
            return;
        };
        if !read.is_empty() {
            let now = Instant::now();
            for read in read.drain(..) {
                delays.observe(now.duration_since(read));
            }
        }
    }

    /// How long upcalls took so far, of all workers.
    pub(super) fn upcall_delay(&self) -> Distribution {
        let mut sum = Distribution::empty(UPCALL_BOUNDS);
        for delays in self.delays.get().into_iter().flatten() {
            sum.add(&delays.read());
        }
        sum
    }

    pub(super) fn postboxes(&self) -> impl Iterator<Item = &Postbox> {
        self.postboxes.get().into_iter().flatten()
    }

    pub(super) fn send(&self, worker: usize, message: Message) {
        if let Some(postbox) = self.postboxes().nth(worker) {
            postbox.send(message);
        }
    }

    pub(super) fn tell_all(&self, message: impl Fn() -> Message) {
        self.postboxes().for_each(|postbox| postbox.send(message()));
    }

    fn epochs(&self) -> MutexGuard<'_, Epochs> {
        self.epochs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

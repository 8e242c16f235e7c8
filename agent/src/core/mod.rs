//! The control side's one thread: it alone knows what is wanted and what is so, and makes the two agree.
//!
//! ```text
//!   stream, reporter ──┐                                   ┌──▶ hot path: attach, publish, …
//!   link monitor ──────┤        ┌──────────────────────┐   ├──▶ datapath: vports
//!   datapath monitor ──┼─inbox─▶│ take all that waits  │───┼──▶ links: up, MTU, IPv6 off
//!   hot path's events ─┤        │ then settle          │   ├──▶ service: bind, interest, report
//!   control socket ────┘        └──────────────────────┘   └──▶ disk: snapshot, plugs
//! ```
//!
//! Every message changes what is known and nothing else; `settle` then does what follows from it, once for
//! all messages that waited. So no order of events needs code of its own.
//!
//! The inbox is unbounded: what fills it is bounded at its source (a control connection asks one thing at a
//! time, links and vports are the host's own, the service's lines are the host's share of the topology).
//!
//! What it does not do: no packet, no flow. It may wait for the kernel and for the workers, never for the
//! network.

mod answer;
mod datapath;
mod keep;
mod message;
mod plugs;
mod save;
mod settle;
mod start;
mod state;
mod waiters;
mod watch;

pub use datapath::Reopen;
pub use message::{Answer, Ask, CoreMeasures, Message, Repairs};
pub use start::{CONVERSATIONS, Machine, SNAPSHOT, StartError, Started, start, start_on};

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use tokio::runtime::Handle;
use weft_observe::metrics::Histogram;
use weft_topology::ObjectId;
use weft_topology::id::PortId;

use crate::bindings::{Carrier, Desired, Wishes};
use crate::hot::Hot;
use crate::identity::Identity;
use crate::links::LinkTable;
use crate::service::Service;
use crate::snapshot::{Builder, Frontier};
use keep::Keeper;
use save::Saving;
use waiters::Waiter;

/// Messages taken before what follows from them is done.
const BATCH: usize = 4096;
/// The folder of bindings is looked at so often, and waiters' deadlines, too.
const TICK: Duration = Duration::from_secs(1);

/// Upper bounds of the buckets of the time to settle, in microseconds.
static SETTLE_BOUNDS: &[u64] = &[
    100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000,
];

/// The control side.
#[derive(Debug)]
pub struct Core {
    identity: Identity,
    datapath_name: String,
    state_dir: PathBuf,
    runtime: Handle,
    inbox: Receiver<Message>,
    sender: Sender<Message>,
    hot: Arc<dyn Hot>,
    service: Service,
    /// The service's address, and when it was last heard of.
    heard: Heard,
    links: LinkTable,
    builder: Builder,
    frontier: Frontier,
    /// Objects that simulations lacked.
    met: BTreeSet<ObjectId>,
    wishes: Wishes,
    desired: BTreeMap<PortId, Desired>,
    carrier: Carrier,
    reopen: Reopen,
    waiters: Vec<Waiter>,
    /// Questions that the service could not answer, to be asked again at the next tick.
    unanswered: Vec<(PortId, Option<String>)>,
    /// The bindings on disk cannot be read, and that was said.
    is_blind: bool,
    /// News of the datapath were lost, and its ports could not be read since.
    is_unreviewed: bool,
    /// Something changed while it was settled what follows: that is to be done at once again.
    is_unsettled: bool,
    /// Everything up to this revision has come, and is to be put in force.
    reached: Option<u64>,
    saving: Saving,
    next_tick: Instant,
    keeper: Keeper,
    settled: Histogram,
    repairs: Repairs,
    began: Instant,
    /// True once it serves.
    ready: Arc<AtomicBool>,
    ended: Option<Ended>,
}

/// What is known of the service.
#[derive(Clone, Debug, Default)]
struct Heard {
    /// The watch that is open.
    stream: Option<u64>,
    url: Option<String>,
    last: Option<Instant>,
    complained: bool,
}

/// Why the control side ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Told,
    /// Something broke that a new start mends.
    Broken(String),
}

impl Core {
    /// Runs until it is told to stop, or until something breaks.
    pub fn run(mut self) -> Ended {
        loop {
            let wait = self.wake_at().saturating_duration_since(Instant::now());
            match self.inbox.recv_timeout(wait) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ended::Told,
            }
            for _ in 0..BATCH {
                match self.inbox.try_recv() {
                    Ok(message) => self.take(message),
                    Err(_) => break,
                }
            }
            if let Some(ended) = self.ended.take() {
                self.farewell();
                return ended;
            }
            self.tick();
            let begun = Instant::now();
            self.settle();
            self.settled.observe(begun.elapsed());
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Stream(event) => self.on_stream(event),
            Message::Bind(answer) => self.on_bind_answer(answer),
            Message::Link(change) => {
                self.links.take(change);
            }
            Message::Datapath(event) => self.on_datapath(event),
            Message::Hot(event) => self.on_hot(event),
            Message::Saved(saved) => self.on_saved(saved),
            Message::Ask(ask) => self.on_ask(ask),
            Message::Broken(reason) => self.ended = Some(Ended::Broken(reason)),
            Message::Stop => self.ended = Some(Ended::Told),
        }
    }

    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        if self.is_unsettled {
            return now;
        }
        let times = [Some(self.next_tick), self.saving.due(), self.carrier.due()];
        let waiters = self.waiters.iter().map(|waiter| Some(waiter.due(now)));
        let earliest = times.into_iter().chain(waiters).flatten().min();
        earliest.unwrap_or(self.next_tick)
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if now < self.next_tick {
            return;
        }
        self.next_tick = now + TICK;
        for (port, interface) in std::mem::take(&mut self.unanswered) {
            self.wishes.ask_again(port, interface.as_deref());
        }
        if self.is_unreviewed {
            self.review();
        }
        let read = self.wishes.rescan();
        if let Err(error) = &read
            && !self.is_blind
        {
            tracing::warn!(%error, "bindings written beside the agent are not seen");
        }
        self.is_blind = read.is_err();
        if self.keeper.is_due(now) {
            let known = self.bindings().iter().map(|binding| binding.port).collect();
            self.keeper.save(&self.runtime, &self.hot, known);
        }
    }

    /// The datapath and its flows stay: a restart is hitless.
    fn farewell(&mut self) {
        let known = self.bindings().iter().map(|binding| binding.port).collect();
        self.keeper.save_at_the_end(&self.runtime, &self.hot, known);
        self.hot.stop();
        self.save_at_the_end();
    }
}

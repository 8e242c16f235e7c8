//! The border between the control side and the hot path: what the one asks of the other.
//!
//! ```text
//!  control side (tokio)                              hot path (one thread a core)
//!  bindings   ── attach, attached, detach ─────────▶ who reads which port's upcalls
//!  snapshot   ── publish(snapshot, tags) ──────────▶ what is true from now on
//!             ◀─ Event::Missing, Event::EpochDone ── what it lacks, what is in force
//!  control    ── flows, drops, learned, trace ─────▶ what it knows
//! ```
//!
//! No lock is shared: every call hands a message over. The methods of [`Hot`] may be called from any
//! thread; those that wait for an answer of the workers say so and must not be called on a thread
//! that others wait for.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use weft_ovs::Datapath;
use weft_topology::id::PortId;
use weft_topology::{Change, Epoch, ObjectId, Snapshot, Tag};
use weft_wire::control::{Connection, DropInfo, FlowInfo, LearnedInfo, TraceResult};
use weft_wire::impact::{Impact, ImpactResult};
use weft_wire::why::WhyResult;

use crate::accounts::Accounts;
use crate::measures::Measures;

/// Starts the hot path.
pub type StartHot = fn(Start) -> Result<Arc<dyn Hot>, HotError>;

/// What the hot path starts from.
pub struct Start {
    /// A handle on the datapath; the workers fork it.
    pub datapath: Box<dyn Datapath>,
    /// What is known of the topology, perhaps nothing. Without local ports.
    pub snapshot: Arc<Snapshot>,
    /// Bounds on what a port may use.
    pub limits: Limits,
    /// Every field in every mask, for debugging.
    pub exact_flows: bool,
    /// Whether installed flows are simulated again in the background.
    pub audit: bool,
    /// What an earlier run counted.
    pub accounts: Accounts,
    /// The file of conversations ([`weft_flowsim::Conversation`]) in the run directory; absent: they are known as
    /// long as this run lasts.
    pub conversations: Option<PathBuf>,
    /// Where events go. Unbounded: see the bounds at [`Event`].
    pub events: UnboundedSender<Event>,
}

/// Bounds on what a port may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Flows in the kernel that a port may hold.
    pub flows_per_port: u32,
    /// Connections in a zone.
    pub connections_per_zone: u32,
    /// Packets a second of each class of punt, with a burst of as many.
    pub punts_per_port: u32,
    /// Fragments a second that the kernel puts together, with a burst of as many.
    pub fragments_per_port: u32,
    /// Packets a second that rules log.
    pub logs_per_port: u32,
    /// Packets that rules log in a burst.
    pub log_burst: u32,
}

/// Something that the hot path tells the control side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Simulations met objects that the snapshot does not have. Each worker names an object once
    /// for each snapshot that is published, so their number is bounded by the topology.
    Missing(Vec<ObjectId>),
    /// Every worker is past a snapshot: the flows that its tags concerned are written, the connections that it
    /// denies are cut, and so are those of all snapshots published before it. At most one for each snapshot
    /// published.
    EpochDone(Epoch),
    /// A worker ended without being told to: the agent has to end, too, and be started again.
    WorkerLost {
        /// Why, for the log.
        reason: String,
    },
}

/// The hot path, as the control side uses it.
pub trait Hot: Send + Sync {
    /// Says who will read the upcalls of a port that is about to get a vport (or has one from a former
    /// run), and answers with the sockets' numbers to give to that vport. Asked again for a port
    /// that is attached, it answers the same.
    fn attach(&self, port: PortId, interface: &str) -> Result<Vec<u32>, HotError>;

    /// The vport is there and its upcalls come. The snapshot that names the number as the port's is
    /// published next: until it is there, upcalls wait in their socket.
    fn attached(&self, port: PortId, number: u32);

    /// The vport is gone, or was not made after all: its socket is closed. The snapshot without
    /// it is published next. A port that is not attached is no error.
    fn detach(&self, port: PortId);

    /// Puts a snapshot in force: the flows under the tags are simulated again, and
    /// [`Event::EpochDone`] follows. Snapshots come in the order of their making.
    fn publish(&self, snapshot: Arc<Snapshot>, tags: Arc<BTreeSet<Tag>>);

    /// The vports of a former run are attached and published: the flows found in the kernel are
    /// simulated, and those that agree are kept. Called once, after the first `publish`. Does not wait.
    fn adopt(&self);

    /// The datapath was deleted by somebody and has been made anew, empty: all flows and attachments are
    /// forgotten, and this handle counts from now on.
    fn rebuilt(&self, datapath: Box<dyn Datapath>) -> Result<(), HotError>;

    /// Visits the flows in the kernel, those of one port or all, until told to stop. Waits for the
    /// workers.
    fn flows(
        &self,
        port: Option<PortId>,
        each: &mut dyn FnMut(FlowInfo) -> ControlFlow<()>,
    ) -> Result<(), HotError>;

    /// Packets dropped by reason, those of one port or all. Waits for the workers.
    fn drops(&self, port: Option<PortId>) -> Result<Vec<DropInfo>, HotError>;

    /// The last drops of a port and why. Waits for the workers and the kernel.
    fn why(&self, port: PortId) -> Result<WhyResult, HotError>;

    /// What was counted so far, for the next run. Waits for the workers.
    fn accounts(&self) -> Result<Accounts, HotError>;

    /// All numbers. Waits for the workers and the kernel.
    fn measure(&self) -> Result<Measures, HotError>;

    /// The learned MAC addresses. Waits for the workers.
    fn learned(&self) -> Result<Vec<LearnedInfo>, HotError>;

    /// Walks a frame that comes in by a port, as the next upcall would be. Waits for a worker.
    /// `connection` is what a connection table says, where one is asked.
    fn trace(
        &self,
        port: PortId,
        frame: &[u8],
        connection: Option<Connection>,
    ) -> Result<TraceResult, HotError>;

    /// Visits what passes now and would not after these changes, until told to stop; flows that no packet has met
    /// for longer than `recent` are left out. Nothing is changed. Waits for the workers and the kernel.
    fn impact(
        &self,
        changes: &[Change],
        recent: Duration,
        each: &mut dyn FnMut(Impact) -> ControlFlow<()>,
    ) -> Result<ImpactResult, HotError>;

    /// Counters by name in snake_case, all of them only growing, the kernel's own of the datapath among them;
    /// waits for nobody but the kernel.
    fn counters(&self) -> BTreeMap<String, u64>;

    /// Waits until every worker has passed its loop; fails when one does not within five seconds.
    fn pulse(&self) -> Result<(), HotError>;

    /// How many flows the workers have in the kernel; never waits.
    fn flow_count(&self) -> usize;

    /// Ends the workers and waits for it, two seconds at most. Datapath, vports and flows stay as
    /// they are.
    fn stop(&self);
}

impl std::fmt::Debug for dyn Hot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hot")
            .field("flows", &self.flow_count())
            .finish_non_exhaustive()
    }
}

/// The hot path could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum HotError {
    /// The workers have ended or do not answer.
    #[error("{attempt}: the workers do not answer")]
    Stopped {
        /// What was asked.
        attempt: &'static str,
    },
    /// The port is not one that this host carries.
    #[error("{attempt}: port {port} is not carried by this host")]
    NoSuchPort {
        /// What was asked.
        attempt: &'static str,
        /// The port.
        port: PortId,
    },
    /// The frame cannot be walked.
    #[error("trace a frame: {reason}")]
    BadFrame {
        /// What is wrong with it.
        reason: String,
    },
    /// The datapath refused.
    #[error(transparent)]
    Datapath(#[from] weft_ovs::Error),
    /// A thread could not be started.
    #[error("start a worker: {0}")]
    Thread(#[from] std::io::Error),
}

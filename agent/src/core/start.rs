//! The order of a start: what is on disk serves before the service is asked.
//!
//! ```text
//!  snapshot from disk ─▶ datapath opened ─▶ hot path ─▶ vports of the former run taken over
//!     ─▶ published: new flows are served ─▶ adoption of the kernel's flows beside it
//!     ─▶ service, link monitor, datapath monitor, the core's thread
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Sender, unbounded};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use weft_observe::metrics::Histogram;
use weft_ovs::{Datapath, KernelDatapath, OpenMode};

use super::datapath::{Reopen, monitor_datapath};
use super::keep::Keeper;
use super::save::Saving;
use super::{Core, Ended, Heard, Message, Repairs, SETTLE_BOUNDS, TICK};
use crate::accounts::Accounts;
use crate::bindings::{Carrier, Wishes};
use crate::config::Config;
use crate::files::FileError;
use crate::hot::{Hot, HotError, Start, StartHot};
use crate::identity::Identity;
use crate::links::{self, Link, LinkChange, LinkError, LinkSetter, LinkTable, SetLinks};
use crate::service::{Client, Service};
use crate::snapshot::{Builder, Frontier, load};

/// The file of the snapshot in the state directory.
pub const SNAPSHOT: &str = "snapshot.json";
/// File of conversations, below the run directory.
pub const CONVERSATIONS: &str = "conversations";

/// What runs.
#[derive(Debug)]
pub struct Started {
    /// Messages to the core.
    pub sender: Sender<Message>,
    /// The hot path, for questions.
    pub hot: Arc<dyn Hot>,
    /// Questions to the service.
    pub client: Arc<Client>,
    /// True once it serves.
    pub ready: Arc<AtomicBool>,
    /// The core's thread.
    pub thread: JoinHandle<Ended>,
}

/// The machine, or what stands for it in a test.
pub struct Machine {
    /// The datapath, which was made or was there.
    pub datapath: Box<dyn Datapath>,
    /// Makes the datapath anew after somebody deleted it.
    pub reopen: Reopen,
    /// What is done to interfaces.
    pub setter: Box<dyn SetLinks>,
    /// The interfaces that are there; news of them come as [`Message::Link`].
    pub links: Vec<Link>,
}

/// Why the agent cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file of the state directory.
    #[error(transparent)]
    File(#[from] FileError),
    /// The kernel's datapath.
    #[error(transparent)]
    Datapath(#[from] weft_ovs::Error),
    /// The hot path.
    #[error(transparent)]
    Hot(#[from] HotError),
    /// The host's interfaces.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The HTTP client.
    #[error("make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// A thread.
    #[error("start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Starts everything; serves when it returns. The runtime must be running.
pub fn start(
    config: &Config,
    identity: Identity,
    runtime: &Handle,
    start_hot: StartHot,
) -> Result<Started, StartError> {
    let open = |name: &str| KernelDatapath::open(name, OpenMode::CreateOrAdopt);
    let datapath = open(&config.datapath)?;
    let setter = LinkSetter::open(runtime)?;
    let name = config.datapath.clone();
    let machine = Machine {
        datapath: Box::new(datapath),
        reopen: Reopen::new(move || Ok(Box::new(open(&name)?))),
        links: setter.list()?,
        setter: Box::new(setter),
    };
    let started = start_on(machine, config, identity, runtime, start_hot)?;
    runtime.spawn(links::watch(started.sender.clone()));
    Ok(started)
}

/// The same on a machine of the caller's.
pub fn start_on(
    machine: Machine,
    config: &Config,
    identity: Identity,
    runtime: &Handle,
    start_hot: impl FnOnce(Start) -> Result<Arc<dyn Hot>, HotError>,
) -> Result<Started, StartError> {
    let Machine {
        datapath,
        reopen,
        setter,
        links,
    } = machine;
    let builder = match load(&config.state_dir.join(SNAPSHOT)) {
        Some(stored) => Builder::from_stored(identity.id, stored),
        None => Builder::new(identity.id),
    };
    let wishes = Wishes::load(&config.state_dir)?;
    let accounts = Accounts::load(&config.state_dir);
    let keeper = Keeper::begin(&config.state_dir, &accounts);
    let monitor = datapath.monitor()?;
    let (events, heard) = mpsc::unbounded_channel();
    let hot = start_hot(Start {
        datapath: datapath.fork()?,
        snapshot: Arc::new(builder.snapshot().clone()),
        limits: config.limits(),
        exact_flows: config.debug.exact_flows,
        audit: config.debug.audit,
        accounts,
        conversations: Some(config.run_dir.join(CONVERSATIONS)),
        events,
    })?;
    let carrier = Carrier::new(datapath, hot.clone(), setter);
    let mut table = LinkTable::default();
    table.take(LinkChange::All(links));

    let (sender, inbox) = unbounded();
    let client = Arc::new(Client::new(&config.api.urls, identity.clone())?);
    let service = Service::start(runtime, client.clone(), &sender);
    let ready = Arc::new(AtomicBool::new(false));
    let now = Instant::now();
    let mut core = Core {
        identity,
        datapath_name: config.datapath.clone(),
        state_dir: config.state_dir.clone(),
        runtime: runtime.clone(),
        inbox,
        sender: sender.clone(),
        hot: hot.clone(),
        service,
        heard: Heard::default(),
        links: table,
        builder,
        frontier: Frontier::default(),
        met: BTreeSet::new(),
        wishes,
        desired: BTreeMap::new(),
        carrier,
        reopen,
        waiters: Vec::new(),
        unanswered: Vec::new(),
        is_blind: false,
        is_unreviewed: false,
        is_unsettled: false,
        reached: None,
        saving: Saving::new(now),
        next_tick: now + TICK,
        keeper,
        settled: Histogram::new(SETTLE_BOUNDS),
        repairs: Repairs::default(),
        began: now,
        ready: ready.clone(),
        ended: None,
    };
    core.take_over()?;

    monitor_datapath(monitor, sender.clone())?;
    runtime.spawn(forward(heard, sender.clone()));
    let thread = std::thread::Builder::new()
        .name("core".to_owned())
        .spawn(move || core.run())?;
    Ok(Started {
        sender,
        hot,
        client,
        ready,
        thread,
    })
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("links", &self.links)
            .finish_non_exhaustive()
    }
}

impl Core {
    /// Serves what the former run served, and adopts its flows.
    fn take_over(&mut self) -> Result<(), StartError> {
        self.desired = self.desired_now();
        self.carrier.adopt(&self.desired, &self.links)?;
        self.builder.set_local(&self.carrier.local_ports());
        self.publish();
        self.hot.adopt();
        self.settle();
        self.ready.store(true, Ordering::Release);
        tracing::info!(
            host = self.identity.name,
            datapath = self.datapath_name,
            ports = self.carrier.carried().len(),
            revision = self.builder.snapshot().epoch().revision,
            "serving"
        );
        Ok(())
    }
}

async fn forward(mut events: mpsc::UnboundedReceiver<crate::hot::Event>, core: Sender<Message>) {
    while let Some(event) = events.recv().await {
        if core.send(Message::Hot(event)).is_err() {
            return;
        }
    }
}

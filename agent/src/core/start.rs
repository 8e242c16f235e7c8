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
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use weft_ovs::{Datapath, DatapathEvent, DatapathMonitor, KernelDatapath, OpenMode};

use super::{Core, Ended, Heard, Message, TICK};
use crate::bindings::{Carrier, Wishes, desired};
use crate::config::Config;
use crate::files::FileError;
use crate::hot::{Hot, HotError, Start, StartHot};
use crate::identity::Identity;
use crate::links::{self, LinkChange, LinkError, LinkSetter, LinkTable};
use crate::service::{Client, Service};
use crate::snapshot::{Builder, Frontier, load};

/// The file of the snapshot in the state directory.
pub const SNAPSHOT: &str = "snapshot.json";

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
    let builder = match load(&config.state_dir.join(SNAPSHOT)) {
        Some(stored) => Builder::from_stored(identity.id, stored),
        None => Builder::new(identity.id),
    };
    let wishes = Wishes::load(&config.state_dir)?;
    let datapath = KernelDatapath::open(&config.datapath, OpenMode::CreateOrAdopt)?;
    let monitor = datapath.monitor()?;
    let (events, heard) = mpsc::unbounded_channel();
    let hot = start_hot(Start {
        datapath: datapath.fork()?,
        snapshot: Arc::new(builder.snapshot().clone()),
        limits: config.limits(),
        exact_flows: config.debug.exact_flows,
        events,
    })?;
    let carrier = Carrier::new(Box::new(datapath), hot.clone(), LinkSetter::open(runtime)?);
    let mut table = LinkTable::default();
    table.take(LinkChange::All(carrier.list_links()?));

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
        waiters: Vec::new(),
        unanswered: Vec::new(),
        reached: None,
        save_at: None,
        saving: false,
        saved: BTreeSet::new(),
        next_tick: now + TICK,
        began: now,
        ready: ready.clone(),
        ended: None,
    };
    core.take_over()?;

    monitor_datapath(monitor, sender.clone())?;
    runtime.spawn(links::watch(sender.clone()));
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

impl Core {
    /// Serves what the former run served, and adopts its flows.
    fn take_over(&mut self) -> Result<(), StartError> {
        let (snapshot, id) = (self.builder.snapshot(), self.identity.id);
        self.desired = desired(snapshot, id, &self.wishes, true);
        self.carrier.adopt(&self.desired, &self.links)?;
        self.builder.set_local(&self.carrier.local_ports());
        self.publish(Instant::now());
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

/// Follows the datapath on a thread of its own until it is gone: while a changed dispatch goes unseen every
/// upcall is lost, so nothing else may be in the way.
pub(super) fn monitor_datapath(
    monitor: Box<dyn DatapathMonitor>,
    core: Sender<Message>,
) -> std::io::Result<()> {
    let follow = move || {
        if let Err(errno) = follow_datapath(monitor, &core) {
            tracing::error!(%errno, "the datapath cannot be followed");
        }
    };
    let thread = std::thread::Builder::new().name("datapath".to_owned());
    thread.spawn(follow).map(drop)
}

fn follow_datapath(
    mut monitor: Box<dyn DatapathMonitor>,
    core: &Sender<Message>,
) -> nix::Result<()> {
    loop {
        // At the first time without waiting: what happened before it was followed.
        match monitor.handle() {
            Ok(events) => {
                let quiet = events.is_empty();
                for event in events {
                    let ends = event == DatapathEvent::DatapathDeleted;
                    if core.send(Message::Datapath(event)).is_err() || ends {
                        return Ok(());
                    }
                }
                if !quiet {
                    continue;
                }
            }
            Err(error) => tracing::warn!(%error, "news of the datapath are not understood"),
        }
        let mut waited = [PollFd::new(monitor.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waited, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

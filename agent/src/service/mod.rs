//! The topology service as this host sees it: one stream to follow, and some questions to ask.
//!
//! ```text
//!                     ┌── stream task: register, open the watch, lines ──▶ core (StreamEvent)
//!  core ─ interest ──▶│
//!  core ─ report ────▶├── reporter task: the newest report, when it changes and every 3 s
//!  core ─ bind, unbind ──▶ one task a question ──▶ core (BindAnswer)
//! ```
//!
//! Several services may be named; the first that answers is used, and the next one when it fails.
//!
//! What it does not do: it knows no snapshot and decides nothing; it says what it heard.

mod client;
mod reporter;
mod stream;

pub use client::{Client, Refusal, ServiceError};

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Sender;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use weft_topology::id::PortId;
use weft_topology::policy::Established;
use weft_wire::host::{BindingRequest, StateReport};
use weft_wire::watch::{InterestRequest, WatchLine};

use crate::core::Message;
use reporter::Newest;

/// After a conflict it is waited so long for the service to take what is said of this host.
const REPORTED: Duration = Duration::from_secs(2);

/// Where a watch may continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The revision that the host knows.
    pub revision: u64,
    /// The store that it is of.
    pub store: String,
}

/// What is heard of the service.
#[derive(Debug)]
pub enum StreamEvent {
    /// A watch is about to be opened: where may it continue?
    Opening(oneshot::Sender<Option<Resume>>),
    /// A watch is open.
    Open {
        /// Counts the watches of this run.
        stream: u64,
        /// The service's address.
        url: String,
        /// The service's store.
        store: String,
        /// What removing a rule does to connections that it admitted.
        established: Established,
    },
    /// Lines of a watch, in order.
    Lines {
        /// Of which watch.
        stream: u64,
        /// At least one.
        lines: Vec<WatchLine>,
    },
    /// The watch has ended; another is tried.
    Closed {
        /// Which one; 0: none could be opened.
        stream: u64,
        /// Why.
        reason: String,
    },
}

/// What became of a question about a binding.
#[derive(Debug)]
pub struct BindAnswer {
    /// The port.
    pub port: PortId,
    /// The interface that it was asked for; absent: it was given back.
    pub interface: Option<String>,
    /// The revision at which it was so.
    pub outcome: Result<u64, ServiceError>,
}

/// A handle on the tasks that talk to the service.
#[derive(Debug)]
pub struct Service {
    runtime: Handle,
    client: Arc<Client>,
    core: Sender<Message>,
    interest: mpsc::UnboundedSender<(u64, InterestRequest)>,
    report: watch::Sender<Newest>,
    taken: watch::Receiver<Newest>,
}

impl Service {
    /// Starts the tasks.
    pub fn start(runtime: &Handle, client: Arc<Client>, core: &Sender<Message>) -> Self {
        let (interest, wanted) = mpsc::unbounded_channel();
        let (report, reports) = watch::channel(None);
        let registered = Arc::new(watch::Sender::new(0));
        runtime.spawn(stream::follow(
            client.clone(),
            core.clone(),
            wanted,
            registered.clone(),
        ));
        let (takes, taken) = watch::channel(None);
        runtime.spawn(reporter::report(client.clone(), reports, registered, takes));
        Self {
            runtime: runtime.clone(),
            client,
            core: core.clone(),
            interest,
            report,
            taken,
        }
    }

    /// Sends an interest request for a watch; for one that has ended it is dropped.
    pub fn ask_interest(&self, stream: u64, request: InterestRequest) {
        let _ = self.interest.send((stream, request));
    }

    /// What the next reports say. Nothing is sent when it is what was said before.
    pub fn set_report(&self, report: StateReport) {
        self.report.send_if_modified(|known| {
            let differs = known.as_deref() != Some(&report);
            if differs {
                *known = Some(Arc::new(report));
            }
            differs
        });
    }

    /// Asks for a port; the answer comes as [`Message::Bind`].
    pub fn bind(&self, port: PortId, interface: &str) {
        let (client, core) = (self.client.clone(), self.core.clone());
        let interface = interface.to_owned();
        let (reports, taken) = (self.report.subscribe(), self.taken.clone());
        self.runtime.spawn(async move {
            let request = BindingRequest {
                port,
                interface: interface.clone(),
            };
            let outcome = bind(&client, &request, &reports, taken).await;
            let _ = core.send(Message::Bind(BindAnswer {
                port,
                interface: Some(interface),
                outcome,
            }));
        });
    }

    /// Gives a port back; the answer comes as [`Message::Bind`].
    pub fn unbind(&self, port: PortId) {
        let (client, core) = (self.client.clone(), self.core.clone());
        self.runtime.spawn(async move {
            let outcome = client.unbind(port).await;
            let _ = core.send(Message::Bind(BindAnswer {
                port,
                interface: None,
                outcome,
            }));
        });
    }
}

/// Asks for a port. A no may come of what the service does not know as yet of this host; then it is told,
/// and asked once more.
async fn bind(
    client: &Client,
    request: &BindingRequest,
    reports: &watch::Receiver<Newest>,
    mut taken: watch::Receiver<Newest>,
) -> Result<u64, ServiceError> {
    match client.bind(request).await {
        // A store that was made anew does not know the host.
        Err(error) if error.is_not_found() => drop(client.register().await?),
        // The interface that has the port may be gone.
        Err(error) if error.is_conflict() => {
            let newest = reports.borrow().clone();
            let is_taken = taken.wait_for(|taken| match (taken, &newest) {
                (Some(taken), Some(newest)) => taken == newest,
                _ => false,
            });
            if !matches!(tokio::time::timeout(REPORTED, is_taken).await, Ok(Ok(_))) {
                return Err(error);
            }
        }
        outcome => return outcome,
    }
    client.bind(request).await
}

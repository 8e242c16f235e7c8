//! The service behind the requests: the store, the topology in memory, the hosts' leases.
//!
//! ```text
//!  request ─▶ write: plan on `head` ─▶ store.commit ─▶ durable ─┐
//!                                                               ▼ store.watch
//!  request ─▶ read: `current` ◀───────── follow task ◀──────────┘
//!  watch streams ◀── history ◀──────────────┘
//! ```
//! `current` is what is durable; it alone is read and streamed. `head` runs ahead of it by the
//! transactions that are on their way to the disk, so that many writers share one wait for it.

pub(crate) mod binding;
mod follow;
pub(crate) mod hosts;
pub(crate) mod streams;
mod write;

pub(crate) use write::Planned;
#[cfg(any(test, fuzzing))]
pub(crate) use write::transaction;

use std::sync::{Arc, OnceLock};

use tokio::sync::{Mutex, watch};
use weft_observe::logs::Logs;
use weft_store::{Listing, Store, StoreError};
use weft_topology::policy::Established;

use crate::metrics::Counts;
use crate::model::Model;
use crate::model::document::DocumentError;

/// Shared by all requests.
pub(crate) struct Service {
    pub(crate) store: Arc<dyn Store>,
    /// Published by the follow task.
    current: watch::Sender<Arc<Model>>,
    head: Mutex<write::Head>,
    /// The hosts' watch streams.
    pub(crate) streams: streams::Streams,
    /// True once the service stops.
    stopping: watch::Sender<bool>,
    /// For metrics.
    pub(crate) counts: Counts,
    logs: OnceLock<Arc<Logs>>,
    /// What agents are told of connections that a removed rule admitted.
    established: OnceLock<Established>,
}

/// Why the service cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It holds something that is not understood.
    #[error("cannot read the topology in the store: {0}")]
    Document(String),
}

impl Service {
    /// Reads the topology from a store.
    pub(crate) async fn load(store: Arc<dyn Store>) -> Result<Arc<Self>, StartError> {
        let listing = store.list("").await?;
        let model = Model::load(&listing)
            .map_err(|error: DocumentError| StartError::Document(error.to_string()))?;
        let model = Arc::new(model);
        Ok(Arc::new(Self {
            streams: streams::Streams::new(model.revision),
            head: Mutex::new(write::Head::at(&model)),
            current: watch::Sender::new(model),
            stopping: watch::Sender::new(false),
            counts: Counts::new(),
            logs: OnceLock::new(),
            established: OnceLock::new(),
            store,
        }))
    }

    /// The topology as it is durable.
    pub(crate) fn current(&self) -> Arc<Model> {
        self.current.borrow().clone()
    }

    /// Tells of each new version of the topology.
    pub(crate) fn versions(&self) -> watch::Receiver<Arc<Model>> {
        self.current.subscribe()
    }

    /// Ends the watch streams, so that connections can be closed.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Turns true when the service stops.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Everything in the store, as of one revision.
    pub(crate) async fn listing(&self) -> Result<Listing, StoreError> {
        self.store.list("").await
    }

    /// The process's log, if it has begun one.
    pub(crate) fn logs(&self) -> Option<&Logs> {
        self.logs.get().map(|logs| &**logs)
    }

    /// Names the process's log; the first one counts.
    pub(crate) fn set_logs(&self, logs: Arc<Logs>) {
        let _ = self.logs.set(logs);
    }

    /// What removing a rule does to connections that it admitted.
    pub(crate) fn established(&self) -> Established {
        self.established.get().copied().unwrap_or_default()
    }

    /// Sets that, before anybody is served; the first one counts.
    pub(crate) fn set_established(&self, established: Established) {
        let _ = self.established.set(established);
    }

    /// The name of the store.
    pub(crate) fn store_id(&self) -> &str {
        self.store.id()
    }
}

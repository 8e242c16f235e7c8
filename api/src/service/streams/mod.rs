//! The hosts' watch streams: who has one open, and what changed of late.
//!
//! A stream has no queue of changes. It looks at the history for what happened since it last looked,
//! so a slow reader holds up nobody; one that falls behind the history begins anew with `relist`.

mod history;
mod stream;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};
use weft_store::Revision;
use weft_topology::ObjectId;
use weft_topology::id::HostId;
use weft_wire::watch::InterestRequest;

use crate::error::ApiError;
use crate::model::Model;
use history::History;
pub(crate) use stream::{HostStream, Resume};

/// Interest requests that may wait for a stream to look.
const INBOX: usize = 64;

/// The streams that are open.
pub(crate) struct Streams {
    history: Mutex<History>,
    inboxes: Mutex<HashMap<HostId, mpsc::Sender<InterestRequest>>>,
    /// Counts up when somebody wants to know how far the hosts are.
    nudge: watch::Sender<u64>,
}

impl Streams {
    /// No stream, and a history that begins at `revision`.
    pub(crate) fn new(revision: Revision) -> Self {
        Self {
            history: Mutex::new(History::new(revision)),
            inboxes: Mutex::default(),
            nudge: watch::Sender::new(0),
        }
    }

    /// Notes that objects changed from one model to the next.
    pub(crate) fn note(&self, before: &Model, after: &Model, changed: Vec<ObjectId>) {
        self.history().note(before, after, changed);
    }

    /// Begins the history anew: every stream will list anew.
    pub(crate) fn forget(&self, revision: Revision) {
        *self.history() = History::new(revision);
    }

    /// Hands a request to the host's stream.
    pub(crate) fn interest(&self, host: HostId, request: InterestRequest) -> Result<(), ApiError> {
        let inboxes = self.inboxes();
        let closed = || {
            ApiError::Conflict(format!(
                "host {host} has no watch open: interest lives as long as a watch"
            ))
        };
        let inbox = inboxes.get(&host).ok_or_else(closed)?;
        inbox.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ApiError::Unavailable(format!(
                "host {host} does not read its watch: {INBOX} interest requests wait"
            )),
            mpsc::error::TrySendError::Closed(_) => closed(),
        })
    }

    /// Makes every stream say now which revision it has reached.
    pub(crate) fn nudge(&self) {
        self.nudge.send_modify(|count| *count += 1);
    }

    /// The oldest revision from which a stream can go on.
    pub(crate) fn history_start(&self) -> Revision {
        self.history().start
    }

    /// How many streams are open.
    pub(crate) fn open_count(&self) -> usize {
        let inboxes = self.inboxes();
        inboxes.values().filter(|inbox| !inbox.is_closed()).count()
    }

    /// Opens a host's inbox. The one it had before is closed, and the stream with it.
    fn open(&self, host: HostId) -> mpsc::Receiver<InterestRequest> {
        let (sender, receiver) = mpsc::channel(INBOX);
        let mut inboxes = self.inboxes();
        inboxes.retain(|_, inbox| !inbox.is_closed());
        inboxes.insert(host, sender);
        receiver
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inboxes(&self) -> MutexGuard<'_, HashMap<HostId, mpsc::Sender<InterestRequest>>> {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

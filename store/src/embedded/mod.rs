//! The store in a file of this process: nothing to install, one process at a time.
//!
//! ```text
//!  callers ──commit──▶ queue ──▶ writer thread ──▶ file
//!  callers ──get, list──▶ blocking pool ──reads──▶ file
//!  watches: wake on `newest` ──▶ blocking pool ──reads log and objects──▶ file
//! ```
//! Readers see the last commit and never wait for the writer.

mod careful;
mod file;
mod tables;
#[cfg(test)]
mod tests;
mod writer;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use redb::Database;
use tokio::sync::{oneshot, watch};

use crate::error::{CommitError, Fault, OpenError, StoreError, WatchError};
use crate::lease::{LeaseState, Leases};
use crate::txn::{Batch, Entry, Listing, Revision, Txn};
use crate::{Store, embedded::tables::Head};
use writer::Job;

/// The store in a file.
#[derive(Debug)]
pub struct Embedded {
    shared: Arc<Shared>,
    queue: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

/// How an embedded store behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many revisions a watch can go back.
    pub log_length: u64,
    /// How long after the start nobody's lease counts as lapsed.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            log_length: 100_000,
            grace: Duration::from_secs(10),
        }
    }
}

type Opener = Box<dyn Fn() -> Result<(Database, Head), OpenError> + Send + Sync>;

/// What callers, watches and the writer share.
struct Shared {
    /// Why it is closed, while the file could not be opened again after a failure.
    db: RwLock<Result<Database, String>>,
    opener: Opener,
    id: String,
    log_length: u64,
    newest: watch::Sender<Revision>,
    leases: Leases,
}

impl Embedded {
    /// Opens the file, or makes a new one with its folder. Blocks for the time of one read of it.
    pub fn open(path: &Path, options: &Options) -> Result<Self, OpenError> {
        let path: PathBuf = path.to_owned();
        Self::open_by(Box::new(move || file::open(&path)), options)
    }

    fn open_by(opener: Opener, options: &Options) -> Result<Self, OpenError> {
        let (db, head) = opener()?;
        let shared = Arc::new(Shared {
            db: RwLock::new(Ok(db)),
            opener,
            id: head.id,
            log_length: options.log_length.max(1),
            newest: watch::Sender::new(head.newest),
            leases: Leases::new(options.grace, Instant::now()),
        });
        let (queue, jobs) = mpsc::channel();
        let for_writer = shared.clone();
        Ok(Self {
            shared,
            queue: Some(queue),
            writer: Some(std::thread::spawn(move || writer::run(&for_writer, &jobs))),
        })
    }
}

impl Drop for Embedded {
    /// Waits for the transactions that are queued.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer had panicked");
        }
    }
}

impl Store for Embedded {
    fn id(&self) -> &str {
        &self.shared.id
    }

    fn newest(&self) -> Revision {
        *self.shared.newest.borrow()
    }

    fn get(&self, key: &str) -> BoxFuture<'_, Result<Option<Entry>, StoreError>> {
        let key = key.to_owned();
        self.shared
            .read_apart("reading a document", move |db| tables::get(db, &key))
            .boxed()
    }

    fn list(&self, prefix: &str) -> BoxFuture<'_, Result<Listing, StoreError>> {
        let prefix = prefix.to_owned();
        self.shared
            .read_apart("listing documents", move |db| tables::list(db, &prefix))
            .boxed()
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'static, Result<Revision, CommitError>> {
        let (answer, answered) = oneshot::channel();
        if let Some(queue) = &self.queue {
            // When the writer is gone the job is dropped, and the answer's other end with it.
            drop(queue.send(Job { txn, answer }));
        }
        async move {
            answered.await.unwrap_or_else(|_| {
                Err(StoreError {
                    attempt: "committing a transaction",
                    fault: Fault::Other,
                    problem: "its writer is gone".to_owned(),
                }
                .into())
            })
        }
        .boxed()
    }

    fn watch(&self, after: Revision) -> BoxStream<'static, Result<Batch, WatchError>> {
        let wake = self.shared.newest.subscribe();
        futures::stream::try_unfold(
            (self.shared.clone(), wake, after),
            |(shared, mut wake, after)| async move {
                loop {
                    wake.mark_unchanged();
                    let found = shared
                        .read_apart("reading the log", move |db| tables::changes(db, after))
                        .await??;
                    if let Some(batch) = found {
                        let after = batch.revision;
                        return Ok(Some((batch, (shared, wake, after))));
                    }
                    if wake.changed().await.is_err() {
                        return Ok(None);
                    }
                }
            },
        )
        .into_stream()
        .boxed()
    }

    fn renew(
        &self,
        name: &str,
        value: String,
        ttl: Duration,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.shared.leases.renew(name, value, ttl, Instant::now());
        futures::future::ready(Ok(())).boxed()
    }

    fn revoke(&self, name: &str) -> BoxFuture<'_, Result<(), StoreError>> {
        self.shared.leases.revoke(name);
        futures::future::ready(Ok(())).boxed()
    }

    fn lease(&self, name: &str) -> LeaseState {
        self.shared.leases.state(name, Instant::now())
    }
}

impl Shared {
    /// Uses the database on this thread.
    fn read<T>(
        &self,
        attempt: &'static str,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let failed = |fault, problem| StoreError {
            attempt,
            fault,
            problem,
        };
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        let db = db
            .as_ref()
            .map_err(|why| failed(Fault::Other, format!("it could not be opened again: {why}")))?;
        work(db).map_err(|error| failed(fault_of(&error), error.to_string()))
    }

    /// Uses the database on a thread that may block.
    fn read_apart<T: Send + 'static>(
        self: &Arc<Self>,
        attempt: &'static str,
        work: impl FnOnce(&Database) -> Result<T, redb::Error> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        let shared = self.clone();
        async move {
            let task = tokio::task::spawn_blocking(move || shared.read(attempt, work));
            task.await.unwrap_or_else(|error| {
                Err(StoreError {
                    attempt,
                    fault: Fault::Other,
                    problem: error.to_string(),
                })
            })
        }
    }

    fn is_closed(&self) -> bool {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        db.is_err()
    }

    /// Closes the database and opens it again: after a failed write it refuses all others.
    fn reopen(&self) {
        let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        // The file has to be free before it is opened.
        *db = Err("it is being opened".to_owned());
        *db = match (self.opener)() {
            Ok((_, head)) if head.id != self.id => {
                Err("another store lies in the file's place".to_owned())
            }
            Ok((opened, head)) => {
                self.newest.send_replace(head.newest);
                Ok(opened)
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = db.as_ref() {
            tracing::error!(why, "the store stays closed for now");
        }
    }
}

fn fault_of(error: &redb::Error) -> Fault {
    match error {
        redb::Error::Io(error)
            if matches!(
                error.kind(),
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
            ) =>
        {
            Fault::DiskFull
        }
        _ => Fault::Other,
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("id", &self.id)
            .field("newest", &*self.newest.borrow())
            .finish_non_exhaustive()
    }
}

//! A store in memory, for one service that lives no longer than an input.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, ready};
use futures::stream::{BoxStream, StreamExt, unfold};
use tokio::sync::mpsc;
use weft_store::{
    Batch, Change, CommitError, Conflict, Entry, LeaseState, Listing, Op, Revision, Store,
    StoreError, Txn, WatchError,
};

/// The store.
#[derive(Debug, Default)]
pub(super) struct Memory {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<String, Entry>,
    log: Vec<Batch>,
    leases: BTreeMap<String, String>,
    watchers: Vec<mpsc::UnboundedSender<Batch>>,
}

impl State {
    fn newest(&self) -> Revision {
        self.log.last().map_or(0, |batch| batch.revision)
    }
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self, txn: Txn) -> Result<Revision, CommitError> {
        let mut state = self.state();
        let newest = state.newest();
        if let Some(base) = txn.base.filter(|base| *base != newest) {
            return Err(Conflict::Moved { base, newest }.into());
        }
        assert!(txn.compare.is_empty(), "the service compares no keys");
        let revision = newest + 1;
        let mut changes = Vec::new();
        for op in txn.ops {
            changes.push(match op {
                Op::Put { key, schema, json } => {
                    let entry = Entry {
                        key: key.clone(),
                        revision,
                        schema,
                        json,
                    };
                    state.entries.insert(key, entry.clone());
                    Change::Put(entry)
                }
                Op::Delete { key } => {
                    state.entries.remove(&key);
                    Change::Deleted { key, revision }
                }
            });
        }
        changes.sort_by(|a, b| a.key().cmp(b.key()));
        let twice = changes.windows(2).find(|of| of[0].key() == of[1].key());
        assert!(twice.is_none(), "two operations for one key: {twice:?}");
        let batch = Batch { revision, changes };
        state
            .watchers
            .retain(|watcher| watcher.send(batch.clone()).is_ok());
        state.log.push(batch);
        Ok(revision)
    }
}

impl Store for Memory {
    fn id(&self) -> &str {
        "memory"
    }

    fn newest(&self) -> Revision {
        self.state().newest()
    }

    fn get(&self, key: &str) -> BoxFuture<'_, Result<Option<Entry>, StoreError>> {
        ready(Ok(self.state().entries.get(key).cloned())).boxed()
    }

    fn list(&self, prefix: &str) -> BoxFuture<'_, Result<Listing, StoreError>> {
        let state = self.state();
        let entries = state.entries.values();
        let listing = Listing {
            revision: state.newest(),
            entries: entries
                .filter(|entry| entry.key.starts_with(prefix))
                .cloned()
                .collect(),
        };
        ready(Ok(listing)).boxed()
    }

    fn commit(&self, txn: Txn) -> BoxFuture<'static, Result<Revision, CommitError>> {
        ready(self.make(txn)).boxed()
    }

    fn watch(&self, after: Revision) -> BoxStream<'static, Result<Batch, WatchError>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut state = self.state();
        for batch in state.log.iter().filter(|batch| batch.revision > after) {
            let _ = sender.send(batch.clone());
        }
        state.watchers.push(sender);
        unfold(receiver, |mut receiver| async move {
            Some((Ok(receiver.recv().await?), receiver))
        })
        .boxed()
    }

    fn renew(
        &self,
        name: &str,
        value: String,
        _ttl: Duration,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.state().leases.insert(name.to_owned(), value);
        ready(Ok(())).boxed()
    }

    fn revoke(&self, name: &str) -> BoxFuture<'_, Result<(), StoreError>> {
        self.state().leases.remove(name);
        ready(Ok(())).boxed()
    }

    fn lease(&self, name: &str) -> LeaseState {
        match self.state().leases.get(name) {
            Some(value) => LeaseState::Held {
                value: value.as_str().into(),
            },
            None => LeaseState::Lapsed,
        }
    }
}

//! Writes: plan on the newest model, commit one transaction, answer when it is durable.
//!
//! Races and their answers:
//! - Two requests plan at the same time: planning holds the lock of `head`, and each transaction
//!   names the revision that it was planned on (`base`); the store refuses it if that moved.
//! - A transaction fails whose successors were planned on top of it: their base fails with it; each is
//!   planned anew on what is durable.
//! - Another replica wrote in between: the same.
//! - A request is cancelled while its transaction is on its way: the transaction stays; should it fail,
//!   the next one fails with it and rewinds.

use std::sync::Arc;
use std::time::Instant;

use weft_store::{CommitError, Conflict, Revision, Txn};
use weft_topology::Change;

use super::Service;
use crate::error::ApiError;
use crate::model::Model;
use crate::model::document::{self, Document};
use crate::model::tunnel_key;

/// How often a transaction is planned anew when others were faster.
const ATTEMPTS: usize = 16;

/// What the next transaction is planned on.
pub(super) struct Head {
    model: Arc<Model>,
    /// Counts up whenever the model goes back to what is durable.
    rewinds: u64,
}

impl Head {
    pub(super) fn at(model: &Arc<Model>) -> Self {
        Self {
            model: model.clone(),
            rewinds: 0,
        }
    }
}

/// What a transaction shall do.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    /// Changes of objects; what follows from them is added.
    pub(crate) changes: Vec<Change>,
    /// Other documents.
    pub(crate) documents: Vec<Document>,
}

impl Service {
    /// Makes the changes that `plan` finds, with all that follows from them. Returns what else
    /// `plan` returned, when the changes are durable and visible. `plan` may be called several times.
    pub(crate) async fn write<T>(
        &self,
        plan: impl Fn(&Model) -> Result<(Vec<Change>, T), ApiError>,
    ) -> Result<T, ApiError> {
        self.write_at(plan).await.map(|(value, _)| value)
    }

    /// The same, with the revision at which it was so.
    pub(crate) async fn write_at<T>(
        &self,
        plan: impl Fn(&Model) -> Result<(Vec<Change>, T), ApiError>,
    ) -> Result<(T, Revision), ApiError> {
        self.write_planned(|model| {
            let (changes, value) = plan(model)?;
            let documents = Vec::new();
            Ok((Planned { changes, documents }, value))
        })
        .await
    }

    /// The same for a transaction that changes other documents, too.
    pub(crate) async fn write_planned<T>(
        &self,
        plan: impl Fn(&Model) -> Result<(Planned, T), ApiError>,
    ) -> Result<(T, Revision), ApiError> {
        let mut moved = None;
        for _ in 0..ATTEMPTS {
            let mut head = self.head.lock().await;
            let model = head.model.clone();
            let (planned, value) = plan(&model)?;
            let Some((txn, next)) = transaction(&model, planned)? else {
                drop(head);
                self.visible(model.revision).await?;
                return Ok((value, model.revision));
            };
            let rewinds = head.rewinds;
            let begun = Instant::now();
            let committed = self.store.commit(txn);
            head.model = Arc::new(next);
            drop(head);

            let outcome = committed.await;
            self.counts.commit(begun, &outcome);
            match outcome {
                Ok(revision) => {
                    self.visible(revision).await?;
                    return Ok((value, revision));
                }
                Err(CommitError::Conflict(conflict)) => {
                    self.rewind(rewinds).await?;
                    moved = Some(conflict);
                }
                Err(error) => {
                    self.rewind(rewinds).await?;
                    return Err(error.into());
                }
            }
        }
        let newest = self.store.newest();
        let conflict = moved.unwrap_or(Conflict::Moved {
            base: newest,
            newest,
        });
        Err(CommitError::Conflict(conflict).into())
    }

    /// Lets the head begin anew on what is durable, unless another request has done so already.
    async fn rewind(&self, seen: u64) -> Result<(), ApiError> {
        self.visible(self.store.newest()).await?;
        let mut head = self.head.lock().await;
        if head.rewinds == seen {
            head.rewinds += 1;
            head.model = self.current();
        }
        Ok(())
    }

    /// Waits until a revision can be read.
    async fn visible(&self, revision: Revision) -> Result<(), ApiError> {
        self.current
            .subscribe()
            .wait_for(|model| model.revision >= revision)
            .await
            .map(drop)
            .map_err(|_| ApiError::Unavailable("the service is stopping".into()))
    }
}

/// The transaction that makes changes, and the model with it; `None` when they change nothing.
pub(crate) fn transaction(
    model: &Model,
    planned: Planned,
) -> Result<Option<(Txn, Model)>, ApiError> {
    let Planned {
        mut changes,
        documents: others,
    } = planned;
    let counter = tunnel_key::number(model, &mut changes)?;
    let applied = model.topology.apply(changes)?;
    if applied.changes.is_empty() && others.is_empty() {
        return Ok(None);
    }
    let documents: Vec<Document> = applied
        .changes
        .into_iter()
        .map(Document::Object)
        .chain(others)
        .chain(counter)
        .collect();
    let txn = Txn {
        base: Some(model.revision),
        compare: Vec::new(),
        ops: documents.iter().map(document::write).collect(),
    };
    let next = model.ahead(model.revision + 1, applied.topology, &documents);
    Ok(Some((txn, next)))
}

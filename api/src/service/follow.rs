//! The follow task: from the store's watch to the current model and the streams' history.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use weft_store::{Batch, WatchError};

use super::Service;
use crate::model::document::{self, DocumentError};
use crate::model::{Changed, Model};

/// How long to wait before the store is asked again after it failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Why the service cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    /// The store holds what this program does not understand.
    #[error("cannot follow the store: {0}")]
    Document(#[from] DocumentError),
    /// The store is gone.
    #[error("cannot follow the store: it ended")]
    Ended,
}

impl Service {
    /// Follows the store until that is no longer possible.
    pub(crate) async fn follow(&self) -> FollowError {
        loop {
            let mut batches = self.store.watch(self.current().revision);
            let trouble = loop {
                match batches.next().await {
                    Some(Ok(batch)) => {
                        if let Err(error) = self.publish(batch) {
                            return error.into();
                        }
                    }
                    Some(Err(trouble)) => break trouble,
                    None => return FollowError::Ended,
                }
            };
            tracing::warn!(error = %trouble, "the watch of the store was interrupted");
            match trouble {
                WatchError::Compacted { .. } => match self.reload().await {
                    Ok(()) => {}
                    Err(Some(error)) => return error.into(),
                    Err(None) => tokio::time::sleep(PAUSE).await,
                },
                WatchError::Store(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn publish(&self, batch: Batch) -> Result<(), DocumentError> {
        let changed = batch
            .changes
            .iter()
            .map(|change| Ok((change.revision(), document::read_change(change)?)))
            .collect::<Result<Vec<Changed>, DocumentError>>()?;
        let before = self.current();
        let ids: Vec<_> = changed
            .iter()
            .filter_map(|(_, doc)| doc.object_id())
            .collect();
        let after = Arc::new(before.after(batch.revision, changed));
        // The history first: whoever sees the new model finds in it what led there.
        self.streams.note(&before, &after, ids);
        self.current.send_replace(after);
        Ok(())
    }

    /// Begins anew on what the store holds now; `Err(None)` when it cannot be read.
    async fn reload(&self) -> Result<(), Option<DocumentError>> {
        let listing = self.store.list("").await.map_err(|error| {
            tracing::warn!(%error, "the store could not be listed");
            None
        })?;
        let model = Arc::new(Model::load(&listing).map_err(Some)?);
        self.streams.forget(model.revision);
        self.current.send_replace(model);
        Ok(())
    }
}

//! Promises about watches.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;

use super::{commit, delete, in_time, put, txn};
use crate::{Batch, Change, Revision, Store, WatchError};

type Batches = BoxStream<'static, Result<Batch, WatchError>>;

/// What a watcher knows: the documents, rebuilt from what it was told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    revision: Revision,
    documents: BTreeMap<String, String>,
}

impl Told {
    fn take(&mut self, batch: Batch) {
        assert!(batch.revision > self.revision, "batches ascend");
        for change in &batch.changes {
            let revision = change.revision();
            assert!(revision > self.revision, "told twice: {change:?}");
            assert!(revision <= batch.revision, "from the future: {change:?}");
            match change {
                Change::Put(entry) => {
                    self.documents.insert(entry.key.clone(), entry.json.clone());
                }
                Change::Deleted { key, .. } => {
                    self.documents.remove(key);
                }
            }
        }
        self.revision = batch.revision;
    }

    async fn reach(&mut self, batches: &mut Batches, revision: Revision) {
        while self.revision < revision {
            self.take(next(batches).await);
        }
    }
}

async fn next(batches: &mut Batches) -> Batch {
    match in_time("a batch", batches.next()).await {
        Some(Ok(batch)) => batch,
        other => panic!("a watch gave {other:?}"),
    }
}

async fn documents(store: &Arc<dyn Store>) -> Told {
    let listing = store.list("").await.expect("a list");
    let documents = listing.entries.into_iter();
    Told {
        revision: listing.revision,
        documents: documents.map(|entry| (entry.key, entry.json)).collect(),
    }
}

pub(super) async fn a_watch_tells_everything_after_its_revision_once(store: Arc<dyn Store>) {
    commit(&store, txn([put("a", "1"), put("b", "1")])).await;
    commit(&store, txn([put("a", "2"), delete("b"), put("c", "1")])).await;
    let mut told = Told::default();
    let mut batches = store.watch(0);
    told.reach(&mut batches, 2).await;
    assert_eq!(told, documents(&store).await);
    for n in 3..=40u64 {
        let key = format!("k{}", n % 7);
        let op = if n % 5 == 0 {
            delete(&key)
        } else {
            put(&key, &n.to_string())
        };
        commit(&store, txn([op])).await;
    }
    told.reach(&mut batches, 40).await;
    assert_eq!(told, documents(&store).await);
}

pub(super) async fn a_watch_continues_where_another_ended(store: Arc<dyn Store>) {
    let mut told = Told::default();
    for n in 1..=10u64 {
        commit(&store, txn([put(&format!("k{}", n % 3), &n.to_string())])).await;
        if n % 2 == 0 {
            // A new watch each time, from where the last one was.
            let mut batches = store.watch(told.revision);
            told.reach(&mut batches, n).await;
        }
    }
    assert_eq!(told, documents(&store).await);
    let one_left_out = next(&mut store.watch(9)).await;
    assert_eq!(one_left_out.revision, 10);
    assert_eq!(one_left_out.changes.len(), 1);
}

pub(super) async fn a_watch_waits_for_what_has_not_happened_yet(store: Arc<dyn Store>) {
    let mut batches = store.watch(0);
    let waiting = tokio::spawn(async move { next(&mut batches).await });
    tokio::task::yield_now().await;
    commit(&store, txn([put("a", "1")])).await;
    let batch = in_time("the change", waiting).await.expect("a batch");
    assert_eq!(batch.revision, 1);
    assert_eq!(batch.changes[0].key(), "a");
}

/// Pairs of documents are always written together and equal.
pub(super) async fn a_watch_never_shows_a_part_of_a_transaction(store: Arc<dyn Store>) {
    const LAST: u64 = 200;
    let mut batches = store.watch(0);
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        for n in 1..=LAST {
            let pair = format!("pair{}", n % 3);
            let json = n.to_string();
            let (one, other) = (format!("{pair}/one"), format!("{pair}/other"));
            commit(&writer, txn([put(&one, &json), put(&other, &json)])).await;
        }
    });
    let mut told = Told::default();
    while told.revision < LAST {
        told.take(next(&mut batches).await);
        for (key, json) in &told.documents {
            let twin = key.replace("/one", "/other");
            assert_eq!(
                told.documents.get(&twin),
                Some(json),
                "at {}",
                told.revision
            );
        }
    }
    in_time("the writer", writing).await.expect("the writer");
    assert_eq!(told, documents(&store).await);
}

pub(super) async fn a_watch_from_the_future_is_refused(store: Arc<dyn Store>) {
    commit(&store, txn([put("a", "1")])).await;
    let mut batches = store.watch(2);
    let refused = in_time("an answer", batches.next()).await;
    assert!(
        matches!(refused, Some(Err(WatchError::Compacted { newest: 1, .. }))),
        "{refused:?}"
    );
    assert_eq!(batches.next().await, None, "an error ends the stream");
}

pub(super) async fn a_reader_that_is_slow_holds_up_nobody(store: Arc<dyn Store>) {
    commit(&store, txn([put("k0", "0")])).await;
    let mut batches = store.watch(0);
    let mut told = Told::default();
    told.take(next(&mut batches).await);
    // Far more than any queue holds, while the watch is not read.
    for n in 2..=3_000u64 {
        drop(store.commit(txn([put(&format!("k{}", n % 100), &n.to_string())])));
    }
    commit(&store, txn([delete("k0")])).await;
    told.reach(&mut batches, 3_001).await;
    assert_eq!(told, documents(&store).await);
}

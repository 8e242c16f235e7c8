//! What every backend must do, as cases that a test runs on a fresh store each.
//!
//! A case panics where a promise of [`Store`] is broken. Cases never assert a time; each has a limit
//! by [`in_time`].

mod commit;
mod lease;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::{Expect, Op, Revision, Store, Txn};

/// A promise and the code that tries to break it.
#[derive(Clone, Copy)]
pub struct Case {
    /// The promise.
    pub name: &'static str,
    /// Given a store that is empty.
    pub run: fn(Arc<dyn Store>) -> BoxFuture<'static, ()>,
}

macro_rules! cases {
    ($($module:ident: $($name:ident),+;)*) => {
        /// All cases.
        pub const CASES: &[Case] = &[
            $($(Case { name: stringify!($name), run: |store| Box::pin($module::$name(store)) },)+)*
        ];
    };
}

cases! {
    commit:
        a_fresh_store_is_empty,
        a_document_is_read_as_it_was_written,
        a_list_is_sorted_and_ends_with_its_prefix,
        every_transaction_counts_up_by_one,
        a_transaction_happens_only_if_all_that_it_expects_holds,
        a_base_that_moved_is_a_conflict,
        a_malformed_transaction_is_refused,
        transactions_take_effect_in_the_order_of_the_calls,
        a_transaction_goes_on_when_nobody_waits_for_it,
        no_update_is_lost_among_many_writers,
        five_thousand_documents_change_at_once;
    watch:
        a_watch_tells_everything_after_its_revision_once,
        a_watch_continues_where_another_ended,
        a_watch_waits_for_what_has_not_happened_yet,
        a_watch_never_shows_a_part_of_a_transaction,
        a_watch_from_the_future_is_refused,
        a_reader_that_is_slow_holds_up_nobody;
    lease:
        a_lease_is_held_with_its_value_until_it_is_revoked;
}

/// Runs every case on a store of its own.
pub async fn run(fresh: impl AsyncFn() -> Arc<dyn Store>) {
    for case in CASES {
        tracing::info!(case = case.name);
        let store = fresh().await;
        in_time(case.name, (case.run)(store)).await;
    }
}

/// Waits for something that must happen.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(60), future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: it did not happen in time"),
    }
}

pub(crate) fn put(key: &str, json: &str) -> Op {
    Op::Put {
        key: key.to_owned(),
        schema: 1,
        json: json.to_owned(),
    }
}

pub(crate) fn delete(key: &str) -> Op {
    Op::Delete {
        key: key.to_owned(),
    }
}

pub(crate) fn txn(ops: impl IntoIterator<Item = Op>) -> Txn {
    Txn {
        ops: ops.into_iter().collect(),
        ..Txn::default()
    }
}

pub(crate) fn expecting(expect: &[(&str, Expect)], ops: impl IntoIterator<Item = Op>) -> Txn {
    Txn {
        compare: expect
            .iter()
            .map(|(key, expect)| ((*key).to_owned(), *expect))
            .collect(),
        ..txn(ops)
    }
}

/// Commits what must succeed.
pub(crate) async fn commit(store: &Arc<dyn Store>, txn: Txn) -> Revision {
    match store.commit(txn).await {
        Ok(revision) => revision,
        Err(error) => panic!("a transaction that must succeed failed: {error}"),
    }
}

/// The JSON of a document.
pub(crate) async fn json_of(store: &Arc<dyn Store>, key: &str) -> Option<String> {
    match store.get(key).await {
        Ok(entry) => entry.map(|entry| entry.json),
        Err(error) => panic!("'{key}' could not be read: {error}"),
    }
}

/// The keys under a prefix.
pub(crate) async fn keys(store: &Arc<dyn Store>, prefix: &str) -> Vec<String> {
    match store.list(prefix).await {
        Ok(listing) => listing.entries.into_iter().map(|entry| entry.key).collect(),
        Err(error) => panic!("'{prefix}' could not be listed: {error}"),
    }
}

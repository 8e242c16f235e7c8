//! Promises about transactions and reading.

use std::sync::Arc;

use super::{commit, delete, expecting, json_of, keys, put, txn};
use crate::{CommitError, Conflict, Expect, Store, Txn};

pub(super) async fn a_fresh_store_is_empty(store: Arc<dyn Store>) {
    assert_eq!(store.newest(), 0);
    assert!(!store.id().is_empty());
    assert_eq!(keys(&store, "").await, Vec::<String>::new());
    assert_eq!(json_of(&store, "a/1").await, None);
}

pub(super) async fn a_document_is_read_as_it_was_written(store: Arc<dyn Store>) {
    let text = r#"{"text": "ä \"quoted\" \u0000 line\nend", "number": 18446744073709551615}"#;
    let revision = commit(&store, txn([put("a/1", text)])).await;
    let entry = store.get("a/1").await.ok().flatten();
    let entry = entry.expect("the document is there");
    assert_eq!((entry.key.as_str(), entry.schema), ("a/1", 1));
    assert_eq!((entry.json.as_str(), entry.revision), (text, revision));

    let later = commit(&store, txn([put("a/1", "2"), put("a/2", "2")])).await;
    assert_eq!(json_of(&store, "a/1").await.as_deref(), Some("2"));
    commit(&store, txn([delete("a/1")])).await;
    assert_eq!(json_of(&store, "a/1").await, None);
    let listing = store.list("").await.expect("a list");
    assert_eq!(listing.revision, later + 1);
    assert_eq!(listing.entries[0].revision, later, "the other is untouched");
}

pub(super) async fn a_list_is_sorted_and_ends_with_its_prefix(store: Arc<dyn Store>) {
    let written = ["b/2", "a/10", "a/9", "b/1", "a", "ab/1", "c/\u{10ffff}"];
    commit(&store, txn(written.map(|key| put(key, "0")))).await;
    assert_eq!(keys(&store, "a/").await, ["a/10", "a/9"]);
    assert_eq!(keys(&store, "b").await, ["b/1", "b/2"]);
    assert_eq!(keys(&store, "d").await, Vec::<String>::new());
    assert_eq!(keys(&store, "").await.len(), written.len());
}

pub(super) async fn every_transaction_counts_up_by_one(store: Arc<dyn Store>) {
    for expected in 1..=5 {
        let revision = commit(&store, txn([put("k", &expected.to_string())])).await;
        assert_eq!(revision, expected);
        assert_eq!(store.newest(), expected);
    }
    let nothing_there = commit(&store, txn([delete("other")])).await;
    assert_eq!(nothing_there, 6, "a removal in vain is a transaction, too");
    assert_eq!(commit(&store, Txn::default()).await, 6, "nothing to do");
}

pub(super) async fn a_transaction_happens_only_if_all_that_it_expects_holds(store: Arc<dyn Store>) {
    use Expect::{Absent, At};
    let first = commit(&store, expecting(&[("a", Absent)], [put("a", "1")])).await;
    let ops = || [put("a", "2"), put("b", "2"), delete("c")];

    let refused = store.commit(expecting(&[("b", Absent), ("a", Absent)], ops()));
    let exists = Conflict::Exists {
        key: "a".into(),
        found: first,
    };
    assert_eq!(refused.await, Err(CommitError::Conflict(exists)));

    let refused = store.commit(expecting(&[("a", At(first + 7))], ops()));
    let changed = Conflict::Changed {
        key: "a".into(),
        expected: first + 7,
        found: Some(first),
    };
    assert_eq!(refused.await, Err(CommitError::Conflict(changed)));

    let refused = store.commit(expecting(&[("a", At(first)), ("b", At(first))], ops()));
    let gone = Conflict::Changed {
        key: "b".into(),
        expected: first,
        found: None,
    };
    assert_eq!(refused.await, Err(CommitError::Conflict(gone)));

    assert_eq!(
        store.newest(),
        first,
        "a refused transaction has no revision"
    );
    assert_eq!(json_of(&store, "a").await.as_deref(), Some("1"));
    assert_eq!(json_of(&store, "b").await, None);
    commit(&store, expecting(&[("a", At(first)), ("b", Absent)], ops())).await;
    assert_eq!(json_of(&store, "b").await.as_deref(), Some("2"));
}

pub(super) async fn a_base_that_moved_is_a_conflict(store: Arc<dyn Store>) {
    let on = |base, key: &str| Txn {
        base: Some(base),
        ..txn([put(key, "1")])
    };
    assert_eq!(commit(&store, on(0, "a")).await, 1);
    let moved = Conflict::Moved { base: 0, newest: 1 };
    let refused = store.commit(on(0, "b")).await;
    assert_eq!(refused, Err(CommitError::Conflict(moved)));
    assert_eq!(commit(&store, on(1, "c")).await, 2);
    assert_eq!(keys(&store, "").await, ["a", "c"]);
}

pub(super) async fn a_malformed_transaction_is_refused(store: Arc<dyn Store>) {
    for ops in [[put("a", "1"), delete("a")], [put("b", "1"), put("", "1")]] {
        let refused = store.commit(txn(ops)).await;
        assert!(
            matches!(refused, Err(CommitError::Malformed { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(keys(&store, "").await, Vec::<String>::new());
}

pub(super) async fn transactions_take_effect_in_the_order_of_the_calls(store: Arc<dyn Store>) {
    let calls: Vec<_> = (1..=50u64)
        .map(|n| store.commit(txn([put("k", &n.to_string())])))
        .collect();
    let mut revisions = Vec::new();
    for call in calls.into_iter().rev() {
        revisions.push(call.await.expect("a revision"));
    }
    revisions.reverse();
    assert_eq!(revisions, (1..=50).collect::<Vec<_>>());
    assert_eq!(json_of(&store, "k").await.as_deref(), Some("50"));
}

pub(super) async fn a_transaction_goes_on_when_nobody_waits_for_it(store: Arc<dyn Store>) {
    drop(store.commit(txn([put("a", "1")])));
    assert_eq!(commit(&store, txn([put("b", "1")])).await, 2);
    assert_eq!(keys(&store, "").await, ["a", "b"]);
}

pub(super) async fn no_update_is_lost_among_many_writers(store: Arc<dyn Store>) {
    const WRITERS: u64 = 8;
    const EACH: u64 = 20;
    commit(&store, txn([put("sum", "0")])).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| tokio::spawn(add(store.clone(), EACH)))
        .collect();
    for writer in writers {
        writer.await.expect("a writer");
    }
    let sum = json_of(&store, "sum").await;
    assert_eq!(sum, Some((WRITERS * EACH).to_string()));
}

/// Adds one to a number, some times, as others do.
async fn add(store: Arc<dyn Store>, times: u64) {
    for _ in 0..times {
        loop {
            let entry = store.get("sum").await.ok().flatten().expect("the sum");
            let sum: u64 = entry.json.parse().expect("a number");
            let expect = Expect::At(entry.revision);
            let plus_one = put("sum", &(sum + 1).to_string());
            match store
                .commit(expecting(&[("sum", expect)], [plus_one]))
                .await
            {
                Ok(_) => break,
                Err(CommitError::Conflict(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

pub(super) async fn five_thousand_documents_change_at_once(store: Arc<dyn Store>) {
    let key = |n: u32| format!("object/{n:04}");
    let all = |json: &str| txn((0..5_000).map(|n| put(&key(n), json)));
    commit(&store, all("1")).await;
    let second = commit(&store, all("2")).await;
    let listing = store.list("object/").await.expect("a list");
    assert_eq!(listing.entries.len(), 5_000);
    for entry in listing.entries {
        assert_eq!((entry.json.as_str(), entry.revision), ("2", second));
    }
}

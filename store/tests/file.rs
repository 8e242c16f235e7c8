//! The embedded store's file: damage is refused and left alone, a file in use is said to be so, the
//! log has its length.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use futures::StreamExt;
use proptest::prelude::*;
use weft_store::{Embedded, Listing, Op, OpenError, Options, Store, Txn, WatchError};

fn put(key: &str, json: &str) -> Op {
    Op::Put {
        key: key.to_owned(),
        schema: 1,
        json: json.to_owned(),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(future)
}

fn open(path: &Path) -> Result<Embedded, OpenError> {
    Embedded::open(path, &Options::default())
}

/// Writes some hundred documents of different lengths in many transactions.
fn fill(store: &Embedded) {
    block_on(async {
        for n in 0..120u32 {
            let text = format!("\"{}\"", "x".repeat((n * 37 % 900) as usize));
            let ops = [
                put(&format!("a/{n}"), &text),
                put(&format!("b/{}", n % 7), &text),
            ];
            let txn = Txn {
                ops: ops.into(),
                ..Txn::default()
            };
            store.commit(txn).await.unwrap();
        }
    });
}

fn content(store: &Embedded) -> Listing {
    block_on(store.list("")).unwrap()
}

/// A file that was closed as it should be, a copy of it as it was while open, and what is in both.
fn two_files() -> (Vec<u8>, Vec<u8>, Listing) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topology.redb");
    let store = open(&path).unwrap();
    fill(&store);
    let listing = content(&store);
    let as_if_killed = std::fs::read(&path).unwrap();
    drop(store);
    (std::fs::read(&path).unwrap(), as_if_killed, listing)
}

/// Opens a file with these bytes. It must have all that was acknowledged, or be refused as damaged and
/// left as it was.
fn all_or_refused(bytes: &[u8], acknowledged: &Listing) -> Result<bool, TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topology.redb");
    std::fs::write(&path, bytes).unwrap();
    match open(&path) {
        Ok(store) => {
            prop_assert_eq!(&content(&store), acknowledged);
            Ok(true)
        }
        Err(error) => {
            let damaged = matches!(error, OpenError::Damaged { .. });
            prop_assert!(damaged, "{}", error);
            prop_assert!(error.to_string().contains("topology.redb"));
            let after = std::fs::read(&path).unwrap();
            prop_assert!(after == bytes, "a refused file was written to");
            Ok(false)
        }
    }
}

#[test]
fn whole_files_open_with_all_that_was_acknowledged() {
    let (closed, killed, listing) = two_files();
    assert_eq!(listing.revision, 120);
    assert!(all_or_refused(&closed, &listing).unwrap());
    assert!(all_or_refused(&killed, &listing).unwrap());
}

#[test]
fn a_damaged_file_is_refused_and_left_as_it_is() {
    let (closed, killed, listing) = two_files();
    let mut refused = 0;
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(64));
    let damage = (
        any::<bool>(),
        any::<prop::sample::Index>(),
        1..=255u8,
        1..64usize,
    );
    let refusals = std::cell::Cell::new(0);
    runner
        .run(&damage, |(was_closed, place, bits, length)| {
            let mut bytes = if was_closed {
                closed.clone()
            } else {
                killed.clone()
            };
            let start = place.index(bytes.len());
            for byte in bytes.iter_mut().skip(start).take(length) {
                *byte ^= bits;
            }
            if !all_or_refused(&bytes, &listing)? {
                refusals.set(refusals.get() + 1);
            }
            Ok(())
        })
        .unwrap();
    refused += refusals.get();
    assert!(refused > 0, "no damage was ever noticed");
}

#[test]
fn a_file_that_was_cut_off_is_refused() {
    let (closed, killed, listing) = two_files();
    for bytes in [closed, killed] {
        for length in [0, 1, 511, 4096, bytes.len() / 2, bytes.len() - 1] {
            let opened = all_or_refused(&bytes[..length], &listing).unwrap();
            assert!(!opened, "cut off at {length} of {}", bytes.len());
        }
    }
}

#[test]
fn a_file_of_a_killed_process_that_was_cut_off_is_left_as_it_is_at_every_length() {
    // The repair of such a file begins to write before it has read all: so few documents leave most of it to the end.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topology.redb");
    let store = open(&path).unwrap();
    let txn = Txn {
        ops: vec![put("a/1", "\"one\"")],
        ..Txn::default()
    };
    block_on(store.commit(txn)).unwrap();
    let listing = content(&store);
    let bytes = std::fs::read(&path).unwrap();
    drop(store);
    for length in (0..bytes.len()).step_by(512) {
        let opened = all_or_refused(&bytes[..length], &listing).unwrap();
        assert!(!opened, "cut off at {length} of {}", bytes.len());
    }
    assert!(all_or_refused(&bytes, &listing).unwrap());
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_as_it_is() {
    let nothing = Listing::default();
    let text = b"[store]\npath = \"/var/lib/weft/topology.redb\"\n".repeat(200);
    assert!(!all_or_refused(&text, &nothing).unwrap());
    assert!(!all_or_refused(&[0; 100_000], &nothing).unwrap());
}

#[test]
fn a_file_that_cannot_be_opened_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let error = open(folder.path()).expect_err("a folder is no file");
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = open(&file.join("topology.redb")).expect_err("below a file there is nothing");
    assert!(error.to_string().contains("file/topology.redb"), "{error}");
}

#[test]
fn a_file_in_use_is_said_to_be_so_and_is_free_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topology.redb");
    let store = open(&path).unwrap();
    let error = open(&path).expect_err("it is in use");
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    drop(store);
    assert!(open(&path).is_ok());
}

#[test]
fn a_store_keeps_its_name_and_a_new_one_has_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/below/topology.redb");
    let name = open(&path).unwrap().id().to_owned();
    assert_eq!(open(&path).unwrap().id(), name);
    std::fs::remove_file(&path).unwrap();
    assert_ne!(open(&path).unwrap().id(), name);
    let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(left, 1, "nothing is left beside the file");
}

#[test]
fn a_watch_reaches_back_as_far_as_the_log_and_says_so_beyond() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topology.redb");
    let options = Options {
        log_length: 50,
        ..Options::default()
    };
    let store = Embedded::open(&path, &options).unwrap();
    fill(&store);
    let first = |after| block_on(async { store.watch(after).next().await });
    let batch = first(70).unwrap().unwrap();
    assert_eq!(batch.revision, 120);
    let refused = first(69).unwrap();
    let expected = WatchError::Compacted {
        after: 69,
        oldest: 71,
        newest: 120,
    };
    assert_eq!(refused, Err(expected));
}

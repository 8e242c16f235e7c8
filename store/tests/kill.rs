//! A process that writes is killed at random points: all that it was told to be durable is there, and
//! nothing by half.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use weft_store::{Embedded, OpenError, Options, Store};

const ROUNDS: usize = 6;

fn writer(path: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_store-writer"))
        .arg(path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    (child, stdout)
}

/// The transaction's number and revision in a line; a line that was cut off has none.
fn parse(line: &str) -> Option<(u64, u64)> {
    let (number, revision) = line.strip_suffix('\n')?.split_once(' ')?;
    Some((number.parse().ok()?, revision.parse().ok()?))
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topology.redb");
    let mut acknowledged: BTreeMap<u64, u64> = BTreeMap::new();
    for round in 0..ROUNDS {
        let before = acknowledged.len();
        let (mut child, mut lines) = writer(&path);
        let wait_for = 1 + usize::try_from(RandomState::new().hash_one(round) % 300).unwrap();
        let mut line = String::new();
        while acknowledged.len() < before + wait_for {
            line.clear();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "the writer ended");
            acknowledged.extend(parse(&line));
        }
        child.kill().unwrap();
        // What was in the pipe had been acknowledged, too.
        line.clear();
        while lines.read_line(&mut line).unwrap() > 0 {
            acknowledged.extend(parse(&line));
            line.clear();
        }
        child.wait().unwrap();
        check(&path, &acknowledged);
    }
    assert!(acknowledged.len() > ROUNDS);
}

fn check(path: &Path, acknowledged: &BTreeMap<u64, u64>) {
    let store = Embedded::open(path, &Options::default()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let listing = runtime.block_on(store.list("")).unwrap();
    let entries: BTreeMap<&str, _> = listing
        .entries
        .iter()
        .map(|entry| (entry.key.as_str(), entry))
        .collect();
    for (number, revision) in acknowledged {
        let own = entries.get(format!("own/{number}").as_str());
        let own = own.unwrap_or_else(|| panic!("transaction {number} is gone"));
        assert_eq!(
            (own.json.as_str(), own.revision),
            (number.to_string().as_str(), *revision)
        );
    }
    let newest = entries["shared/one"];
    assert_eq!(
        newest.json, entries["shared/other"].json,
        "half a transaction"
    );
    assert_eq!(newest.revision, listing.revision);
    let own = entries[format!("own/{}", newest.json).as_str()];
    assert_eq!(own.revision, newest.revision, "half a transaction");
    let written = entries.keys().filter(|key| key.starts_with("own/")).count();
    assert_eq!(
        written as u64, listing.revision,
        "a transaction was counted and is not there"
    );
}

#[test]
fn a_second_process_is_told_that_the_file_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("topology.redb");
    let (mut child, mut lines) = writer(&path);
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let refused = Embedded::open(&path, &Options::default());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        matches!(refused, Err(OpenError::Locked { .. })),
        "{refused:?}"
    );
    assert!(
        Embedded::open(&path, &Options::default()).is_ok(),
        "it is free at once"
    );
}

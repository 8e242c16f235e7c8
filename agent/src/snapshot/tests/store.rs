//! From one watch to the next, of the same store or another.

use weft_topology::ObjectId;
use weft_wire::watch::WatchLine;

use super::{HERE, arp, bridge, bridge_id, complete, host, ids, put, relist};
use crate::service::Resume;
use crate::snapshot::{Builder, Stored};

fn wanted() -> std::collections::BTreeSet<ObjectId> {
    ids(&[bridge_id(1).into()])
}

fn resume(revision: u64, store: &str) -> Option<Resume> {
    let store = store.to_owned();
    Some(Resume { revision, store })
}

/// A host that knows bridge 1 with two entries at revision 5 of store `s`.
fn knowing() -> Builder {
    let mut builder = Builder::new(HERE);
    builder.opened("s", &wanted());
    for line in [
        put(5, host()),
        put(5, bridge(1, "blue")),
        put(5, arp(1, 1)),
        put(5, arp(1, 2)),
        complete(5, 1),
    ] {
        builder.line(line);
    }
    builder
}

#[test]
fn a_watch_continues_at_the_last_complete_and_drops_what_came_after() {
    let mut builder = knowing();
    builder.line(put(6, arp(1, 3)));
    builder.close();
    assert!(!builder.is_settled());
    assert_eq!(builder.follow(&ids(&[])), None, "there is no watch");
    assert_eq!(builder.resume(), resume(5, "s"));
    let request = builder.opened("s", &wanted()).unwrap();
    assert_eq!(request.known, [bridge_id(1).into()]);
    assert_eq!(request.add, []);
    builder.line(complete(5, 1));
    assert_eq!(builder.snapshot().objects().count(), 4);
    assert!(builder.is_settled());
}

#[test]
fn what_was_asked_for_and_had_not_come_is_asked_for_again() {
    let mut builder = knowing();
    let both = ids(&[bridge_id(1).into(), bridge_id(2).into()]);
    builder.follow(&both).unwrap();
    builder.close();
    let request = builder.opened("s", &both).unwrap();
    assert_eq!(request.known, [bridge_id(1).into()]);
    assert_eq!(request.add, [bridge_id(2).into()]);
}

#[test]
fn until_another_store_has_said_everything_the_snapshot_is_the_old_ones() {
    let mut builder = knowing();
    let request = builder.opened("t", &wanted()).unwrap();
    assert_eq!(
        (request.add, request.known),
        (vec![bridge_id(1).into()], vec![])
    );
    builder.line(relist());
    builder.line(put(2000, host()));
    // Neither this run nor the next may continue in the new store from the old one's revision.
    assert_eq!(builder.stored().store, "s");
    builder.close();
    assert_eq!(builder.resume(), resume(5, "s"));
    builder.opened("t", &wanted()).unwrap();
    for line in [relist(), put(2000, host()), put(2000, bridge(1, "red"))] {
        builder.line(line);
    }
    builder.line(complete(2000, 0));
    assert_eq!(builder.resume(), resume(5, "s"));
    builder.line(complete(2000, 1));
    assert_eq!(builder.resume(), resume(2000, "t"));
    assert_eq!(builder.snapshot().objects().count(), 2);
}

#[test]
fn another_store_is_listed_whole_even_if_its_service_does_not_say_so() {
    let mut builder = knowing();
    builder.opened("t", &wanted()).unwrap();
    for line in [put(9, host()), put(9, bridge(1, "red")), complete(9, 1)] {
        builder.line(line);
    }
    assert_eq!(builder.snapshot().objects().count(), 2);
}

#[test]
fn a_store_that_went_back_is_followed_there() {
    let mut builder = knowing();
    builder.publish().unwrap();
    builder.opened("s", &wanted());
    for line in [relist(), put(3, host()), put(3, bridge(1, "old"))] {
        builder.line(line);
    }
    assert_eq!(builder.line(complete(3, 1)).reached, Some(3));
    let (snapshot, _) = builder.publish().unwrap();
    assert_eq!(snapshot.epoch().revision, 3);
    assert_eq!(builder.resume(), resume(3, "s"));
}

#[test]
fn the_next_run_begins_with_what_is_on_disk() {
    let builder = knowing();
    let stored: Stored = builder.stored();
    let mut next = Builder::from_stored(HERE, stored.clone());
    assert!(next.snapshot().same_content(builder.snapshot()));
    assert_eq!(next.resume(), resume(5, "s"));
    assert_eq!(next.stored(), stored);
    let request = next.opened("s", &wanted()).unwrap();
    assert_eq!(request.known, [bridge_id(1).into()]);
    // Nobody wants the bridge any more.
    assert_eq!(next.opened("s", &ids(&[])), None);
    assert_eq!(next.snapshot().objects().count(), 1);
}

#[test]
fn lines_without_a_watch_change_nothing() {
    let mut builder = knowing();
    builder.close();
    for line in [
        put(6, arp(1, 3)),
        complete(6, 9),
        WatchLine::Heartbeat { revision: 7 },
    ] {
        let heard = builder.line(line);
        assert_eq!(heard.reached, None);
    }
    assert_eq!(builder.resume(), resume(5, "s"));
}

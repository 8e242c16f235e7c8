//! Which revision is in force.

use weft_topology::Epoch;

use crate::snapshot::Frontier;

fn epoch(revision: u64) -> Epoch {
    Epoch {
        revision,
        bindings: 0,
    }
}

/// Every worker is past it, and it is on disk.
fn past(frontier: &mut Frontier, epoch: Epoch) {
    frontier.done(epoch);
    frontier.kept(epoch);
}

#[test]
fn a_revision_is_in_force_when_the_workers_are_past_its_snapshot() {
    let mut frontier = Frontier::default();
    assert_eq!(frontier.in_force(), 0);
    frontier.published(epoch(3));
    frontier.reached(3);
    assert_eq!(frontier.in_force(), 0);
    past(&mut frontier, epoch(3));
    assert_eq!(frontier.in_force(), 3);
}

#[test]
fn a_revision_that_changes_nothing_here_is_in_force_at_once_but_after_what_is_pending() {
    let mut frontier = Frontier::default();
    frontier.reached(4);
    assert_eq!(frontier.in_force(), 4);
    frontier.published(epoch(5));
    frontier.reached(9);
    assert_eq!(frontier.in_force(), 4);
    past(&mut frontier, epoch(5));
    assert_eq!(frontier.in_force(), 9);
}

#[test]
fn past_one_snapshot_is_past_all_before_it() {
    let mut frontier = Frontier::default();
    for revision in 1..=3 {
        frontier.published(epoch(revision));
        frontier.reached(revision);
    }
    past(&mut frontier, epoch(2));
    assert_eq!(frontier.in_force(), 2);
    past(&mut frontier, epoch(1));
    assert_eq!(frontier.in_force(), 2, "late news");
    past(&mut frontier, epoch(3));
    assert_eq!(frontier.in_force(), 3);
}

#[test]
fn a_snapshot_that_lacks_something_puts_nothing_in_force() {
    let mut frontier = Frontier::default();
    frontier.published(epoch(3));
    past(&mut frontier, epoch(3));
    assert_eq!(frontier.in_force(), 0);
    // What it lacked comes with the next.
    frontier.published(epoch(4));
    frontier.reached(4);
    past(&mut frontier, epoch(4));
    assert_eq!(frontier.in_force(), 4);
}

#[test]
fn another_stores_revisions_begin_anew() {
    let mut frontier = Frontier::default();
    frontier.reached(100);
    frontier.published(epoch(101));
    frontier.reached(101);
    frontier.reset();
    assert_eq!(frontier.in_force(), 0);
    past(&mut frontier, epoch(101));
    assert_eq!(frontier.in_force(), 0, "that was the old store's");
    frontier.reached(2);
    assert_eq!(frontier.in_force(), 2);
}

#[test]
fn a_revision_is_in_force_when_a_restart_would_not_undo_it() {
    let mut frontier = Frontier::default();
    for revision in 1..=2 {
        frontier.published(epoch(revision));
        frontier.reached(revision);
    }
    assert_eq!(frontier.newest(), Some(epoch(2)));
    frontier.done(epoch(2));
    assert_eq!(frontier.in_force(), 0, "the disk has neither");
    frontier.kept(epoch(1));
    assert_eq!(frontier.in_force(), 1);
    frontier.kept(epoch(2));
    assert_eq!(frontier.in_force(), 2);
    assert_eq!(frontier.newest(), None);
    // The disk may be the faster.
    frontier.published(epoch(3));
    frontier.reached(3);
    frontier.kept(epoch(3));
    assert_eq!(frontier.in_force(), 2);
    frontier.done(epoch(3));
    assert_eq!(frontier.in_force(), 3);
}

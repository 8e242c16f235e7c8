//! A change that shares no tag with an outcome leaves the outcome as it is.

use std::collections::BTreeSet;
use std::slice;

use proptest::collection::vec;
use proptest::prelude::*;
use weft_evaluator::World;
use weft_flow::FlowKey;
use weft_topology::{Change, Object, Snapshot, Tag};

use super::net::snapshot;
use super::random::{NOW, any_world, cases, config};
use super::random_frames::any_arrival;
use super::run::{judge, key_of_some_pass};
use crate::{Install, Outcome};

const FRAMES: u32 = 20;
/// About how many changes lie between two random worlds.
const CHANGES: u32 = 20;

proptest! {
    #![proptest_config(config(cases(100_000) / FRAMES / CHANGES))]

    #[test]
    fn an_outcome_changes_only_if_a_tag_of_it_does(
        before in any_world(),
        after in any_world(),
        arrivals in vec(any_arrival(), FRAMES as usize),
    ) {
        let start = snapshot(&before);
        let kept: Vec<(FlowKey, Outcome)> = arrivals
            .iter()
            .filter_map(|(in_port, frame, known)| key_of_some_pass(&start, *in_port, frame, *known))
            .map(|key| { let outcome = judge(&before, &start, &key, NOW); (key, outcome) })
            .filter(|(_, outcome)| outcome.install == Install::Flow)
            .collect();
        for change in changes(&before, &after) {
            let (snapshot, tags) = start.apply(2, slice::from_ref(&change));
            check(&kept, &before, &snapshot, &tags, &change)?;
        }
        let (snapshot, tags) = start.with_local(&after.local);
        check(&kept, &before, &snapshot, &tags, &after.local)?;
        let ids: Vec<_> = before.objects.iter().map(Object::id).collect();
        for id in ids {
            let (snapshot, tags) = start.forget(&[id]);
            check(&kept, &before, &snapshot, &tags, &id)?;
        }
        let world = World { learned: after.learned.clone(), ..before.clone() };
        let tags = learned_tags(&before, &after);
        check(&kept, &world, &start, &tags, &after.learned)?;
    }
}

/// One change for each object that differs.
fn changes(before: &World, after: &World) -> Vec<Change> {
    let put = after
        .objects
        .iter()
        .filter(|object| !before.objects.contains(object));
    let ids: BTreeSet<_> = after.objects.iter().map(Object::id).collect();
    let gone = before
        .objects
        .iter()
        .map(Object::id)
        .filter(|id| !ids.contains(id));
    put.cloned()
        .map(Change::Put)
        .chain(gone.map(Change::Gone))
        .collect()
}

/// What a learned table announces when it goes from one content to another.
fn learned_tags(before: &World, after: &World) -> BTreeSet<Tag> {
    let differs = |a: &World, b: &World| {
        let entries = a.learned.iter().filter(|entry| !b.learned.contains(entry));
        let tags = entries.map(|entry| Tag::Mac(entry.bridge, entry.vlan, entry.mac));
        tags.collect::<BTreeSet<_>>()
    };
    &differs(before, after) | &differs(after, before)
}

fn check(
    kept: &[(FlowKey, Outcome)],
    world: &World,
    snapshot: &Snapshot,
    tags: &BTreeSet<Tag>,
    change: &dyn std::fmt::Debug,
) -> Result<(), TestCaseError> {
    for (key, outcome) in kept {
        if outcome.tags.iter().any(|tag| tags.contains(tag)) {
            continue;
        }
        let again = judge(world, snapshot, key, NOW);
        prop_assert_eq!(
            &again,
            outcome,
            "after {:?}, whose tags are {:?}",
            change,
            tags
        );
    }
    Ok(())
}

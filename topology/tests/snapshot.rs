//! Properties of snapshots.

mod scan;
mod universe;

use std::sync::Arc;

use proptest::prelude::*;
use weft_topology::{Change, LocalPort, Object, ObjectId, Snapshot};

use scan::{asked, scanned};
use universe::{Model, applied, as_changes, changes, local};

fn snapshot(model: &Model, local: &[LocalPort]) -> Snapshot {
    let (snapshot, _) = Snapshot::default().apply(1, &as_changes(model));
    snapshot.with_local(local).0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn every_lookup_answers_what_a_scan_of_all_objects_finds(
        batches in prop::collection::vec((changes(12), local()), 1..6),
    ) {
        let (mut model, mut snapshot) = (Model::new(), Snapshot::default());
        for (changes, local) in batches {
            model = applied(&model, &changes);
            snapshot = snapshot.apply(1, &changes).0.with_local(&local).0;
            let carried: Vec<LocalPort> = snapshot.local_ports().cloned().collect();
            for tag in universe::tags() {
                prop_assert_eq!(asked(&snapshot, tag), scanned(&model, &carried, tag), "{:?}", tag);
            }
        }
    }

    #[test]
    fn a_snapshot_depends_on_its_objects_not_on_the_way_to_them(
        detours in prop::collection::vec((changes(12), local()), 0..5),
        last in changes(20),
        ports in local(),
        seed in any::<u64>(),
    ) {
        let (mut model, mut long_way) = (Model::new(), Snapshot::default());
        for (changes, local) in detours {
            model = applied(&model, &changes);
            long_way = long_way.apply(1, &changes).0.with_local(&local).0;
        }
        model = applied(&model, &last);
        long_way = long_way.with_local(&ports).0;
        for change in &last {
            long_way = long_way.apply(2, std::slice::from_ref(change)).0;
        }

        let mut shuffled = as_changes(&model);
        let mut state = seed;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            shuffled.swap(i, (state >> 33) as usize % (i + 1));
        }
        let mut short_way = Snapshot::default();
        for half in shuffled.chunks(shuffled.len() / 2 + 1) {
            short_way = short_way.apply(9, half).0;
        }
        short_way = short_way.with_local(&ports).0;
        prop_assert!(long_way.same_content(&short_way));
    }

    #[test]
    fn tags_name_every_lookup_whose_answer_changed(
        before in changes(25), after in changes(6), local_before in local(), local_after in local(),
    ) {
        let model = applied(&Model::new(), &before);
        let old = snapshot(&model, &local_before);
        let (middle, mut tags) = old.apply(2, &after);
        let (new, more) = middle.with_local(&local_after);
        tags.extend(more);
        for tag in universe::tags() {
            if asked(&old, tag) != asked(&new, tag) {
                prop_assert!(tags.contains(&tag), "{:?} is not among {:?}", tag, tags);
            }
        }
    }

    #[test]
    fn of_local_ports_with_one_port_or_number_the_later_counts(
        before in local(), ports in local(),
    ) {
        let new = Snapshot::default().with_local(&before).0.with_local(&ports).0;
        let overruled = |i: usize, local: &LocalPort| {
            let later = &ports[i + 1..];
            later.iter().any(|other| other.port == local.port || other.number == local.number)
        };
        let in_force = ports.iter().enumerate().filter(|(i, local)| !overruled(*i, local));
        let mut in_force: Vec<&LocalPort> = in_force.map(|(_, local)| local).collect();
        in_force.sort_by_key(|local| local.port);
        prop_assert_eq!(new.local_ports().collect::<Vec<_>>(), in_force);
    }

    #[test]
    fn forgetting_equals_never_having_known_and_names_what_changed(
        all in changes(25), keep in any::<u64>(), ports in local(),
    ) {
        let model = applied(&Model::new(), &all);
        let old = snapshot(&model, &ports);
        let (kept, dropped): (Vec<_>, Vec<_>) =
            model.clone().into_iter().enumerate().partition(|(i, _)| keep >> (i % 64) & 1 == 1);
        let ids: Vec<ObjectId> = dropped.into_iter().map(|(_, (id, _))| id).collect();
        let (new, tags) = old.forget(&ids);
        let kept: Model = kept.into_iter().map(|(_, entry)| entry).collect();
        prop_assert!(new.same_content(&snapshot(&kept, &ports)));
        for tag in universe::tags() {
            if asked(&old, tag) != asked(&new, tag) {
                prop_assert!(tags.contains(&tag), "{:?} is not among {:?}", tag, tags);
            }
        }
    }

    #[test]
    fn what_is_already_so_has_no_tag_and_no_new_epoch(all in changes(25), ports in local()) {
        let model = applied(&Model::new(), &all);
        let old = snapshot(&model, &ports);
        let carried: Vec<LocalPort> = old.local_ports().cloned().collect();
        let mut twice = as_changes(&model);
        twice.extend(as_changes(&model));
        let (new, tags) = old.apply(old.epoch().revision, &twice);
        let (new, more) = new.with_local(&carried);
        prop_assert!(tags.is_empty() && more.is_empty());
        prop_assert_eq!(new.epoch(), old.epoch());
    }

    #[test]
    fn versions_that_differ_have_different_epochs(
        all in changes(10), next in changes(3), other in changes(3), ports in local(),
    ) {
        let old = Snapshot::default().apply(5, &all).0;
        let applied = old.apply(5, &next).0;
        let bound = applied.with_local(&ports).0;
        // The store is put back to an older copy, and goes another way from there.
        let back = applied.apply(4, &other).0;
        let again = back.apply(5, &next).0;
        prop_assert!(applied.same_content(&again) || applied.epoch() != again.epoch());
        for (a, b) in [(&old, &applied), (&applied, &bound)] {
            prop_assert_eq!(a.same_content(b), a.epoch() == b.epoch());
        }
    }

    #[test]
    fn what_did_not_change_is_shared(before in changes(30), after in changes(3)) {
        let model = applied(&Model::new(), &before);
        let old = snapshot(&model, &[]);
        let new = old.apply(2, &after).0;
        for object in old.objects() {
            let changed = after.iter().any(|change| change.id() == object.id());
            if let (false, Some(now)) = (changed, new.object(object.id()).here()) {
                prop_assert!(is_shared(object, now));
            }
        }
    }
}

fn is_shared(a: &Object, b: &Object) -> bool {
    match (a, b) {
        (Object::Bridge(a), Object::Bridge(b)) => Arc::ptr_eq(a, b),
        (Object::Router(a), Object::Router(b)) => Arc::ptr_eq(a, b),
        (Object::Port(a), Object::Port(b)) => Arc::ptr_eq(a, b),
        (Object::Route(a), Object::Route(b)) => Arc::ptr_eq(a, b),
        (Object::AddressGroup(a), Object::AddressGroup(b)) => Arc::ptr_eq(a, b),
        (Object::AddressGroupMember(a), Object::AddressGroupMember(b)) => Arc::ptr_eq(a, b),
        (Object::Chain(a), Object::Chain(b)) => Arc::ptr_eq(a, b),
        (Object::Rule(a), Object::Rule(b)) => Arc::ptr_eq(a, b),
        (Object::DhcpSubnet(a), Object::DhcpSubnet(b)) => Arc::ptr_eq(a, b),
        (Object::DhcpHost(a), Object::DhcpHost(b)) => Arc::ptr_eq(a, b),
        (Object::MacEntry(a), Object::MacEntry(b)) => Arc::ptr_eq(a, b),
        (Object::ArpEntry(a), Object::ArpEntry(b)) => Arc::ptr_eq(a, b),
        _ => false,
    }
}

#[test]
fn put_then_gone_then_put_is_the_last_put() {
    let object = universe::bridge_object(universe::bridges()[0], true);
    let before = universe::bridge_object(universe::bridges()[0], false);
    let changes = [
        Change::Put(before),
        Change::Gone(object.id()),
        Change::Put(object.clone()),
    ];
    let (snapshot, tags) = Snapshot::default().apply(3, &changes);
    assert_eq!(snapshot.object(object.id()).here(), Some(&object));
    assert_eq!(tags.len(), 1);
}

//! What should be carried, from the store's word and from wishes.

use std::collections::BTreeMap;

use tempfile::TempDir;
use weft_topology::Snapshot;

use super::{ELSEWHERE, HERE, MTU, carried, links, port, port_id, snapshot};
use crate::bindings::{Situation, Wishes, desired};

struct Case {
    _dir: TempDir,
    wishes: Wishes,
    snapshot: Snapshot,
    links: Vec<(&'static str, u32)>,
    carried: Vec<(u32, &'static str, u32)>,
}

impl Case {
    fn new(snapshot: Snapshot) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            wishes: Wishes::load(dir.path()).unwrap(),
            _dir: dir,
            snapshot,
            links: vec![("tap1", 1), ("tap2", 2)],
            carried: Vec::new(),
        }
    }

    fn plug(&mut self, interface: &str, n: u32) {
        self.wishes.plug(interface, port_id(n), None).unwrap();
    }

    /// Which ports by which interfaces.
    fn desired(&self, is_away: bool) -> BTreeMap<u32, String> {
        let found = desired(&Situation {
            snapshot: &self.snapshot,
            host: HERE,
            wishes: &self.wishes,
            links: &links(&self.links),
            carried: &carried(&self.carried),
            is_away,
        });
        let numbers = (1..=9).filter_map(|n| Some((n, found.get(&port_id(n))?.interface.clone())));
        let numbers: BTreeMap<u32, String> = numbers.collect();
        assert_eq!(numbers.len(), found.len());
        numbers
    }
}

fn wanted(of: &[(u32, &str)]) -> BTreeMap<u32, String> {
    of.iter().map(|&(n, name)| (n, name.to_owned())).collect()
}

#[test]
fn the_stores_bindings_to_this_host_count_and_no_others() {
    let case = Case::new(snapshot(
        5,
        vec![
            port(1, Some((HERE, "tap1"))),
            port(2, Some((ELSEWHERE, "tap2"))),
            port(3, None),
        ],
    ));
    for is_away in [true, false] {
        assert_eq!(case.desired(is_away), wanted(&[(1, "tap1")]));
    }
}

#[test]
fn a_plug_that_the_service_has_not_answered_counts_while_it_is_away_if_the_port_is_free_or_here() {
    for (binding, counts) in [
        (None, true),
        (Some((HERE, "gone")), true),
        (Some((ELSEWHERE, "tap1")), false),
    ] {
        let mut case = Case::new(snapshot(5, vec![port(1, binding)]));
        case.plug("tap1", 1);
        let expected = if counts { vec![(1, "tap1")] } else { vec![] };
        assert_eq!(case.desired(true), wanted(&expected), "{binding:?}");
        let by_store = match binding {
            Some((HERE, interface)) => vec![(1, interface)],
            _ => vec![],
        };
        assert_eq!(case.desired(false), wanted(&by_store), "{binding:?}");
    }
}

#[test]
fn the_stores_word_stands_against_a_plug_while_its_interface_is_there() {
    let mut case = Case::new(snapshot(5, vec![port(1, Some((HERE, "tap1")))]));
    case.plug("tap2", 1);
    assert_eq!(case.desired(true), wanted(&[(1, "tap1")]));
    case.links = vec![("tap2", 2)];
    assert_eq!(case.desired(true), wanted(&[(1, "tap2")]));
}

#[test]
fn an_interface_that_the_store_gave_to_a_port_is_not_taken_by_a_plug_of_another() {
    let ports = vec![port(1, Some((HERE, "tap1"))), port(2, None)];
    let mut case = Case::new(snapshot(5, ports));
    case.plug("tap1", 2);
    assert_eq!(case.desired(true), wanted(&[(1, "tap1")]));
}

#[test]
fn a_plug_of_a_port_that_is_not_known_or_is_linked_counts_never() {
    let mut linked = port(1, None);
    linked.peer = Some(port_id(9));
    let mut case = Case::new(snapshot(5, vec![linked]));
    case.plug("tap1", 1);
    case.plug("tap2", 2);
    assert_eq!(case.desired(true), wanted(&[]));
}

#[test]
fn a_plug_begun_without_the_service_goes_on_until_it_answers() {
    let mut case = Case::new(snapshot(5, vec![port(1, None)]));
    case.plug("tap1", 1);
    case.carried = vec![(1, "tap1", 1)];
    assert_eq!(case.desired(true), wanted(&[(1, "tap1")]));
    // It is back, and has not said anything.
    assert_eq!(case.desired(false), wanted(&[(1, "tap1")]));
    assert_eq!(case.wishes.ask_due().plugs.len(), 1);
    assert_eq!(case.desired(false), wanted(&[(1, "tap1")]));
    case.wishes.refused(port_id(1), "tap1", "no");
    for is_away in [true, false] {
        assert_eq!(case.desired(is_away), wanted(&[]));
    }
}

#[test]
fn a_grant_counts_until_its_revision_comes_and_then_the_stores_word() {
    let mut case = Case::new(snapshot(5, vec![port(1, None)]));
    case.plug("tap1", 1);
    case.wishes.ask_due();
    case.wishes.granted(port_id(1), "tap1", 7);
    assert_eq!(case.desired(false), wanted(&[(1, "tap1")]));
    case.snapshot = snapshot(7, vec![port(1, Some((ELSEWHERE, "tap9")))]);
    assert_eq!(case.desired(false), wanted(&[]));
    case.snapshot = snapshot(8, vec![port(1, Some((HERE, "tap1")))]);
    assert_eq!(case.desired(false), wanted(&[(1, "tap1")]));
}

#[test]
fn a_port_given_back_is_not_wanted_whatever_the_store_says_as_yet() {
    let mut case = Case::new(snapshot(5, vec![port(1, Some((HERE, "tap1")))]));
    case.wishes.unplug("tap1", port_id(1));
    for is_away in [true, false] {
        assert_eq!(case.desired(is_away), wanted(&[]));
    }
    // Plugged again, into another interface.
    case.plug("tap2", 1);
    assert_eq!(case.desired(true), wanted(&[(1, "tap2")]));
    assert_eq!(case.desired(false), wanted(&[]));
}

#[test]
fn a_port_unplugged_and_plugged_again_at_once_is_carried_on() {
    let mut case = Case::new(snapshot(5, vec![port(1, Some((HERE, "tap1")))]));
    case.plug("tap1", 1);
    case.carried = vec![(1, "tap1", 1)];
    case.wishes.unplug("tap1", port_id(1));
    case.wishes.ask_due();
    case.plug("tap1", 1);
    assert_eq!(case.desired(false), wanted(&[(1, "tap1")]));
}

#[test]
fn the_mtu_is_what_was_asked_for_else_the_networks() {
    let ports = vec![port(1, Some((HERE, "tap1"))), port(2, Some((HERE, "tap2")))];
    let mut case = Case::new(snapshot(5, ports));
    case.wishes.plug("tap1", port_id(1), Some(9000)).unwrap();
    let found = desired(&Situation {
        snapshot: &case.snapshot,
        host: HERE,
        wishes: &case.wishes,
        links: &links(&[]),
        carried: &carried(&[]),
        is_away: false,
    });
    assert_eq!(found[&port_id(1)].mtu, Some(9000));
    assert_eq!(found[&port_id(2)].mtu, Some(u32::from(MTU)));
}

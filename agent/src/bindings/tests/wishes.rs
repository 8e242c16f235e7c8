//! The life of wishes, with restarts at each point.

use std::path::Path;

use tempfile::TempDir;

use super::port_id;
use crate::bindings::{Ask, Questions, Wishes};

/// Wishes on a disk of their own.
struct Desk {
    dir: TempDir,
    wishes: Wishes,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let wishes = Wishes::load(dir.path()).unwrap();
        Self { dir, wishes }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn plug(&mut self, interface: &str, n: u32) {
        self.wishes.plug(interface, port_id(n), None).unwrap();
    }

    fn unplug(&mut self, interface: &str, n: u32) {
        self.wishes.unplug(interface, port_id(n));
    }

    /// The agent ends as by a SIGKILL and begins again.
    fn restart(&mut self) {
        self.wishes = Wishes::load(self.path()).unwrap();
    }

    fn granted(&mut self, interface: &str, n: u32, revision: u64) {
        self.wishes.granted(port_id(n), interface, revision);
    }

    fn returned(&mut self, n: u32, revision: u64) {
        self.wishes.returned(port_id(n), revision);
    }

    fn ask(&self, interface: &str) -> Option<Ask> {
        Some(self.wishes.get(interface)?.ask)
    }

    /// Every revision up to this one has come, and these are the ports of this host.
    fn settle(&mut self, revision: u64, here: &[(u32, &str)]) -> Vec<String> {
        let is_here = |port, interface: &str| {
            here.iter()
                .any(|(n, of)| port_id(*n) == port && *of == interface)
        };
        let lost = self.wishes.settle(revision, is_here);
        lost.into_iter().map(|(interface, _)| interface).collect()
    }

    /// That there is nothing on disk.
    fn is_clean(&self) -> bool {
        ["bindings", "releases"].iter().all(|folder| {
            let folder = self.path().join(folder);
            std::fs::read_dir(folder).unwrap().next().is_none()
        })
    }
}

fn asked(plugs: &[(u32, &str)], back: &[u32]) -> Questions {
    Questions {
        plugs: plugs
            .iter()
            .map(|&(n, interface)| (port_id(n), interface.to_owned()))
            .collect(),
        back: back.iter().map(|&n| port_id(n)).collect(),
    }
}

#[test]
fn a_plug_is_asked_once_and_kept_until_it_is_taken() {
    let mut desk = Desk::new();
    desk.plug("tap1", 1);
    assert_eq!(desk.wishes.ask_due(), asked(&[(1, "tap1")], &[]));
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[]));
    desk.granted("tap1", 1, 7);
    assert_eq!(desk.settle(6, &[]), [""; 0]);
    assert_eq!(desk.settle(7, &[(1, "tap1")]), [""; 0]);
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[]));
    assert_eq!(desk.settle(9, &[]), ["tap1"]);
    assert!(desk.is_clean());
}

#[test]
fn a_service_that_was_away_is_asked_again() {
    let mut desk = Desk::new();
    desk.plug("tap1", 1);
    desk.unplug("tap2", 2);
    assert_eq!(desk.wishes.ask_due(), asked(&[(1, "tap1")], &[2]));
    desk.wishes.ask_again(port_id(1), Some("tap1"));
    desk.wishes.ask_again(port_id(2), None);
    assert_eq!(desk.wishes.ask_due(), asked(&[(1, "tap1")], &[2]));
}

#[test]
fn a_refused_plug_is_not_asked_again_until_it_is_plugged_again() {
    let mut desk = Desk::new();
    desk.plug("tap1", 1);
    desk.wishes.ask_due();
    desk.wishes.refused(port_id(1), "tap1", "no");
    assert_eq!(
        desk.wishes.get("tap1").unwrap().refused.as_deref(),
        Some("no")
    );
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[]));
    desk.plug("tap1", 1);
    assert_eq!(desk.wishes.ask_due(), asked(&[(1, "tap1")], &[]));
}

#[test]
fn an_unplug_is_kept_until_the_revision_of_the_return_has_come() {
    let mut desk = Desk::new();
    desk.unplug("tap1", 1);
    assert!(desk.wishes.is_released(port_id(1)) && desk.wishes.is_being_told(port_id(1)));
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[1]));
    desk.returned(1, 7);
    assert!(desk.wishes.is_released(port_id(1)) && !desk.wishes.is_being_told(port_id(1)));
    assert!(desk.is_clean(), "the service knows");
    desk.settle(6, &[]);
    assert!(desk.wishes.is_released(port_id(1)));
    desk.settle(7, &[]);
    assert!(!desk.wishes.is_released(port_id(1)));
}

#[test]
fn plug_unplug_plug_in_quick_order_is_asked_in_that_order() {
    let mut desk = Desk::new();
    desk.plug("tap1", 1);
    assert_eq!(desk.wishes.ask_due(), asked(&[(1, "tap1")], &[]));
    desk.unplug("tap1", 1);
    desk.plug("tap2", 1);
    assert_eq!(
        desk.wishes.ask_due(),
        asked(&[], &[]),
        "a question is under way"
    );
    desk.granted("tap1", 1, 7);
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[1]));
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[]));
    desk.returned(1, 8);
    assert_eq!(desk.wishes.ask_due(), asked(&[(1, "tap2")], &[]));
    desk.granted("tap2", 1, 9);
    assert_eq!(desk.settle(9, &[(1, "tap2")]), [""; 0]);
    assert_eq!(desk.ask("tap2"), Some(Ask::Answered));
    assert_eq!(desk.ask("tap1"), None);
}

#[test]
fn a_port_plugged_again_into_the_same_interface_before_the_service_was_asked_is_not_given_back() {
    let mut desk = Desk::new();
    desk.plug("tap1", 1);
    desk.unplug("tap1", 1);
    desk.plug("tap1", 1);
    for _ in 0..2 {
        assert_eq!(desk.wishes.ask_due(), asked(&[(1, "tap1")], &[]));
        desk.restart();
    }
}

#[test]
fn a_port_plugged_into_another_interface_is_given_back_first_also_over_a_restart() {
    for (old, new) in [("tap1", "tap2"), ("tap2", "tap1")] {
        let mut desk = Desk::new();
        desk.unplug(old, 1);
        desk.plug(new, 1);
        desk.restart();
        assert_eq!(desk.wishes.ask_due(), asked(&[], &[1]), "{old}");
        // And again while the question is under way.
        desk.restart();
        assert_eq!(desk.wishes.ask_due(), asked(&[], &[1]), "{old}");
        desk.returned(1, 7);
        desk.restart();
        assert_eq!(desk.wishes.ask_due(), asked(&[(1, new)], &[]), "{old}");
    }
}

#[test]
fn an_interface_plugged_into_another_port_does_not_lose_the_return_of_the_first() {
    let mut desk = Desk::new();
    desk.unplug("tap1", 1);
    desk.plug("tap1", 2);
    desk.restart();
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[1]));
    desk.returned(1, 7);
    assert_eq!(desk.wishes.ask_due(), asked(&[(2, "tap1")], &[]));
    desk.granted("tap1", 2, 8);
    desk.restart();
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[]));
    assert_eq!(desk.ask("tap1"), Some(Ask::Answered));
    // The same for three ports in turn.
    desk.unplug("tap1", 2);
    desk.plug("tap1", 3);
    desk.unplug("tap1", 3);
    desk.plug("tap1", 4);
    desk.restart();
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[2, 3]));
    desk.returned(2, 9);
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[]));
    desk.returned(3, 9);
    assert_eq!(desk.wishes.ask_due(), asked(&[(4, "tap1")], &[]));
    desk.wishes.forget("tap1");
    assert!(desk.is_clean());
}

#[test]
fn an_unplug_of_a_port_leaves_another_ports_plug_of_the_interface_alone() {
    let mut desk = Desk::new();
    desk.plug("tap1", 2);
    desk.unplug("tap1", 1);
    desk.restart();
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[1]));
    desk.returned(1, 7);
    assert_eq!(desk.wishes.ask_due(), asked(&[(2, "tap1")], &[]));
}

#[test]
fn what_was_granted_is_not_asked_for_again_after_a_restart() {
    let mut desk = Desk::new();
    desk.plug("tap1", 1);
    desk.plug("tap2", 2);
    desk.wishes.ask_due();
    desk.granted("tap1", 1, 7);
    desk.restart();
    // The second was not answered before the end.
    assert_eq!(desk.wishes.ask_due(), asked(&[(2, "tap2")], &[]));
    // The first went to another host meanwhile.
    assert_eq!(desk.settle(9, &[]), ["tap1"]);
    desk.restart();
    assert_eq!(desk.ask("tap1"), None);
}

#[test]
fn a_return_is_told_after_a_restart_at_each_point() {
    let mut desk = Desk::new();
    desk.plug("tap1", 1);
    desk.wishes.ask_due();
    desk.granted("tap1", 1, 7);
    desk.unplug("tap1", 1);
    desk.restart();
    assert!(
        desk.wishes.is_released(port_id(1)),
        "the unplug was forgotten"
    );
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[1]));
    desk.restart();
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[1]));
    desk.wishes.ask_again(port_id(1), None);
    desk.restart();
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[1]));
    desk.returned(1, 8);
    desk.restart();
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[]));
    assert!(desk.is_clean());
}

#[test]
fn a_grant_that_nobody_wants_any_more_is_given_back_also_over_a_restart() {
    let mut desk = Desk::new();
    desk.plug("tap1", 1);
    desk.wishes.ask_due();
    desk.wishes.forget("tap1");
    desk.granted("tap1", 1, 7);
    desk.restart();
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[1]));
    desk.returned(1, 8);
    assert!(desk.is_clean());
}

#[test]
fn a_port_given_back_twice_is_told_once_more() {
    let mut desk = Desk::new();
    desk.unplug("tap1", 1);
    desk.wishes.ask_due();
    desk.unplug("tap2", 1);
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[]));
    desk.returned(1, 7);
    assert!(desk.wishes.is_being_told(port_id(1)));
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[1]));
    desk.returned(1, 8);
    assert!(desk.is_clean());
}

#[test]
fn another_mtu_is_no_new_question() {
    let mut desk = Desk::new();
    desk.plug("tap1", 1);
    desk.wishes.ask_due();
    desk.granted("tap1", 1, 7);
    desk.wishes.plug("tap1", port_id(1), Some(1300)).unwrap();
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[]));
    desk.restart();
    let wish = desk.wishes.get("tap1").unwrap();
    assert_eq!((wish.mtu, wish.granted), (Some(1300), Some(7)));
}

#[test]
fn another_store_is_asked_everything_again() {
    let mut desk = Desk::new();
    desk.plug("tap1", 1);
    desk.plug("tap2", 2);
    desk.unplug("tap3", 3);
    desk.unplug("tap4", 4);
    desk.wishes.ask_due();
    desk.granted("tap1", 1, 1000);
    desk.wishes.refused(port_id(2), "tap2", "no");
    desk.returned(3, 1000);
    desk.wishes.ask_again(port_id(4), None);
    desk.wishes.watch_began(false);
    assert!(
        !desk.wishes.is_released(port_id(3)),
        "a return to the old store"
    );
    assert_eq!(desk.settle(5, &[]), [""; 0]);
    let questions = asked(&[(1, "tap1"), (2, "tap2")], &[4]);
    assert_eq!(desk.wishes.ask_due(), questions);
}

#[test]
fn a_store_that_went_back_is_asked_again_what_it_has_forgotten() {
    let mut desk = Desk::new();
    desk.plug("tap1", 1);
    desk.plug("tap2", 2);
    desk.unplug("tap3", 3);
    desk.wishes.ask_due();
    desk.granted("tap1", 1, 10);
    desk.returned(3, 10);
    desk.granted("tap2", 2, 4);
    // A grant of this watch may be ahead of what has come.
    desk.settle(5, &[(2, "tap2")]);
    assert_eq!(desk.wishes.ask_due(), asked(&[], &[]));
    desk.wishes.watch_began(true);
    desk.settle(5, &[(2, "tap2")]);
    assert_eq!(desk.wishes.ask_due(), asked(&[(1, "tap1")], &[3]));
}

//! One watch: what is held back, what is given out, what is forgotten.

use weft_topology::{Epoch, Known, LocalPort, Tag};
use weft_wire::watch::WatchLine;

use super::{
    ELSEWHERE, HERE, arp, bridge, bridge_id, complete, gone, host, ids, port, port_id, put, relist,
};
use crate::snapshot::Builder;

/// A host that follows bridge 1, and knows it, at revision 5 of store `s`.
fn follower() -> Builder {
    let mut builder = Builder::new(HERE);
    let first = builder.opened("s", &ids(&[bridge_id(1).into()])).unwrap();
    assert_eq!((first.number, first.add), (1, vec![bridge_id(1).into()]));
    for line in [put(5, host()), put(5, bridge(1, "blue")), put(5, arp(1, 1))] {
        builder.line(line);
    }
    builder.line(complete(5, 1));
    assert!(builder.is_settled());
    builder.publish().unwrap();
    builder
}

#[test]
fn nothing_is_applied_before_the_first_interest_is_answered() {
    let mut builder = Builder::new(HERE);
    let wanted = ids(&[bridge_id(1).into()]);
    builder.opened("s", &wanted).unwrap();
    builder.line(put(5, host()));
    assert_eq!(builder.line(complete(5, 0)).reached, None);
    assert!(!builder.is_settled() && builder.publish().is_none());
    assert_eq!(builder.resume(), None);
    builder.line(put(5, bridge(1, "blue")));
    let heard = builder.line(complete(5, 1));
    assert!(heard.complete);
    assert_eq!(heard.reached, Some(5));
    assert_eq!(builder.snapshot().objects().count(), 2);
    assert_eq!(builder.publish().unwrap().0.epoch().revision, 5);
    assert!(builder.publish().is_none());
}

#[test]
fn without_an_interest_the_first_complete_counts() {
    let mut builder = Builder::new(HERE);
    assert_eq!(builder.opened("s", &ids(&[])), None);
    builder.line(put(5, host()));
    assert_eq!(builder.line(complete(5, 0)).reached, Some(5));
    assert!(builder.is_settled());
}

#[test]
fn a_transaction_is_seen_whole_or_not_at_all() {
    let mut builder = follower();
    builder.line(put(6, bridge(1, "red")));
    assert_eq!(
        builder.line(WatchLine::Heartbeat { revision: 6 }).reached,
        None
    );
    assert!(builder.publish().is_none());
    builder.line(gone(6, arp(1, 1).id));
    builder.line(complete(6, 1));
    let (snapshot, tags) = builder.publish().unwrap();
    assert!(tags.contains(&Tag::Object(bridge_id(1).into())));
    assert_eq!(snapshot.arp_entry(bridge_id(1), [10, 0, 0, 1].into()), None);
}

#[test]
fn a_complete_without_a_change_moves_the_revision_and_publishes_nothing() {
    let mut builder = follower();
    assert_eq!(builder.line(complete(9, 1)).reached, Some(9));
    assert!(builder.publish().is_none());
    assert_eq!(builder.resume().unwrap().revision, 9);
    assert_eq!(
        builder.line(WatchLine::Heartbeat { revision: 12 }).reached,
        Some(12)
    );
}

#[test]
fn a_put_of_what_is_so_already_publishes_no_tag() {
    let mut builder = follower();
    builder.line(put(6, bridge(1, "blue")));
    builder.line(complete(6, 1));
    let tags = builder.publish().map(|(_, tags)| tags.len());
    assert_eq!(tags, Some(0));
}

#[test]
fn a_revision_is_not_reached_while_something_that_was_asked_for_has_not_come() {
    let mut builder = follower();
    let wanted = ids(&[bridge_id(1).into(), bridge_id(2).into()]);
    let request = builder.follow(&wanted).unwrap();
    assert_eq!(
        (request.number, request.add, request.drop),
        (2, vec![bridge_id(2).into()], vec![])
    );
    assert_eq!(builder.follow(&wanted), None, "asked for already");
    assert_eq!(builder.line(complete(6, 1)).reached, None);
    assert_eq!(
        builder.line(WatchLine::Heartbeat { revision: 6 }).reached,
        None
    );
    builder.line(gone(6, bridge_id(2)));
    assert_eq!(builder.line(complete(6, 2)).reached, Some(6));
    let absent = builder.snapshot().bridge(bridge_id(2));
    assert_eq!(absent, Known::Absent);
}

#[test]
fn an_answer_to_what_was_never_asked_keeps_nothing_from_being_settled() {
    let mut builder = follower();
    builder.line(complete(6, 1000));
    assert!(builder.is_settled());
    builder.follow(&ids(&[bridge_id(2).into()])).unwrap();
    assert!(!builder.is_settled());
    builder.line(complete(7, 2));
    assert!(builder.is_settled());
}

#[test]
fn what_is_let_go_is_forgotten_with_what_it_brought() {
    let mut builder = follower();
    let request = builder.follow(&ids(&[])).unwrap();
    assert_eq!(request.drop, [bridge_id(1).into()]);
    assert_eq!(
        builder.snapshot().objects().count(),
        1,
        "the host itself stays"
    );
    assert!(builder.publish().is_some());
    // What was under way.
    builder.line(put(6, arp(1, 2)));
    builder.line(complete(6, 2));
    assert_eq!(builder.snapshot().objects().count(), 1);
}

#[test]
fn a_port_that_went_to_another_host_is_forgotten_and_one_that_is_wanted_is_not() {
    for is_wanted in [false, true] {
        let mut builder = follower();
        if is_wanted {
            let wanted = [bridge_id(1).into(), port_id(1).into()];
            builder.follow(&ids(&wanted)).unwrap();
        }
        let asked = 1 + u64::from(is_wanted);
        builder.line(put(6, port(1, 1, Some(HERE))));
        builder.line(complete(6, asked));
        assert!(builder.snapshot().port(port_id(1)).here().is_some());
        builder.line(put(7, port(1, 1, Some(ELSEWHERE))));
        builder.line(complete(7, asked));
        let here = builder.snapshot().port(port_id(1)).here().is_some();
        assert_eq!(here, is_wanted);
    }
}

#[test]
fn what_is_gone_leaves_nothing_behind_unless_it_was_asked_for() {
    let mut builder = follower();
    for revision in 6..100 {
        let last = u8::try_from(revision).unwrap();
        builder.line(put(revision, arp(1, last)));
        builder.line(complete(revision, 1));
        builder.line(gone(revision, arp(1, last).id));
        builder.line(complete(revision, 1));
    }
    assert_eq!(builder.snapshot().absent().count(), 0);
    assert_eq!(builder.stored().absent, []);
    // The bridge was asked for: that it is gone is worth knowing.
    builder.line(gone(100, bridge_id(1)));
    builder.line(complete(100, 1));
    assert_eq!(builder.snapshot().bridge(bridge_id(1)), Known::Absent);
}

#[test]
fn a_relist_keeps_the_old_until_everything_has_come_and_drops_what_did_not() {
    let mut builder = follower();
    builder.line(put(6, arp(1, 2)));
    builder.line(relist());
    builder.line(put(8, host()));
    builder.line(put(8, bridge(1, "blue")));
    assert!(builder.publish().is_none() && !builder.is_settled());
    assert_eq!(
        builder
            .snapshot()
            .arp_entry(bridge_id(1), [10, 0, 0, 1].into()),
        Some(arp(1, 1).mac)
    );
    builder.line(put(8, arp(1, 3)));
    let heard = builder.line(complete(8, 1));
    assert_eq!(heard.reached, Some(8));
    let (snapshot, _) = builder.publish().unwrap();
    let entry = |last: u8| snapshot.arp_entry(bridge_id(1), [10, 0, 0, last].into());
    assert_eq!((entry(1), entry(2)), (None, None));
    assert_eq!(entry(3), Some(arp(1, 3).mac));
}

#[test]
fn local_ports_are_published_whether_or_not_there_is_a_watch() {
    let mut builder = follower();
    let local = |number| LocalPort {
        port: port_id(1),
        number,
        interface: "tap1".to_owned(),
    };
    builder.set_local(&[local(1)]);
    let (snapshot, tags) = builder.publish().unwrap();
    assert!(tags.contains(&Tag::Local(port_id(1))));
    assert_eq!(snapshot.local_by_number(1).unwrap().port, port_id(1));
    builder.close();
    builder.set_local(&[local(1)]);
    assert!(builder.publish().is_none(), "nothing changed");
    builder.set_local(&[local(2)]);
    let epoch = builder.publish().unwrap().0.epoch();
    let expected = Epoch {
        revision: 5,
        bindings: snapshot.epoch().bindings + 1,
    };
    assert_eq!(epoch, expected);
}

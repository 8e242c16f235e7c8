//! Connections that are kept although no rule admits them any more.

use weft_evaluator::World;
use weft_flow::action::Ct;
use weft_flow::present::ct_state;
use weft_flow::{Action, Field, FlowKey};

use super::connections::{looked_up, office_with, rule_id, run, udp};
use super::net::port_id;
use crate::{CUT, Outcome, Reason};

/// A key of A's as its zone says of an original packet of the connection with this mark.
fn established(key: FlowKey, zone: u16, mark: u32) -> FlowKey {
    looked_up(key, zone, ct_state::ESTABLISHED, mark)
}

#[test]
fn what_was_admitted_is_kept_when_rules_deny_it_and_enters_nothing() {
    let open = office_with(&[(1, Some(1), Some(0)), (2, Some(0), Some(1))]);
    let to_80 = || udp(1, 2, 80);
    let first = run(&open, &looked_up(to_80(), 1, ct_state::NEW, 0));
    let mark = first.conversation.unwrap().mark();
    let zone_2 = Action::Ct(Ct {
        zone: 2,
        ..Ct::default()
    });
    // Denied on the way in (chain 0 accepts nothing but replies), and on the way out.
    for filters in [
        [(1, Some(0), Some(0)), (2, Some(0), Some(1))],
        [(1, Some(1), Some(0)), (2, Some(0), Some(0))],
        [(1, Some(0), Some(0)), (2, Some(0), Some(0))],
    ] {
        let severs = office_with(&filters);
        let keeps = World {
            keeps: true,
            ..severs.clone()
        };
        let denied = |outcome: Outcome| matches!(outcome.reason, Reason::Filtered(_));
        let kept = run(&keeps, &established(to_80(), 1, mark));
        assert_eq!(kept.reason, Reason::Unicast(port_id(2)));
        assert_eq!(kept.actions, [zone_2.clone(), Action::Output(2)]);
        assert_eq!(kept.conversation, None);
        assert!(denied(run(&severs, &established(to_80(), 1, mark))));
        // One that was never answered is new to the kernel, and has the mark all the same.
        let unanswered = run(&keeps, &looked_up(to_80(), 1, ct_state::NEW, mark));
        assert_eq!(unanswered.actions, kept.actions);
        // A new one, one that was cut, one from another machine.
        let mut others = vec![(to_80(), 0), (to_80(), CUT | mark), (to_80(), mark ^ 1)];
        if filters[0].1 == Some(0) {
            // One to another machine, where nothing but what is said on the way in stops it.
            others.push((udp(1, 3, 80), mark));
        }
        for (key, mark) in others {
            let outcome = run(&keeps, &established(key, 1, mark));
            assert!(outcome.reason.is_drop(), "{mark:#x}: {outcome:?}");
        }
    }
}

#[test]
fn replies_and_what_no_rule_asks_about_are_not_kept() {
    let keeps = |filters: &[_]| World {
        keeps: true,
        ..office_with(filters)
    };
    let open = office_with(&[(1, Some(1), Some(0)), (2, Some(0), Some(1))]);
    let first = run(&open, &looked_up(udp(1, 2, 80), 1, ct_state::NEW, 0));
    let mark = first.conversation.unwrap().mark();
    // Chain 2 has no rule for replies.
    let world = keeps(&[(1, Some(1), Some(2))]);
    let reply = looked_up(
        udp(2, 1, 4_000),
        1,
        ct_state::ESTABLISHED | ct_state::REPLY,
        mark,
    );
    assert_eq!(run(&world, &reply).reason, Reason::Filtered(rule_id(2, 1)));
    // Where nobody asks, it is not looked up at all.
    let world = keeps(&[(1, Some(2), None), (2, None, Some(2))]);
    assert_eq!(
        run(&world, &udp(1, 2, 81)).reason,
        Reason::Filtered(rule_id(2, 1))
    );
}

#[test]
fn a_flow_of_what_is_kept_or_not_depends_on_the_setting() {
    let world = office_with(&[(1, Some(0), Some(0))]);
    let denied = run(&world, &looked_up(udp(1, 2, 80), 1, ct_state::NEW, 0));
    let established = weft_topology::Tag::Established;
    assert!(denied.tags.contains(&established));
    let accepted = office_with(&[(1, Some(1), Some(0))]);
    let accepted = run(&accepted, &looked_up(udp(1, 2, 80), 1, ct_state::NEW, 0));
    assert!(!accepted.tags.contains(&established));
    assert_eq!(
        denied.mask.get(Field::CtMark),
        0,
        "severed, it reads no mark"
    );
}

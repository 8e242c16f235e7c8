//! What is refused in a rule by itself, and by which name it is told.

mod common;

use weft_topology::Problem;
use weft_topology::chain::{
    Condition, FragmentPolicy, NatDirection, NatTarget, NatVerdict, PortRange, RuleAction, Test,
};

use common::*;

#[test]
fn ranges_do_not_end_before_they_begin() {
    let reversed = |first: &str, last: &str| Problem::Reversed {
        first: first.to_owned(),
        last: last.to_owned(),
    };
    let tested = changed(rule(1, 1, RuleAction::Accept), |rule| {
        let value = PortRange { first: 5, last: 4 };
        rule.condition.destination_port = Some(Test {
            value,
            invert: false,
        });
        rule.condition.fragment_policy = FragmentPolicy::Header;
    });
    assert_eq!(
        problem(tested, "condition.destination_port"),
        reversed("5", "4")
    );
    let target = |first: &str, last: &str| NatTarget {
        first: first.parse().unwrap(),
        last: last.parse().unwrap(),
        ports: None,
    };
    let nat = |targets, reverse| RuleAction::Nat {
        direction: NatDirection::Source,
        targets,
        reverse,
        then: NatVerdict::Accept,
    };
    let whole = |action| {
        changed(rule(1, 1, action), |rule| {
            rule.condition.fragment_policy = FragmentPolicy::Unfragmented;
        })
    };
    let wrong = whole(nat(vec![target("10.0.0.2", "10.0.0.1")], false));
    assert_eq!(
        problem(wrong, "action.targets"),
        reversed("10.0.0.2", "10.0.0.1")
    );
    assert_eq!(
        problem(whole(nat(vec![], false)), "action.targets"),
        Problem::Empty
    );
    let from_zero = NatTarget {
        ports: Some(PortRange { first: 0, last: 9 }),
        ..target("10.0.0.1", "10.0.0.1")
    };
    assert!(matches!(
        problem(whole(nat(vec![from_zero], false)), "action.targets"),
        Problem::OutOfRange { value: 0, .. }
    ));
    let both = rule(1, 1, nat(vec![target("10.0.0.1", "10.0.0.2")], true));
    assert!(matches!(
        problem(both, "action.targets"),
        Problem::MustBeEmpty { .. }
    ));
    assert!(is_fine(rule(1, 1, nat(vec![], true))));
}

#[test]
fn an_ethertype_is_no_length() {
    let tested = |value| {
        changed(rule(1, 1, RuleAction::Accept), |rule| {
            rule.condition.ether_type = Some(Test {
                value,
                invert: true,
            });
        })
    };
    assert!(is_fine(tested(0x0600)));
    assert!(matches!(
        problem(tested(0x05ff), "condition.ether_type"),
        Problem::OutOfRange { value: 0x05ff, .. }
    ));
}

/// As MidoNet's API defaults and refuses them.
#[test]
fn fragments_without_ports_are_not_for_rules_that_read_or_choose_ports() {
    use FragmentPolicy::{Any, Header, Nonheader, Unfragmented};
    let ports = Condition {
        destination_port: Some(Test {
            value: PortRange {
                first: 80,
                last: 80,
            },
            invert: false,
        }),
        ..Condition::default()
    };
    let target = NatTarget {
        first: [10, 0, 0, 5].into(),
        last: [10, 0, 0, 5].into(),
        ports: None,
    };
    let nat = |targets: Vec<NatTarget>| RuleAction::Nat {
        direction: NatDirection::Destination,
        reverse: targets.is_empty(),
        targets,
        then: NatVerdict::Accept,
    };
    let fixed = nat(vec![target]);
    let range = nat(vec![NatTarget {
        last: [10, 0, 0, 9].into(),
        ..target
    }]);
    let to_port = nat(vec![NatTarget {
        ports: Some(PortRange {
            first: 8080,
            last: 8080,
        }),
        ..target
    }]);
    let none = Condition::default();
    let all = [Any, Header, Nonheader, Unfragmented];
    for (condition, action, default, allowed) in [
        (&none, RuleAction::Drop, Any, &all[..]),
        (&ports, RuleAction::Drop, Header, &[Header, Unfragmented]),
        (&none, fixed.clone(), Any, &all),
        (&ports, fixed, Unfragmented, &[Unfragmented]),
        (&none, range, Unfragmented, &[Unfragmented]),
        (&none, to_port, Unfragmented, &[Unfragmented]),
        (&none, nat(vec![]), Any, &all),
        (&ports, nat(vec![]), Header, &[Header, Unfragmented]),
    ] {
        assert_eq!(FragmentPolicy::default_of(condition, &action), default);
        for fragment_policy in all {
            let with = changed(rule(1, 1, action.clone()), |rule| {
                rule.condition = Condition {
                    fragment_policy,
                    ..condition.clone()
                };
            });
            if allowed.contains(&fragment_policy) {
                assert!(is_fine(with));
            } else {
                let problem = problem(with, "condition.fragment_policy");
                assert!(
                    matches!(problem, Problem::Fragments { policy, .. } if policy == fragment_policy)
                );
            }
        }
    }
}

//! What a transaction takes along, what it refuses, and that it is all or nothing.

mod common;

use weft_topology::bridge::{ArpEntry, MacEntry};
use weft_topology::chain::{
    AddressGroup, AddressGroupMember, Condition, MOST_JUMPS, RuleAction, Test,
};
use weft_topology::{Change, Kind, Object, ObjectId, Problem, Topology};

use common::*;

fn topology(objects: impl IntoIterator<Item = Object>) -> Topology {
    let changes = objects.into_iter().map(Change::Put);
    Topology::default()
        .apply(changes)
        .expect("a valid topology")
        .topology
}

fn gone(id: impl Into<ObjectId>) -> Change {
    Change::Gone(id.into())
}

/// A bridge with everything that a bridge can have, and a neighbour that links to it.
fn furnished() -> Topology {
    let mut bound = port(1, 1);
    bound.binding = binding(7, "tap1");
    let mut linked = port(2, 1);
    linked.peer = Some(port_id(3));
    let mut other_end = router_port(3, 9);
    other_end.peer = Some(port_id(2));
    topology([
        bridge(1).into(),
        router(9).into(),
        host(7).into(),
        bound.into(),
        linked.into(),
        other_end.into(),
        MacEntry::new(bridge_id(1), 0, mac(1), port_id(1)).into(),
        ArpEntry::new(bridge_id(1), [10, 0, 0, 1].into(), mac(1)).into(),
        subnet(1).into(),
        dhcp_host(1, 1).into(),
    ])
}

#[test]
fn a_bridge_takes_along_what_belongs_to_it_and_frees_its_links() {
    let applied = furnished().apply([gone(bridge_id(1))]).unwrap();
    let left: Vec<ObjectId> = applied.topology.objects().map(Object::id).collect();
    assert_eq!(
        left,
        [router_id(9).into(), port_id(3).into(), host_id(7).into()]
    );
    assert_eq!(applied.topology.port(port_id(3)).unwrap().peer, None);
    let put = applied
        .changes
        .iter()
        .filter(|change| matches!(change, Change::Put(_)));
    assert_eq!(put.count(), 1);
    assert_eq!(applied.changes.len(), 8);
}

#[test]
fn a_host_with_bindings_is_refused_and_the_ports_are_named() {
    let violations = refused(&furnished(), vec![gone(host_id(7))]);
    let by = vec![port_id(1).into()];
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].object, host_id(7).into());
    assert_eq!(violations[0].problem, Problem::InUse { by });
    assert!(violations[0].to_string().contains(&port_id(1).to_string()));
}

#[test]
fn a_host_goes_together_with_its_bindings() {
    let mut unbound = port(1, 1);
    unbound.previous_host = Some(host_id(7));
    let applied = furnished().apply([gone(host_id(7)), put(unbound)]).unwrap();
    assert_eq!(applied.topology.host(host_id(7)), None);
}

#[test]
fn a_chain_that_filters_or_is_jumped_to_is_refused_and_its_users_are_named() {
    let mut filtered = bridge(1);
    filtered.inbound_filter = Some(chain_id(1));
    let topology = topology([
        filtered.into(),
        chain(1, &[]).into(),
        chain(2, &[5]).into(),
        rule(5, 2, jump(1)).into(),
    ]);
    let violations = refused(&topology, vec![gone(chain_id(1))]);
    let by = vec![bridge_id(1).into(), rule_id(5).into()];
    assert_eq!(violations[0].problem, Problem::InUse { by });

    let both = [gone(chain_id(1)), gone(chain_id(2)), gone(bridge_id(1))];
    assert!(topology.apply(both).unwrap().topology.is_empty());
}

#[test]
fn a_rule_that_goes_leaves_its_chains_list() {
    let topology = topology([
        chain(1, &[5, 6]).into(),
        rule(5, 1, RuleAction::Accept).into(),
        rule(6, 1, RuleAction::Drop).into(),
    ]);
    let applied = topology.apply([gone(rule_id(5))]).unwrap();
    assert_eq!(
        applied.topology.chain(chain_id(1)).unwrap().rules,
        [rule_id(6)]
    );
}

#[test]
fn a_port_group_leaves_its_members_but_is_kept_by_a_rule_that_tests_it() {
    let mut member = port(1, 1);
    member.port_groups.insert(group_id(4));
    let mut testing = rule(5, 1, RuleAction::Accept);
    testing.condition = Condition {
        in_port_group: Some(Test {
            value: group_id(4),
            invert: false,
        }),
        ..Condition::default()
    };
    let topology = topology([
        bridge(1).into(),
        member.into(),
        port_group(4).into(),
        chain(1, &[5]).into(),
        testing.into(),
    ]);
    let violations = refused(&topology, vec![gone(group_id(4))]);
    let by = vec![rule_id(5).into()];
    assert_eq!(violations[0].problem, Problem::InUse { by });

    let applied = topology
        .apply([gone(group_id(4)), gone(rule_id(5))])
        .unwrap();
    assert!(
        applied
            .topology
            .port(port_id(1))
            .unwrap()
            .port_groups
            .is_empty()
    );
}

#[test]
fn an_address_group_takes_along_its_members_and_is_kept_by_a_rule_that_tests_it() {
    let group = AddressGroup {
        id: uuid::Uuid::from_u128(4).into(),
        tenant_id: None,
        name: String::new(),
    };
    let member = |prefix: &str| AddressGroupMember::new(group.id, prefix.parse().unwrap());
    let mut testing = rule(5, 1, RuleAction::Accept);
    testing.condition.destination_group = Some(Test {
        value: group.id,
        invert: true,
    });
    let before = topology([
        group.clone().into(),
        member("10.0.0.0/8").into(),
        member("2001:db8::1/128").into(),
        chain(1, &[5]).into(),
        testing.clone().into(),
    ]);
    let violations = refused(&before, vec![gone(group.id)]);
    let by = vec![rule_id(5).into()];
    assert_eq!(violations[0].problem, Problem::InUse { by });
    let applied = before.apply([gone(group.id), gone(rule_id(5))]).unwrap();
    assert_eq!(applied.topology.len(), 1, "the chain");

    // A rule that names what is not there is told in which of its tests.
    let violations = refused(
        &Topology::default(),
        vec![put(chain(1, &[5])), put(testing)],
    );
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].field, "condition.destination_group");
    assert_eq!(violations[0].problem, Problem::NoSuch(group.id.into()));
}

#[test]
fn a_port_leaves_several_groups_at_once() {
    let mut member = port(1, 1);
    member.port_groups.extend([group_id(4), group_id(5)]);
    let groups = [port_group(4).into(), port_group(5).into()];
    let topology = topology([bridge(1).into(), member.into()].into_iter().chain(groups));
    let applied = topology
        .apply([gone(group_id(4)), gone(group_id(5))])
        .unwrap();
    assert_eq!(applied.topology.port(port_id(1)), Some(&port(1, 1).into()));
}

#[test]
fn a_port_takes_along_routes_and_table_entries_that_lead_to_it() {
    let topology = topology([
        bridge(1).into(),
        router(9).into(),
        port(1, 1).into(),
        router_port(2, 9).into(),
        MacEntry::new(bridge_id(1), 0, mac(1), port_id(1)).into(),
        route(8, 9, 2).into(),
    ]);
    let applied = topology
        .apply([gone(port_id(1)), gone(port_id(2))])
        .unwrap();
    let left: Vec<Kind> = applied.topology.objects().map(Object::kind).collect();
    assert_eq!(left, [Kind::Bridge, Kind::Router]);
}

#[test]
fn a_child_written_in_the_transaction_that_removes_its_parent_is_refused() {
    let violations = refused(&furnished(), vec![gone(bridge_id(1)), put(port(20, 1))]);
    assert!(violations.iter().any(|violation| {
        violation.object == port_id(20).into()
            && violation.problem == Problem::NoSuch(bridge_id(1).into())
    }));
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_nothing_is_changed() {
    let before = furnished();
    let mut bad = port(20, 77);
    bad.vlan = Some(5000);
    let violations = refused(&before, vec![put(bridge(2)), put(bad), gone(host_id(7))]);
    let fields: Vec<&str> = violations.iter().map(|violation| violation.field).collect();
    assert_eq!(fields, ["vlan", "device", "id"]);
    assert_eq!(before, furnished());
}

#[test]
fn what_is_already_so_is_no_change() {
    let before = furnished();
    let again: Vec<Change> = before.objects().cloned().map(Change::Put).collect();
    let applied = before
        .apply(again.into_iter().chain([gone(bridge_id(99))]))
        .unwrap();
    assert!(applied.changes.is_empty());
}

#[test]
fn of_several_changes_to_one_object_the_last_counts() {
    let (mut first, second) = (bridge(1), bridge(1));
    first.mtu = Some(1);
    let applied = Topology::default()
        .apply([put(first), put(second.clone())])
        .unwrap();
    assert_eq!(applied.changes, [put(second)]);
}

#[test]
fn a_tunnel_key_and_an_interface_belong_to_one_port() {
    let before = furnished();
    let mut same_key = port(20, 1);
    same_key.tunnel_key = 1;
    let mut same_interface = port(21, 1);
    same_interface.binding = binding(7, "tap1");
    let violations = refused(&before, vec![put(same_key), put(same_interface)]);
    let taken: Vec<_> = violations
        .iter()
        .map(|v| (v.field, v.problem.clone()))
        .collect();
    let by = Problem::Taken(port_id(1).into());
    assert_eq!(taken, [("tunnel_key", by.clone()), ("binding", by)]);

    let mut elsewhere = port(22, 1);
    elsewhere.binding = binding(7, "tap2");
    assert!(before.apply([put(elsewhere)]).is_ok());
}

#[test]
fn two_ports_may_swap_their_interfaces_in_one_transaction() {
    let (mut a, mut b) = (port(1, 1), port(2, 1));
    a.binding = binding(7, "tap1");
    b.binding = binding(7, "tap2");
    let before = topology([
        bridge(1).into(),
        host(7).into(),
        a.clone().into(),
        b.clone().into(),
    ]);
    std::mem::swap(&mut a.binding, &mut b.binding);
    let after = before.apply([put(a), put(b)]).unwrap().topology;
    let tap1 = binding(7, "tap1").unwrap();
    assert_eq!(after.port_by_binding(&tap1), Some(port_id(2)));
}

#[test]
fn peers_name_each_other() {
    let before = topology([bridge(1).into(), port(1, 1).into(), port(2, 1).into()]);
    let (mut a, mut b) = (port(1, 1), port(2, 1));
    a.peer = Some(b.id);
    let violations = refused(&before, vec![put(a.clone())]);
    assert_eq!(violations[0].problem, Problem::OneSided { peer: b.id });
    b.peer = Some(a.id);
    let linked = before
        .apply([put(a.clone()), put(b.clone())])
        .unwrap()
        .topology;

    let violations = refused(&linked, vec![put(port(1, 1))]);
    assert_eq!(violations[0].object, b.id.into());
    assert_eq!(violations[0].problem, Problem::OneSided { peer: a.id });
}

#[test]
fn a_port_that_moves_must_not_leave_entries_and_routes_behind() {
    let before = topology([
        bridge(1).into(),
        bridge(2).into(),
        router(9).into(),
        router(10).into(),
        port(1, 1).into(),
        router_port(2, 9).into(),
        MacEntry::new(bridge_id(1), 0, mac(1), port_id(1)).into(),
        route(8, 9, 2).into(),
    ]);
    let violations = refused(&before, vec![put(port(1, 2)), put(router_port(2, 10))]);
    let fields: Vec<&str> = violations.iter().map(|violation| violation.field).collect();
    assert_eq!(fields, ["port", "next_hop"]);
}

#[test]
fn a_chain_lists_just_its_own_rules() {
    let accept = |n, chain| rule(n, chain, RuleAction::Accept);
    let before = topology([
        chain(1, &[5]).into(),
        chain(2, &[]).into(),
        accept(5, 1).into(),
    ]);
    let cases = [
        (vec![put(accept(6, 1))], "chain"),
        (vec![put(chain(1, &[]))], "rules"),
        (vec![put(chain(2, &[5]))], "rules"),
        (vec![put(chain(1, &[5, 5]))], "rules"),
        (vec![put(chain(1, &[5, 6]))], "rules"),
    ];
    for (changes, field) in cases {
        let violations = refused(&before, changes.clone());
        assert_eq!(violations.len(), 1, "{changes:?}");
        assert_eq!(violations[0].field, field, "{changes:?}");
    }
}

#[test]
fn chains_that_would_jump_in_a_circle_are_refused_and_the_circle_is_named() {
    let before = topology([
        chain(1, &[11]).into(),
        chain(2, &[12]).into(),
        chain(3, &[]).into(),
        rule(11, 1, jump(2)).into(),
        rule(12, 2, jump(3)).into(),
    ]);
    let violations = refused(
        &before,
        vec![put(chain(3, &[13])), put(rule(13, 3, jump(1)))],
    );
    let way = vec![chain_id(1), chain_id(2), chain_id(3)];
    assert_eq!(violations[0].problem, Problem::JumpCycle(way));

    let violations = refused(
        &before,
        vec![put(chain(3, &[13])), put(rule(13, 3, jump(3)))],
    );
    assert_eq!(violations[0].problem, Problem::JumpCycle(vec![chain_id(3)]));

    let twice = [put(chain(1, &[11, 14])), put(rule(14, 1, jump(3)))];
    assert!(
        before.apply(twice).is_ok(),
        "two ways to one chain are no circle"
    );
}

#[test]
fn a_jump_more_in_a_row_than_is_followed_is_refused_wherever_it_is_put() {
    // Chain n jumps to chain n + 1; the last jumps nowhere.
    let row = |chains: std::ops::RangeInclusive<u128>| -> Vec<Object> {
        let last = *chains.end();
        let of = |n: u128| match n == last {
            true => vec![chain(n, &[]).into()],
            false => vec![
                chain(n, &[100 + n]).into(),
                rule(100 + n, n, jump(n + 1)).into(),
            ],
        };
        chains.flat_map(of).collect()
    };
    let longest = MOST_JUMPS as u128;
    let whole = topology(row(1..=longest + 1));
    let above = [put(chain(50, &[150])), put(rule(150, 50, jump(1)))];
    let below = [
        put(chain(50, &[])),
        put(chain(longest + 1, &[150])),
        put(rule(150, longest + 1, jump(50))),
    ];
    for changes in [above.to_vec(), below.to_vec()] {
        let violations = refused(&whole, changes);
        let too_deep = Problem::JumpsTooDeep {
            jumps: MOST_JUMPS + 1,
            most: MOST_JUMPS,
        };
        assert_eq!(violations[0].problem, too_deep);
    }
    // Two rows become one in the middle.
    let halves = topology([row(1..=20), row(21..=40)].concat());
    let joint = [put(chain(20, &[120])), put(rule(120, 20, jump(21)))];
    assert_eq!(refused(&halves, joint.to_vec()).len(), 1);
    let aside = [put(chain(50, &[150])), put(rule(150, 50, jump(10)))];
    assert!(halves.apply(aside).is_ok());
}

#[test]
fn lists_are_answered_from_references() {
    let topology = furnished();
    let bridge = bridge_id(1).into();
    let ports = topology
        .referrers_of_kind(bridge, Kind::Port)
        .map(Object::id);
    assert_eq!(
        ports.collect::<Vec<_>>(),
        [port_id(1).into(), port_id(2).into()]
    );
    assert_eq!(topology.referrers(bridge).count(), 6);
    assert_eq!(topology.of_kind(Kind::Port).count(), 3);
    assert_eq!(topology.port_by_tunnel_key(3), Some(port_id(3)));
    assert_eq!(topology.greatest_tunnel_key(), 3);
}

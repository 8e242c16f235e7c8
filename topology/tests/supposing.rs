//! What a host that talks of a change needs to be told, and what it would know then.

mod common;

use weft_topology::chain::{AddressGroup, AddressGroupMember, Condition, RuleAction, Test};
use weft_topology::id::AddressGroupId;
use weft_topology::{Change, LocalPort, Object, ObjectId, Snapshot, Topology};

use common::*;

fn group(n: u128) -> AddressGroup {
    AddressGroup {
        id: AddressGroupId(uuid::Uuid::from_u128(n)),
        tenant_id: None,
        name: String::new(),
    }
}

/// Ports 1 and 2 of bridge 1. Chain 10 jumps to chain 11, whose rule names group 20, which has a member. Chain 12 is
/// nobody's. Port 1 has chain 12.
fn cloud() -> Topology {
    let mut names_group = rule(111, 11, RuleAction::Accept);
    names_group.condition = Condition {
        source_group: Some(Test {
            value: group(20).id,
            invert: false,
        }),
        ..Condition::default()
    };
    let jump = RuleAction::Jump {
        chain: chain_id(11),
    };
    let mut first = port(1, 1);
    first.inbound_filter = Some(chain_id(12));
    let objects: [Object; 11] = [
        bridge(1).into(),
        host(7).into(),
        first.into(),
        port(2, 1).into(),
        chain(10, &[101]).into(),
        rule(101, 10, jump).into(),
        chain(11, &[111]).into(),
        names_group.into(),
        group(20).into(),
        AddressGroupMember::new(group(20).id, "10.0.0.0/8".parse().expect("a prefix")).into(),
        chain(12, &[]).into(),
    ];
    let changes = objects.into_iter().map(Change::Put);
    let applied = Topology::default().apply(changes);
    applied.expect("a valid topology").topology
}

/// What is said of changes, beside what they say themselves.
fn said(cloud: &Topology, changes: Vec<Change>) -> Vec<ObjectId> {
    let applied = cloud.apply(changes).expect("a valid change");
    let mut said: Vec<ObjectId> = applied
        .topology
        .newly_named(cloud, &applied.changes)
        .iter()
        .map(Object::id)
        .collect();
    said.sort_unstable();
    said
}

#[test]
fn a_chain_that_a_port_names_anew_is_said_with_all_that_it_leads_to_and_nothing_else() {
    let cloud = cloud();
    let mut changed = port(2, 1);
    changed.outbound_filter = Some(chain_id(10));
    let said = said(&cloud, vec![Change::Put(changed.into())]);
    let member =
        cloud.referrers_of_kind(group(20).id.into(), weft_topology::Kind::AddressGroupMember);
    let mut wanted: Vec<ObjectId> = member.map(Object::id).collect();
    wanted.extend::<[ObjectId; 5]>([
        chain_id(10).into(),
        rule_id(101).into(),
        chain_id(11).into(),
        rule_id(111).into(),
        group(20).id.into(),
    ]);
    wanted.sort_unstable();
    assert_eq!(said, wanted);
}

#[test]
fn what_was_named_before_is_not_said_again() {
    let cloud = cloud();
    let mut changed = port(1, 1);
    changed.inbound_filter = Some(chain_id(12));
    changed.admin_state_up = false;
    let mut rule = (**cloud.rule(rule_id(111)).unwrap()).clone();
    rule.action = RuleAction::Drop;
    let changes = vec![Change::Put(changed.into()), Change::Put(rule.into())];
    assert_eq!(said(&cloud, changes), []);
}

#[test]
fn with_what_is_said_a_host_that_knew_its_own_share_lacks_nothing() {
    let cloud = cloud();
    // All that port 2 led to before.
    let known: Vec<Change> = [bridge(1).into(), port(2, 1).into()]
        .map(Change::Put)
        .into();
    let host = Snapshot::default().apply(1, &known).0;
    let mut changed = port(2, 1);
    changed.outbound_filter = Some(chain_id(10));
    let applied = cloud.apply([Change::Put(changed.into())]).unwrap();
    let named = applied.topology.newly_named(&cloud, &applied.changes);
    let all: Vec<Change> = applied
        .changes
        .into_iter()
        .chain(named.into_iter().map(Change::Put))
        .collect();
    let then = host.supposing(&all);
    for chain in [chain_id(10), chain_id(11)] {
        let program = then.program(chain).here().unwrap();
        assert_eq!(program.rules.len(), 1);
        let missing = |step: &_| matches!(step, weft_topology::snapshot::Step::Missing(_));
        assert!(!program.rules.iter().any(missing));
    }
    assert!(then.group_has(group(20).id, "10.0.0.0/8".parse().expect("a prefix")));
    assert_eq!(then.epoch().revision, host.epoch().revision);
    assert!(
        !host.object(chain_id(10).into()).is_loaded(),
        "it was only talked of"
    );
}

#[test]
fn a_port_that_is_removed_or_bound_elsewhere_is_carried_no_more() {
    let local = |n: u32| LocalPort {
        port: port_id(n.into()),
        number: n,
        interface: format!("tap{n}"),
    };
    let bound = |n: u32, interface: &str| {
        let mut port = port(n, 1);
        port.binding = binding(7, interface);
        Change::Put(port.into())
    };
    let known = [
        Change::Put(bridge(1).into()),
        bound(1, "tap1"),
        bound(2, "tap2"),
        bound(3, "tap3"),
    ];
    let host = Snapshot::default().apply(1, &known).0;
    let host = host.with_local(&[local(1), local(2), local(3)]).0;
    let mut down = port(3, 1);
    down.binding = binding(7, "tap3");
    down.admin_state_up = false;
    let changes = [
        Change::Gone(port_id(1).into()),
        bound(2, "tap9"),
        Change::Put(down.into()),
    ];
    let then = host.supposing(&changes);
    let carried: Vec<u32> = then.local_ports().map(|local| local.number).collect();
    assert_eq!(carried, [3]);
    assert_eq!(host.local_ports().count(), 3);
}

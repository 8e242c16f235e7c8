//! What a host asks for.

use std::collections::BTreeSet;

use weft_topology::chain::{Chain, Condition, Rule, RuleAction};
use weft_topology::id::RuleId;
use weft_topology::{Change, Object, ObjectId, Snapshot};

use super::{ELSEWHERE, HERE, bridge, bridge_id, chain_id, ids, port, port_id};
use crate::snapshot::wanted;

fn snapshot(objects: Vec<Object>) -> Snapshot {
    let changes: Vec<Change> = objects.into_iter().map(Change::Put).collect();
    Snapshot::default().apply(1, &changes).0
}

fn wants(snapshot: &Snapshot, plugged: &[u32], met: &[ObjectId]) -> BTreeSet<ObjectId> {
    let plugged = plugged.iter().map(|&n| port_id(n)).collect();
    wanted(snapshot, HERE, &plugged, &ids(met))
}

fn chain(n: u32, rules: &[u128]) -> Object {
    let chain = Chain {
        id: chain_id(n),
        tenant_id: None,
        name: String::new(),
        rules: rules
            .iter()
            .map(|&id| RuleId(uuid::Uuid::from_u128(id)))
            .collect(),
    };
    chain.into()
}

fn jump(id: u128, from: u32, to: u32) -> Object {
    let rule = Rule {
        id: RuleId(uuid::Uuid::from_u128(id)),
        chain: chain_id(from),
        condition: Condition::default(),
        action: RuleAction::Jump {
            chain: chain_id(to),
        },
        log: None,
    };
    rule.into()
}

#[test]
fn own_ports_lead_to_their_bridges_and_others_ports_do_not() {
    let topology = snapshot(vec![
        port(1, 1, Some(HERE)).into(),
        port(2, 2, Some(ELSEWHERE)).into(),
        port(3, 3, None).into(),
    ]);
    assert_eq!(wants(&topology, &[], &[]), ids(&[bridge_id(1).into()]));
    // Own ports come by themselves; one that is to be plugged does not.
    let expected = ids(&[bridge_id(1).into(), bridge_id(3).into(), port_id(3).into()]);
    assert_eq!(wants(&topology, &[3], &[]), expected);
}

#[test]
fn what_is_not_known_yet_is_wanted_itself_and_leads_nowhere() {
    let topology = snapshot(vec![]);
    let met = bridge_id(5).into();
    let expected = ids(&[port_id(9).into(), met]);
    assert_eq!(wants(&topology, &[9], &[met]), expected);
}

#[test]
fn chains_lead_to_chains_and_a_circle_ends() {
    let mut own = port(1, 1, Some(HERE));
    own.inbound_filter = Some(chain_id(1));
    let topology = snapshot(vec![
        own.into(),
        bridge(1, "blue"),
        chain(1, &[101]),
        jump(101, 1, 2),
        chain(2, &[102]),
        jump(102, 2, 1),
    ]);
    let expected = ids(&[bridge_id(1).into(), chain_id(1).into(), chain_id(2).into()]);
    assert_eq!(wants(&topology, &[], &[]), expected);
}

#[test]
fn an_interior_link_is_not_gone_along() {
    let (mut near, mut far) = (port(1, 1, Some(HERE)), port(2, 2, None));
    near.peer = Some(port_id(2));
    far.peer = Some(port_id(1));
    let topology = snapshot(vec![near.into(), far.into()]);
    assert_eq!(wants(&topology, &[], &[]), ids(&[bridge_id(1).into()]));
}

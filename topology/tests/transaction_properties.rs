//! Properties of transactions: what was judged step by step is right as a whole.

mod common;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use weft_topology::bridge::{ArpEntry, MacEntry};
use weft_topology::chain::RuleAction;
use weft_topology::id::PortId;
use weft_topology::{Change, Object, ObjectId, Topology};

use common::*;

fn object() -> impl Strategy<Value = Object> {
    prop_oneof![
        2 => (1..=2u128, filter()).prop_map(|(n, filter)| {
            let mut bridge = bridge(n);
            bridge.inbound_filter = filter.map(chain_id);
            bridge.into()
        }),
        1 => Just(router(9).into()),
        1 => Just(host(7).into()),
        1 => Just(port_group(4).into()),
        8 => a_port(),
        2 => (1..=2u128, 1..=3u8, a_port_id())
            .prop_map(|(n, last, port)| MacEntry::new(bridge_id(n), 0, mac(last), port).into()),
        1 => (1..=2u128, 1..=3u8)
            .prop_map(|(n, last)| ArpEntry::new(bridge_id(n), [10, 0, 0, last].into(), mac(1)).into()),
        2 => (1..=2u128).prop_map(|n| subnet(n).into()),
        2 => (1..=2u128, 0..=3u8).prop_map(|(n, last)| dhcp_host(n, last).into()),
        2 => (1..=3u32).prop_map(|port| route(8, 9, port).into()),
        4 => (1..=3u128, subsequence(vec![11u128, 12, 13], 0..=3))
            .prop_map(|(n, rules)| chain(n, &rules).into()),
        4 => (11..=13u128, 1..=3u128, action())
            .prop_map(|(n, chain, action)| rule(n, chain, action).into()),
    ]
}

fn filter() -> impl Strategy<Value = Option<u128>> {
    prop::option::weighted(0.3, 1..=3u128)
}

fn action() -> impl Strategy<Value = RuleAction> {
    prop_oneof![Just(RuleAction::Accept), (1..=3u128).prop_map(jump)]
}

fn a_port_id() -> impl Strategy<Value = PortId> {
    (1..=4u128).prop_map(port_id)
}

fn a_port() -> impl Strategy<Value = Object> {
    let device = select(vec![1u128, 2, 9]);
    let place = prop::option::weighted(0.3, select(vec!["tap1", "tap2"]));
    let peer = prop::option::weighted(0.3, a_port_id());
    (1..=4u32, device, place, peer, any::<bool>(), 1..=5u32).prop_map(
        |(n, device, place, peer, grouped, tunnel_key)| {
            let mut port = if device == 9 {
                router_port(n, 9)
            } else {
                port(n, device)
            };
            port.tunnel_key = tunnel_key;
            port.peer = peer;
            port.binding = place
                .and_then(|name| binding(7, name))
                .filter(|_| peer.is_none());
            if grouped {
                port.port_groups.insert(group_id(4));
            }
            port.into()
        },
    )
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let one = prop_oneof![
        4 => object().prop_map(Change::Put),
        1 => object().prop_map(|object| Change::Gone(object.id())),
    ];
    prop::collection::vec(one, 1..=4)
}

fn history() -> impl Strategy<Value = Vec<Vec<Change>>> {
    prop::collection::vec(changes(), 1..60)
}

fn as_puts(topology: &Topology) -> Vec<Change> {
    topology.objects().cloned().map(Change::Put).collect()
}

/// The changes, written over the objects without any thought.
fn overwritten(topology: &Topology, changes: &[Change]) -> Vec<Change> {
    let mut objects: BTreeMap<ObjectId, Object> = topology
        .objects()
        .map(|object| (object.id(), object.clone()))
        .collect();
    for change in changes {
        match change {
            Change::Put(object) => objects.insert(object.id(), object.clone()),
            Change::Gone(id) => objects.remove(id),
        };
    }
    objects.into_values().map(Change::Put).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_was_accepted_in_steps_is_accepted_as_a_whole(history in history()) {
        let mut topology = Topology::default();
        for changes in history {
            let Ok(applied) = topology.apply(changes) else { continue };
            topology = applied.topology;
            let whole = Topology::default().apply(as_puts(&topology));
            prop_assert_eq!(whole.map(|applied| applied.topology), Ok(topology.clone()));
        }
    }

    #[test]
    fn the_changes_of_an_accepted_transaction_are_all_that_it_changed(history in history()) {
        let mut topology = Topology::default();
        for changes in history {
            let Ok(applied) = topology.apply(changes) else { continue };
            for change in &applied.changes {
                let now = applied.topology.object(change.id());
                match change {
                    Change::Put(object) => prop_assert_eq!(now, Some(object)),
                    Change::Gone(_) => prop_assert_eq!(now, None),
                }
                prop_assert_ne!(now, topology.object(change.id()));
            }
            let replayed = topology.apply(applied.changes.clone()).map(|again| again.topology);
            prop_assert_eq!(replayed, Ok(applied.topology.clone()));
            topology = applied.topology;
        }
    }

    #[test]
    fn what_is_right_as_it_stands_is_accepted_as_it_stands(history in history()) {
        let mut topology = Topology::default();
        for changes in history {
            let naive = Topology::default().apply(overwritten(&topology, &changes));
            let applied = topology.apply(changes);
            if let Ok(naive) = naive {
                prop_assert_eq!(applied.clone().map(|a| a.topology), Ok(naive.topology));
            }
            if let Ok(applied) = applied {
                topology = applied.topology;
            }
        }
    }
}

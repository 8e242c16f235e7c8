use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;
use weft_topology::id::{BridgeId, PortId};

use super::*;

fn insert(table: &mut FlowTable, ufid: Ufid, in_port: u128, tags: &[Tag]) {
    let mut key = FlowKey::new();
    key.set(Field::InPort, in_port);
    let new = NewFlow {
        key: &key,
        mask: &FlowMask::new(),
        verdict: verdict(tags),
        stats: FlowStats::default(),
        since: Time(0),
    };
    table.insert(ufid, new);
}

fn verdict(tags: &[Tag]) -> Verdict<'_> {
    Verdict {
        actions: &[],
        tags,
        held: &[],
        reason: Reason::NoSuchPort(0),
        valid_until: None,
    }
}

fn id(n: u8) -> Ufid {
    Ufid([n; 16])
}

fn flood(bridge: u128) -> Tag {
    Tag::Flood(BridgeId(Uuid::from_u128(bridge)))
}

#[test]
fn a_tag_finds_the_flows_that_depend_on_it_now_and_each_once() {
    let mut table = FlowTable::default();
    let local = Tag::Local(PortId(Uuid::nil()));
    insert(&mut table, id(1), 1, &[flood(1), local]);
    insert(&mut table, id(2), 1, &[local]);
    assert_eq!(table.under(&[flood(1), local]), [id(1), id(2)]);
    insert(&mut table, id(1), 1, &[flood(2)]);
    assert_eq!(table.under(&[flood(1), local]), [id(2)]);
    table.remove(id(2));
    assert!(table.under(&[local]).is_empty());
    assert_eq!(table.by_tag.len(), 1);
}

#[test]
fn the_oldest_flow_of_a_port_is_found_past_those_that_are_gone() {
    let mut table = FlowTable::default();
    for n in 1..=3 {
        insert(&mut table, id(n), 7, &[]);
    }
    insert(&mut table, id(9), 8, &[]);
    table.remove(id(1));
    assert_eq!(table.oldest_of_port(7), Some(id(2)));
    assert_eq!(table.count_of_port(7), 2);
    table.remove(id(2));
    table.remove(id(3));
    assert_eq!(table.oldest_of_port(7), None);
    assert!(!table.by_port.contains_key(&7));
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u8, u128, Vec<u128>),
    Decide(u8, Vec<u128>),
    Remove(u8),
}

fn step() -> impl Strategy<Value = Step> {
    // A flow's id says which port it comes in by, as in life.
    let tags = || prop::collection::vec(0..5_u128, 0..4);
    prop_oneof![
        3 => (0..12_u8, tags()).prop_map(|(id, tags)| Step::Insert(id, u128::from(id % 3), tags)),
        1 => (0..12_u8, tags()).prop_map(|(id, tags)| Step::Decide(id, tags)),
        2 => (0..12_u8).prop_map(Step::Remove),
    ]
}

proptest! {
    #[test]
    fn the_table_knows_what_a_plain_list_of_flows_would(steps in prop::collection::vec(step(), 0..60)) {
        let mut table = FlowTable::default();
        // In the order of their entering: id, port, tags.
        let mut plain: Vec<(u8, u128, BTreeSet<u128>)> = Vec::new();
        for step in steps {
            match step {
                Step::Insert(n, port, tags) => {
                    let flood: Vec<Tag> = tags.iter().map(|&tag| flood(tag)).collect();
                    insert(&mut table, id(n), port, &flood);
                    let tags = tags.into_iter().collect();
                    match plain.iter_mut().find(|(of, ..)| *of == n) {
                        Some(there) => there.2 = tags,
                        None => plain.push((n, port, tags)),
                    }
                }
                Step::Decide(n, tags) => {
                    let flood: Vec<Tag> = tags.iter().map(|&tag| flood(tag)).collect();
                    table.decide(id(n), verdict(&flood));
                    if let Some(there) = plain.iter_mut().find(|(of, ..)| *of == n) {
                        there.2 = tags.into_iter().collect();
                    }
                }
                Step::Remove(n) => {
                    let was = plain.iter().any(|(of, ..)| *of == n);
                    prop_assert_eq!(table.remove(id(n)).is_some(), was);
                    plain.retain(|(of, ..)| *of != n);
                }
            }
            prop_assert_eq!(table.len(), plain.len());
            for tag in 0..5 {
                let mut under: Vec<Ufid> = plain
                    .iter()
                    .filter(|(.., tags)| tags.contains(&tag))
                    .map(|&(n, ..)| id(n))
                    .collect();
                under.sort_unstable();
                prop_assert_eq!(table.under(&[flood(tag)]), under);
            }
            let mut lines: BTreeMap<u32, Vec<Ufid>> = BTreeMap::new();
            for &(n, port, _) in &plain {
                lines.entry(u32::try_from(port).unwrap()).or_default().push(id(n));
            }
            for port in 0..3 {
                let line = lines.remove(&port).unwrap_or_default();
                prop_assert_eq!(table.count_of_port(port), line.len());
                prop_assert_eq!(table.oldest_of_port(port), line.first().copied());
                prop_assert_eq!(table.of_port(port), line);
            }
        }
    }
}

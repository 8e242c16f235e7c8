//! Steps, and the phase of a port.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use weft_topology::id::PortId;
use weft_wire::host::BindingPhase;

use super::{carried, links, port_id};
use crate::bindings::{Carried, Desired, Step, phase, plan};
use crate::links::{Link, LinkChange, LinkTable};

fn desired(of: &[(u32, &str)]) -> BTreeMap<PortId, Desired> {
    let desired = of.iter().map(|&(n, interface)| {
        let want = Desired {
            interface: interface.to_owned(),
            mtu: None,
        };
        (port_id(n), want)
    });
    desired.collect()
}

fn carry(n: u32, interface: &str) -> Step {
    Step::Carry {
        port: port_id(n),
        desired: Desired {
            interface: interface.to_owned(),
            mtu: None,
        },
    }
}

fn release(n: u32) -> Step {
    Step::Release { port: port_id(n) }
}

/// Names, wanted, there and carried, and the steps that follow.
type Row = (
    &'static str,
    &'static [(u32, &'static str)],
    &'static [(&'static str, u32)],
    &'static [(u32, &'static str, u32)],
    Vec<Step>,
);

#[test]
fn the_steps_follow_from_the_difference_alone() {
    let rows: [Row; 10] = [
        ("nothing", &[], &[("tap1", 1)], &[], vec![]),
        (
            "a tap that is there",
            &[(1, "tap1")],
            &[("tap1", 1)],
            &[],
            vec![carry(1, "tap1")],
        ),
        ("a tap that comes late", &[(1, "tap1")], &[], &[], vec![]),
        (
            "as it should be",
            &[(1, "tap1")],
            &[("tap1", 1)],
            &[(1, "tap1", 1)],
            vec![],
        ),
        (
            "not wanted",
            &[],
            &[("tap1", 1)],
            &[(1, "tap1", 1)],
            vec![release(1)],
        ),
        (
            "the tap is gone, or has another name",
            &[(1, "tap1")],
            &[("tap9", 1)],
            &[(1, "tap1", 1)],
            vec![release(1)],
        ),
        (
            "another tap of the name",
            &[(1, "tap1")],
            &[("tap1", 7)],
            &[(1, "tap1", 1)],
            vec![release(1), carry(1, "tap1")],
        ),
        (
            "another interface",
            &[(1, "tap2")],
            &[("tap1", 1), ("tap2", 2)],
            &[(1, "tap1", 1)],
            vec![release(1), carry(1, "tap2")],
        ),
        (
            "two ports change places",
            &[(1, "tap2"), (2, "tap1")],
            &[("tap1", 1), ("tap2", 2)],
            &[(1, "tap1", 1), (2, "tap2", 2)],
            vec![release(1), release(2), carry(1, "tap2"), carry(2, "tap1")],
        ),
        (
            "two taps change names",
            &[(1, "tap1"), (2, "tap2")],
            &[("tap1", 2), ("tap2", 1)],
            &[(1, "tap1", 1), (2, "tap2", 2)],
            vec![release(1), release(2), carry(1, "tap1"), carry(2, "tap2")],
        ),
    ];
    for (name, want, there, is, steps) in rows {
        let found = plan(&desired(want), &links(there), &carried(is));
        assert_eq!(found, steps, "{name}");
    }
}

#[test]
fn another_mtu_is_set_once() {
    let mut want = desired(&[(1, "tap1")]);
    want.get_mut(&port_id(1)).unwrap().mtu = Some(1400);
    let mut is = carried(&[(1, "tap1", 1)]);
    let set = Step::SetMtu {
        port: port_id(1),
        mtu: 1400,
    };
    let steps = plan(&want, &links(&[("tap1", 1)]), &is);
    assert_eq!(steps, std::slice::from_ref(&set));
    // Asked of the kernel: refused, or the news have not come.
    let tap = is.get_mut(&port_id(1)).unwrap();
    (tap.mtu, tap.mtu_before) = (Some(1400), Some(1500));
    assert_eq!(plan(&want, &links(&[("tap1", 1)]), &is), []);
    // Somebody gives it another one.
    let changed = |mtu| {
        let mut table = links(&[]);
        table.take(LinkChange::Here(Link {
            mtu,
            ..links(&[("tap1", 1)]).get("tap1").unwrap().clone()
        }));
        table
    };
    assert_eq!(plan(&want, &changed(900), &is), [set]);
    assert_eq!(plan(&want, &changed(1400), &is), []);
}

#[test]
fn the_interface_of_a_port_that_is_carried_is_set_up_again() {
    let is = carried(&[(1, "tap1", 1)]);
    let mut table = links(&[("tap1", 1)]);
    assert_eq!(plan(&desired(&[(1, "tap1")]), &table, &is), []);
    let mut tap = table.get("tap1").unwrap().clone();
    tap.up = false;
    table.take(LinkChange::Here(tap));
    let up = Step::SetUp { port: port_id(1) };
    assert_eq!(plan(&desired(&[(1, "tap1")]), &table, &is), [up]);
}

#[test]
fn a_port_is_active_when_and_only_when_it_is_carried_by_the_interface_that_is_wanted() {
    use BindingPhase::{Active, Failed, Requested, WaitingForInterface};
    let (there, absent) = (links(&[("tap1", 1)]), links(&[]));
    let (is, other) = (carried(&[(1, "tap1", 1)]), carried(&[(1, "tap2", 2)]));
    let none = BTreeMap::new();
    let want = &desired(&[(1, "tap1")])[&port_id(1)];
    for (links, carried, failed, expected) in [
        (&there, &is, false, Active),
        (&there, &other, false, Requested),
        (&there, &none, false, Requested),
        (&there, &none, true, Failed),
        (&absent, &none, false, WaitingForInterface),
    ] {
        let found = phase(port_id(1), want, links, carried, failed);
        assert_eq!(found, expected, "{carried:?} {failed}");
    }
}

/// Does steps as the kernel would, where every interface can be carried once.
fn apply(steps: &[Step], links: &LinkTable, carried: &mut BTreeMap<PortId, Carried>) {
    for step in steps {
        match step {
            Step::Release { port } => {
                assert!(carried.remove(port).is_some(), "released twice");
            }
            Step::Carry { port, desired } => {
                let link = links
                    .get(&desired.interface)
                    .expect("carried and not there");
                let is_free = carried.values().all(|is| is.ifindex != link.index);
                assert!(is_free, "{} is carried still", desired.interface);
                let is = Carried {
                    interface: desired.interface.clone(),
                    ifindex: link.index,
                    number: 1,
                    mtu: desired.mtu,
                    mtu_before: Some(link.mtu),
                };
                assert_eq!(carried.insert(*port, is), None, "carried twice");
            }
            Step::SetMtu { port, mtu } => {
                let is = carried.get_mut(port).unwrap();
                is.mtu = Some(*mtu);
                is.mtu_before = links.get(&is.interface).map(|link| link.mtu);
            }
            Step::SetUp { .. } => panic!("all interfaces are up"),
        }
    }
}

/// Different interfaces for some of six ports.
fn assignment() -> impl Strategy<Value = Vec<(u32, usize)>> {
    let interfaces = Just((0..6usize).collect::<Vec<_>>()).prop_shuffle();
    (interfaces, proptest::bits::u8::between(0, 6)).prop_map(|(order, some)| {
        let pairs = (0..6u32).zip(order);
        pairs.filter(|(n, _)| some & (1 << n) != 0).collect()
    })
}

const NAMES: [&str; 6] = ["tap0", "tap1", "tap2", "tap3", "tap4", "tap5"];

proptest! {
    #[test]
    fn after_the_steps_nothing_is_left_to_do_whatever_the_start(
        want in assignment(),
        mtus in proptest::collection::vec(proptest::option::of(68u32..9000), 6),
        is in assignment(),
        indices in Just((1..=6u32).collect::<Vec<_>>()).prop_shuffle(),
        old_indices in Just((1..=6u32).collect::<Vec<_>>()).prop_shuffle(),
        there in proptest::bits::u8::between(0, 6),
    ) {
        let names: Vec<(&str, u32)> = NAMES.into_iter().zip(indices).enumerate()
            .filter(|(n, _)| there & (1 << n) != 0)
            .map(|(_, link)| link)
            .collect();
        let links = links(&names);
        let mut desired = desired(
            &want.iter().map(|&(n, name)| (n, NAMES[name])).collect::<Vec<_>>(),
        );
        for ((_, want), mtu) in desired.iter_mut().zip(mtus) {
            want.mtu = mtu;
        }
        // As the kernel had it before some interfaces were made anew or renamed.
        let mut carried = carried(
            &is.iter().map(|&(n, name)| (n, NAMES[name], old_indices[name])).collect::<Vec<_>>(),
        );
        apply(&plan(&desired, &links, &carried), &links, &mut carried);
        prop_assert_eq!(plan(&desired, &links, &carried), vec![]);
        let waiting = desired.iter().filter(|(_, want)| links.get(&want.interface).is_none());
        let expected: BTreeSet<PortId> = desired.keys().copied().collect();
        let waiting: BTreeSet<PortId> = waiting.map(|(port, _)| *port).collect();
        let found: BTreeSet<PortId> = carried.keys().copied().collect();
        prop_assert_eq!(found, &expected - &waiting);
    }
}

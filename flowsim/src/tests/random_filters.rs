//! Random chains, groups and port security, from the pools that frames are drawn from.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use uuid::Uuid;
use weft_topology::chain::{
    AddressGroup, AddressGroupMember, Chain, Condition, FragmentPolicy, MaskedMac, PortRange, Rule,
    RuleAction, Test,
};
use weft_topology::id::{AddressGroupId, ChainId, PortGroupId, RuleId};
use weft_topology::port::{AddressPair, PortSecurity};
use weft_topology::{MacAddr, Object, ObjectId};

use super::net::{addr, addr6, port_id, station};

const CHAINS: u8 = 4;
const RULES: u8 = 10;
const GROUPS: u8 = 2;

fn chain_id(n: u8) -> ChainId {
    ChainId(Uuid::from_u128(0xc000 + u128::from(n)))
}

fn rule_id(n: u8) -> RuleId {
    RuleId(Uuid::from_u128(0xd000 + u128::from(n)))
}

fn group_id(n: u8) -> AddressGroupId {
    AddressGroupId(Uuid::from_u128(0xe000 + u128::from(n)))
}

fn port_group_id(n: u8) -> PortGroupId {
    PortGroupId(Uuid::from_u128(0xf000 + u128::from(n)))
}

/// Every id that these objects can have.
pub(crate) fn ids() -> impl Iterator<Item = ObjectId> {
    let chains = (0..=CHAINS).map(|n| ObjectId::from(chain_id(n)));
    let rules = (0..=RULES).map(|n| rule_id(n).into());
    chains
        .chain(rules)
        .chain((0..=GROUPS).map(|n| group_id(n).into()))
}

/// A filter, now and then one that does not exist.
pub(crate) fn a_filter() -> impl Strategy<Value = Option<ChainId>> {
    option::weighted(
        0.35,
        prop_oneof![30 => 0..CHAINS, 1 => Just(CHAINS)].prop_map(chain_id),
    )
}

pub(crate) fn port_groups() -> impl Strategy<Value = BTreeSet<PortGroupId>> {
    btree_set((0..GROUPS).prop_map(port_group_id), 0..=2)
}

pub(crate) fn security() -> impl Strategy<Value = Option<PortSecurity>> {
    let pair = (0..4u8, prefix()).prop_map(|(n, prefix)| AddressPair {
        mac: station(n),
        prefix,
    });
    let right = (0..4u8).prop_map(|n| AddressPair {
        mac: station(n),
        prefix: IpNet::from(IpAddr::from(addr(n))),
    });
    let pairs = vec(prop_oneof![2 => right, 1 => pair], 1..5);
    option::weighted(0.25, pairs.prop_map(|pairs| PortSecurity { pairs }))
}

fn prefix() -> impl Strategy<Value = IpNet> + Clone {
    let v4 = (0..9u8, select(&[0u8, 8, 24, 29, 30, 31, 32][..]))
        .prop_map(|(n, length)| IpNet::new(addr(n).into(), length).unwrap().trunc());
    let v6 = (0..5u8, select(&[0u8, 16, 64, 127, 128][..]))
        .prop_map(|(n, length)| IpNet::new(addr6(n).into(), length).unwrap().trunc());
    prop_oneof![3 => v4, 2 => v6]
}

fn test<T: Clone + std::fmt::Debug>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<Test<T>>> {
    let test =
        (value, prop::bool::weighted(0.2)).prop_map(|(value, invert)| Test { value, invert });
    option::weighted(0.12, test)
}

fn range() -> impl Strategy<Value = PortRange> {
    let ends = prop_oneof![
        Just((67, 68)),
        Just((0, 0)),
        Just((0, 65535)),
        Just((130, 136)),
        (0..200u16, 0..70u16).prop_map(|(first, more)| (first, first + more)),
        (any::<u16>(), any::<u16>()).prop_map(|(a, b)| (a.min(b), a.max(b))),
    ];
    ends.prop_map(|(first, last)| PortRange { first, last })
}

fn some_ports() -> impl Strategy<Value = BTreeSet<weft_topology::id::PortId>> {
    btree_set((0..8u8).prop_map(port_id), 1..5)
}

fn a_mac() -> impl Strategy<Value = MaskedMac> {
    let mask = select(
        &[
            MacAddr(255, 255, 255, 255, 255, 255),
            MacAddr(0, 0, 0, 0, 0, 1),
            MacAddr(1, 0, 0, 0, 0, 0),
            MacAddr(0, 0, 0, 0, 0, 0),
        ][..],
    );
    (0..4u8, mask).prop_map(|(n, mask)| MaskedMac {
        mac: station(n),
        mask,
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let group = || (0..=GROUPS).prop_map(group_id);
    let port_group = || (0..=GROUPS).prop_map(port_group_id);
    let protocol = select(&[1u8, 2, 6, 17, 58, 0][..]);
    let policy = prop_oneof![
        8 => Just(FragmentPolicy::Any),
        1 => Just(FragmentPolicy::Header),
        1 => Just(FragmentPolicy::Nonheader),
        1 => Just(FragmentPolicy::Unfragmented),
    ];
    let state = prop_oneof![
        10 => Just((false, false)),
        2 => Just((false, true)),
        1 => Just((true, false)),
    ];
    let ports = (test(some_ports()), test(some_ports()));
    let groups = (
        test(port_group()),
        test(port_group()),
        test(port_group()),
        test(group()),
        test(group()),
    );
    let types = select(&[0x0800u16, 0x0806, 0x86dd, 0x88cc][..]);
    let layer2 = (
        test(types),
        test(a_mac()),
        test(a_mac()),
        test(select(&[0u16, 5, 6][..])),
    );
    let layer3 = (
        test(protocol),
        test(select(&[0u8, 4][..])),
        test(prefix()),
        test(prefix()),
    );
    let layer4 = (test(range()), test(range()));
    let whole = (prop::bool::weighted(0.08), state, policy);
    (whole, ports, groups, layer2, layer3, layer4).prop_map(
        |(
            (invert, (match_forward_flow, match_return_flow), fragment_policy),
            (in_ports, out_ports),
            (port_group, in_port_group, out_port_group, source_group, destination_group),
            (ether_type, mac_source, mac_destination, vlan),
            (protocol, tos, source, destination),
            (source_port, destination_port),
        )| Condition {
            invert,
            match_forward_flow,
            match_return_flow,
            in_ports,
            out_ports,
            port_group,
            in_port_group,
            out_port_group,
            source_group,
            destination_group,
            ether_type,
            mac_source,
            mac_destination,
            vlan,
            protocol,
            tos,
            source,
            destination,
            source_port,
            destination_port,
            fragment_policy,
        },
    )
}

fn action() -> impl Strategy<Value = RuleAction> {
    prop_oneof![
        5 => Just(RuleAction::Accept),
        3 => Just(RuleAction::Drop),
        1 => Just(RuleAction::Reject),
        1 => Just(RuleAction::Return),
        1 => Just(RuleAction::Continue),
        // Also to itself, to those that jump here, and to one that does not exist.
        3 => prop_oneof![20 => 0..CHAINS, 1 => Just(CHAINS)]
            .prop_map(|n| RuleAction::Jump { chain: chain_id(n) }),
    ]
}

/// Chains with their rules, and address groups with their members.
pub(crate) fn filters() -> impl Strategy<Value = Vec<Object>> {
    let lists = vec(
        subsequence((0..RULES).collect::<Vec<_>>(), 0..5).prop_shuffle(),
        usize::from(CHAINS),
    );
    let rules = vec((condition(), action(), 0..CHAINS), usize::from(RULES));
    let members = vec((0..GROUPS, prefix()), 0..6);
    (lists, rules, members).prop_map(|(lists, rules, members)| {
        let mut objects: Vec<Object> = Vec::new();
        for (n, list) in (0..).zip(lists) {
            objects.push(
                Chain {
                    id: chain_id(n),
                    tenant_id: None,
                    name: String::new(),
                    rules: list.into_iter().map(rule_id).collect(),
                }
                .into(),
            );
        }
        for (n, (condition, action, chain)) in (0..).zip(rules) {
            objects.push(
                Rule {
                    id: rule_id(n),
                    chain: chain_id(chain),
                    condition,
                    action,
                    log: (n % 3 == 0).then(|| "logged".to_owned()),
                }
                .into(),
            );
        }
        for n in 0..GROUPS {
            let id = group_id(n);
            objects.push(
                AddressGroup {
                    id,
                    tenant_id: None,
                    name: String::new(),
                }
                .into(),
            );
        }
        let member = |(n, prefix)| AddressGroupMember::new(group_id(n), prefix).into();
        objects.extend(members.into_iter().map(member));
        objects
    })
}

/// An IPv6 address of the pool, or one that says something of its own.
pub(crate) fn ip6() -> impl Strategy<Value = Ipv6Addr> + Clone {
    prop_oneof![
        6 => (0..5u8).prop_map(addr6),
        2 => (0..4u8).prop_map(|n| Ipv6Addr::new(0xfe80, 0, 0, 0, 0x800, 0xff, 0xfe00, n.into())),
        1 => Just(Ipv6Addr::UNSPECIFIED),
        1 => Just(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)),
    ]
}

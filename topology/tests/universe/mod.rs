//! A small universe of objects for property tests: few ids, MACs and addresses, so that random
//! objects refer to one another and collide.

#![allow(dead_code, unused_imports)] // each test binary uses a part

mod objects;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;
use weft_topology::bridge::{ArpEntry, Bridge, MacEntry};
use weft_topology::chain::{
    AddressGroup, AddressGroupMember, Chain, Condition, PortRange, Rule, RuleAction, Test,
};
use weft_topology::dhcp::{DhcpHost, DhcpSubnet};
use weft_topology::id::{
    AddressGroupId, BridgeId, ChainId, DhcpHostId, DhcpSubnetId, PortId, RouteId, RouterId, RuleId,
};
use weft_topology::port::{Port, PortDevice};
use weft_topology::router::{NextHop, Route, Router};
use weft_topology::{Change, LocalPort, MacAddr, Object, ObjectId, Tag};

pub(crate) use objects::*;

/// The store's objects as a host follows them; `None`: known not to exist.
pub(crate) type Model = BTreeMap<ObjectId, Option<Object>>;

pub(crate) fn bridges() -> Vec<BridgeId> {
    (1..=2).map(|n| BridgeId(Uuid::from_u128(n))).collect()
}

pub(crate) fn router() -> RouterId {
    RouterId(Uuid::from_u128(10))
}

pub(crate) fn group() -> AddressGroupId {
    AddressGroupId(Uuid::from_u128(20))
}

pub(crate) fn ports() -> Vec<PortId> {
    (100..=103).map(|n| PortId(Uuid::from_u128(n))).collect()
}

pub(crate) fn chains() -> Vec<ChainId> {
    (300..=302).map(|n| ChainId(Uuid::from_u128(n))).collect()
}

fn rules() -> Vec<RuleId> {
    (310..=313).map(|n| RuleId(Uuid::from_u128(n))).collect()
}

pub(crate) fn macs() -> Vec<MacAddr> {
    (1..=3).map(|n| MacAddr(2, 0, 0, 0, 0, n)).collect()
}

pub(crate) fn addrs() -> Vec<Ipv4Addr> {
    (0..=8).map(|n| Ipv4Addr::new(10, 0, 0, n)).collect()
}

fn prefixes() -> Vec<Ipv4Net> {
    [(0, 29), (0, 30), (4, 30)]
        .map(|(last, length)| Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, last), length))
        .to_vec()
}

fn subnets() -> Vec<(BridgeId, Ipv4Net)> {
    let mut all = Vec::new();
    for bridge in bridges() {
        all.extend(prefixes().into_iter().map(|prefix| (bridge, prefix)));
    }
    all
}

fn subnet_ids() -> Vec<DhcpSubnetId> {
    subnets()
        .into_iter()
        .map(|(bridge, prefix)| DhcpSubnet::id_of(bridge, prefix))
        .collect()
}

/// Every tag that can matter in this universe.
pub(crate) fn tags() -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    tags.extend(bridges().into_iter().map(|id| Tag::Object(id.into())));
    tags.extend(ports().into_iter().map(|id| Tag::Object(id.into())));
    tags.extend(subnet_ids().into_iter().map(|id| Tag::Object(id.into())));
    tags.push(Tag::Object(router().into()));
    tags.push(Tag::Object(group().into()));
    tags.extend(chains().into_iter().map(|id| Tag::Object(id.into())));
    tags.extend(memberships().into_iter().map(|of| Tag::Member(group(), of)));
    tags.extend(ports().into_iter().map(Tag::Local));
    for bridge in bridges() {
        tags.push(Tag::Flood(bridge));
        for mac in macs() {
            tags.extend([0, 7].map(|vlan| Tag::Mac(bridge, vlan, mac)));
            tags.push(Tag::Dhcp(bridge, mac));
        }
        tags.extend(
            addrs()
                .into_iter()
                .map(|addr| Tag::Neighbour(bridge, addr.into())),
        );
    }
    tags
}

/// Any object of the universe.
pub(crate) fn object() -> impl Strategy<Value = Object> {
    prop_oneof![
        1 => bridge(),
        1 => Just(router_object()),
        1 => Just(group_object()),
        4 => port(),
        2 => mac_entry(),
        3 => arp_entry(),
        4 => subnet(),
        6 => host(),
        2 => route(),
        2 => member(),
        3 => chain(),
        5 => rule(),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => object().prop_map(Change::Put),
        1 => object().prop_map(|object| Change::Gone(object.id())),
    ]
}

/// A batch of changes.
pub(crate) fn changes(most: usize) -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec(change(), 0..=most)
}

/// A list of local ports, in which ports and numbers may stand twice.
pub(crate) fn local() -> impl Strategy<Value = Vec<LocalPort>> {
    let one = (select(ports()), 1..=5u32).prop_map(|(port, number)| local_port(port, number));
    prop::collection::vec(one, 0..=5)
}

pub(crate) fn local_port(port: PortId, number: u32) -> LocalPort {
    LocalPort {
        port,
        number,
        interface: format!("tap{number}"),
    }
}

/// What the objects are after changes, by definition: the last change to each counts.
pub(crate) fn applied(model: &Model, changes: &[Change]) -> Model {
    let mut model = model.clone();
    for change in changes {
        match change {
            Change::Put(object) => model.insert(object.id(), Some(object.clone())),
            Change::Gone(id) => model.insert(*id, None),
        };
    }
    model
}

/// The changes that make a model out of nothing.
pub(crate) fn as_changes(model: &Model) -> Vec<Change> {
    model
        .iter()
        .map(|(id, object)| match object {
            Some(object) => Change::Put(object.clone()),
            None => Change::Gone(*id),
        })
        .collect()
}

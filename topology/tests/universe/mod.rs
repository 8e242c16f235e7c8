//! A small universe of objects for property tests: few ids, MACs and addresses, so that random
//! objects refer to one another and collide.

#![allow(dead_code)] // each test binary uses a part

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

fn bridge() -> impl Strategy<Value = Object> {
    (select(bridges()), any::<bool>()).prop_map(|(id, up)| bridge_object(id, up))
}

pub(crate) fn bridge_object(id: BridgeId, up: bool) -> Object {
    Object::from(Bridge {
        id,
        tenant_id: None,
        name: String::new(),
        admin_state_up: up,
        inbound_filter: None,
        outbound_filter: None,
        mtu: None,
        vlan_aware: false,
    })
}

fn router_object() -> Object {
    Object::from(Router {
        id: router(),
        tenant_id: None,
        name: String::new(),
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        forward_filter: None,
        local_redirect: None,
    })
}

fn group_object() -> Object {
    Object::from(AddressGroup {
        id: group(),
        tenant_id: None,
        name: String::new(),
    })
}

fn port() -> impl Strategy<Value = Object> {
    let devices: Vec<PortDevice> = bridges()
        .into_iter()
        .map(|bridge| PortDevice::Bridge { bridge })
        .chain([PortDevice::Router {
            router: router(),
            mac: MacAddr(2, 0, 0, 0, 1, 1),
            addresses: Vec::new(),
        }])
        .collect();
    (select(ports()), select(devices), any::<bool>(), 1..=2u32)
        .prop_map(|(id, device, up, key)| port_object(id, device, up, key))
}

pub(crate) fn port_object(id: PortId, device: PortDevice, up: bool, tunnel_key: u32) -> Object {
    Object::from(Port {
        id,
        tenant_id: None,
        device,
        admin_state_up: up,
        inbound_filter: None,
        outbound_filter: None,
        port_groups: BTreeSet::new(),
        peer: None,
        binding: None,
        previous_host: None,
        vif_id: None,
        tunnel_key,
        vlan: None,
        security: None,
    })
}

fn mac_entry() -> impl Strategy<Value = Object> {
    let vlans = select(vec![0u16, 7]);
    (
        select(bridges()),
        vlans,
        select(macs()),
        select(ports()),
        any::<bool>(),
    )
        .prop_map(|(bridge, vlan, mac, port, odd)| {
            let mut entry = MacEntry::new(bridge, vlan, mac, port);
            if odd {
                entry.id.0 = Uuid::from_u128(1000 + u128::from(mac.5));
            }
            entry.into()
        })
}

fn arp_entry() -> impl Strategy<Value = Object> {
    (select(bridges()), select(addrs()), select(macs()))
        .prop_map(|(bridge, ip, mac)| ArpEntry::new(bridge, ip.into(), mac).into())
}

fn subnet() -> impl Strategy<Value = Object> {
    let maybe_addr = || prop::option::weighted(0.3, select(addrs()));
    (select(subnets()), any::<bool>(), maybe_addr(), maybe_addr()).prop_map(
        |((bridge, prefix), enabled, server, gateway)| {
            subnet_object(bridge, prefix, enabled, server, gateway)
        },
    )
}

pub(crate) fn subnet_object(
    bridge: BridgeId,
    prefix: Ipv4Net,
    enabled: bool,
    server_addr: Option<Ipv4Addr>,
    default_gateway: Option<Ipv4Addr>,
) -> Object {
    Object::from(DhcpSubnet {
        id: DhcpSubnet::id_of(bridge, prefix),
        bridge,
        prefix,
        enabled,
        server_addr,
        default_gateway,
        dns_servers: Vec::new(),
        interface_mtu: None,
        static_routes: Vec::new(),
        lease_seconds: None,
        options: Vec::new(),
    })
}

fn host() -> impl Strategy<Value = Object> {
    let name = prop::option::of(Just("vm"));
    let odd_id = prop::option::weighted(0.2, Just(Uuid::from_u128(2000)));
    (
        select(subnets()),
        select(macs()),
        select(addrs()),
        name,
        odd_id,
    )
        .prop_map(|((bridge, prefix), mac, addr, name, odd_id)| {
            let subnet = DhcpSubnet::id_of(bridge, prefix);
            Object::from(DhcpHost {
                id: odd_id.map_or(DhcpHost::id_of(subnet, mac), DhcpHostId),
                subnet,
                bridge,
                mac,
                addr,
                name: name.map(str::to_owned),
                options: Vec::new(),
            })
        })
}

pub(crate) fn host_object(
    (bridge, prefix): (BridgeId, Ipv4Net),
    mac: MacAddr,
    addr: Ipv4Addr,
    name: Option<&str>,
) -> Object {
    let subnet = DhcpSubnet::id_of(bridge, prefix);
    Object::from(DhcpHost {
        id: DhcpHost::id_of(subnet, mac),
        subnet,
        bridge,
        mac,
        addr,
        name: name.map(str::to_owned),
        options: Vec::new(),
    })
}

fn route() -> impl Strategy<Value = Object> {
    let ids = select(vec![200u128, 201, 202]);
    (ids, select(prefixes()), 0..3u32).prop_map(|(id, destination, weight)| {
        Object::from(Route {
            id: RouteId(Uuid::from_u128(id)),
            router: router(),
            source: Ipv4Net::default().into(),
            destination: destination.into(),
            next_hop: NextHop::Blackhole,
            weight,
            learned: false,
        })
    })
}

fn memberships() -> Vec<IpNet> {
    let singles = addrs()
        .into_iter()
        .map(|addr| IpNet::from(IpAddr::V4(addr)));
    prefixes()
        .into_iter()
        .map(IpNet::V4)
        .chain(singles)
        .collect()
}

fn member() -> impl Strategy<Value = Object> {
    select(memberships()).prop_map(|prefix| AddressGroupMember::new(group(), prefix).into())
}

fn chain() -> impl Strategy<Value = Object> {
    let list = prop::sample::subsequence(rules(), 0..=3).prop_shuffle();
    (select(chains()), list).prop_map(|(id, rules)| {
        Object::from(Chain {
            id,
            tenant_id: None,
            name: String::new(),
            rules,
        })
    })
}

/// Rules that ask for different things, some of them jumps, also in circles.
fn rule() -> impl Strategy<Value = Object> {
    let action = prop_oneof![
        1 => Just(RuleAction::Accept),
        2 => select(chains()).prop_map(|chain| RuleAction::Jump { chain }),
    ];
    let ports = Test {
        value: PortRange { first: 1, last: 2 },
        invert: false,
    };
    let asks = (mostly_not(), mostly_not());
    (select(rules()), select(chains()), action, asks).prop_map(
        move |(id, chain, action, (state, transport))| {
            Object::from(Rule {
                id,
                chain,
                condition: Condition {
                    match_return_flow: state,
                    destination_port: transport.then_some(ports),
                    ..Condition::default()
                },
                action,
                log: None,
            })
        },
    )
}

fn mostly_not() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.2)
}

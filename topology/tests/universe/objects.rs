//! The objects of the universe, one of each kind.

use std::collections::BTreeSet;

use ipnet::IpNet;
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;
use weft_topology::Object;
use weft_topology::bridge::{ArpEntry, Bridge, MacEntry};
use weft_topology::chain::{
    AddressGroup, AddressGroupMember, Chain, Condition, PortRange, Rule, RuleAction, Test,
};
use weft_topology::dhcp::{DhcpHost, DhcpSubnet};
use weft_topology::id::{BridgeId, DhcpHostId, PortId, RouteId};
use weft_topology::port::{Port, PortDevice};
use weft_topology::router::{NextHop, Route, Router};

use super::*;

pub(super) fn bridge() -> impl Strategy<Value = Object> {
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

pub(super) fn router_object() -> Object {
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

pub(super) fn group_object() -> Object {
    Object::from(AddressGroup {
        id: group(),
        tenant_id: None,
        name: String::new(),
    })
}

pub(super) fn port() -> impl Strategy<Value = Object> {
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

pub(super) fn mac_entry() -> impl Strategy<Value = Object> {
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

pub(super) fn arp_entry() -> impl Strategy<Value = Object> {
    (select(bridges()), select(addrs()), select(macs()))
        .prop_map(|(bridge, ip, mac)| ArpEntry::new(bridge, ip.into(), mac).into())
}

pub(super) fn subnet() -> impl Strategy<Value = Object> {
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

pub(super) fn host() -> impl Strategy<Value = Object> {
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

pub(super) fn route() -> impl Strategy<Value = Object> {
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

pub(super) fn memberships() -> Vec<IpNet> {
    let singles = addrs()
        .into_iter()
        .map(|addr| IpNet::from(IpAddr::V4(addr)));
    prefixes()
        .into_iter()
        .map(IpNet::V4)
        .chain(singles)
        .collect()
}

pub(super) fn member() -> impl Strategy<Value = Object> {
    select(memberships()).prop_map(|prefix| AddressGroupMember::new(group(), prefix).into())
}

pub(super) fn chain() -> impl Strategy<Value = Object> {
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
pub(super) fn rule() -> impl Strategy<Value = Object> {
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

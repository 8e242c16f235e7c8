//! Plain valid objects, with numbers for ids.

#![allow(dead_code)] // each test binary uses a part

use std::collections::BTreeSet;

use ipnet::Ipv4Net;
use uuid::Uuid;
use weft_topology::bridge::Bridge;
use weft_topology::chain::{Chain, Condition, PortGroup, Rule, RuleAction};
use weft_topology::dhcp::{DhcpHost, DhcpSubnet};
use weft_topology::host::Host;
use weft_topology::id::{
    BridgeId, ChainId, HostId, PortGroupId, PortId, RouteId, RouterId, RuleId,
};
use weft_topology::port::{Binding, Port, PortDevice};
use weft_topology::router::{NextHop, Route, Router};
use weft_topology::{Change, MacAddr, Object, Problem, Topology, Violation};

pub(crate) fn bridge_id(n: u128) -> BridgeId {
    BridgeId(Uuid::from_u128(n))
}

pub(crate) fn router_id(n: u128) -> RouterId {
    RouterId(Uuid::from_u128(n))
}

pub(crate) fn port_id(n: u128) -> PortId {
    PortId(Uuid::from_u128(n))
}

pub(crate) fn chain_id(n: u128) -> ChainId {
    ChainId(Uuid::from_u128(n))
}

pub(crate) fn rule_id(n: u128) -> RuleId {
    RuleId(Uuid::from_u128(n))
}

pub(crate) fn host_id(n: u128) -> HostId {
    HostId(Uuid::from_u128(n))
}

pub(crate) fn group_id(n: u128) -> PortGroupId {
    PortGroupId(Uuid::from_u128(n))
}

pub(crate) fn mac(last: u8) -> MacAddr {
    MacAddr(2, 0, 0, 0, 0, last)
}

pub(crate) fn bridge(n: u128) -> Bridge {
    Bridge {
        id: bridge_id(n),
        tenant_id: None,
        name: String::new(),
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        mtu: None,
        vlan_aware: false,
    }
}

pub(crate) fn router(n: u128) -> Router {
    Router {
        id: router_id(n),
        tenant_id: None,
        name: String::new(),
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        forward_filter: None,
        local_redirect: None,
    }
}

/// A port of a bridge; its number is its tunnel key, too.
pub(crate) fn port(n: u32, bridge: u128) -> Port {
    Port {
        id: port_id(n.into()),
        tenant_id: None,
        device: PortDevice::Bridge {
            bridge: bridge_id(bridge),
        },
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        port_groups: BTreeSet::new(),
        peer: None,
        binding: None,
        previous_host: None,
        vif_id: None,
        tunnel_key: n,
        vlan: None,
        security: None,
    }
}

pub(crate) fn router_port(n: u32, router: u128) -> Port {
    Port {
        device: PortDevice::Router {
            router: router_id(router),
            mac: mac(200),
            addresses: Vec::new(),
        },
        ..port(n, 0)
    }
}

pub(crate) fn binding(host: u128, interface: &str) -> Option<Binding> {
    Some(Binding {
        host: host_id(host),
        interface: interface.to_owned(),
    })
}

pub(crate) fn route(n: u128, router: u128, port: u32) -> Route {
    Route {
        id: RouteId(Uuid::from_u128(n)),
        router: router_id(router),
        source: Ipv4Net::default().into(),
        destination: Ipv4Net::default().into(),
        next_hop: NextHop::Port {
            port: port_id(port.into()),
            gateway: None,
        },
        weight: 100,
        learned: false,
    }
}

pub(crate) fn chain(n: u128, rules: &[u128]) -> Chain {
    Chain {
        id: chain_id(n),
        tenant_id: None,
        name: String::new(),
        rules: rules.iter().map(|n| rule_id(*n)).collect(),
    }
}

pub(crate) fn rule(n: u128, chain: u128, action: RuleAction) -> Rule {
    Rule {
        id: rule_id(n),
        chain: chain_id(chain),
        condition: Condition::default(),
        action,
        log: None,
    }
}

pub(crate) fn jump(to: u128) -> RuleAction {
    RuleAction::Jump {
        chain: chain_id(to),
    }
}

pub(crate) fn host(n: u128) -> Host {
    Host {
        id: host_id(n),
        name: format!("host{n}"),
        flooding_proxy_weight: 1,
    }
}

pub(crate) fn port_group(n: u128) -> PortGroup {
    PortGroup {
        id: group_id(n),
        tenant_id: None,
        name: String::new(),
        stateful: false,
    }
}

/// 10.0.0.0/24
pub(crate) fn prefix() -> Ipv4Net {
    Ipv4Net::new_assert([10, 0, 0, 0].into(), 24)
}

pub(crate) fn subnet(bridge: u128) -> DhcpSubnet {
    DhcpSubnet {
        id: DhcpSubnet::id_of(bridge_id(bridge), prefix()),
        bridge: bridge_id(bridge),
        prefix: prefix(),
        enabled: true,
        server_addr: None,
        default_gateway: None,
        dns_servers: Vec::new(),
        interface_mtu: None,
        static_routes: Vec::new(),
        lease_seconds: None,
        options: Vec::new(),
    }
}

/// A host of the bridge's subnet; its number ends its MAC and its address.
pub(crate) fn dhcp_host(bridge: u128, last: u8) -> DhcpHost {
    let subnet = DhcpSubnet::id_of(bridge_id(bridge), prefix());
    DhcpHost {
        id: DhcpHost::id_of(subnet, mac(last)),
        subnet,
        bridge: bridge_id(bridge),
        mac: mac(last),
        addr: [10, 0, 0, last].into(),
        name: None,
        options: Vec::new(),
    }
}

pub(crate) fn put(object: impl Into<Object>) -> Change {
    Change::Put(object.into())
}

/// What is wrong with a transaction that must be refused.
pub(crate) fn refused(topology: &Topology, changes: Vec<Change>) -> Vec<Violation> {
    match topology.apply(changes) {
        Err(error) => error.0,
        Ok(_) => panic!("the transaction was accepted"),
    }
}

/// The only thing that is wrong with an object.
pub(crate) fn problem(object: impl Into<Object>, field: &str) -> Problem {
    let violations = object.into().check();
    assert_eq!(violations.len(), 1, "{violations:?}");
    assert_eq!(violations[0].field, field);
    violations[0].problem.clone()
}

pub(crate) fn is_fine(object: impl Into<Object>) -> bool {
    object.into().check().is_empty()
}

pub(crate) fn changed<T>(mut object: T, change: impl FnOnce(&mut T)) -> T {
    change(&mut object);
    object
}

//! Wishes, what follows from them, and steps on a datapath in memory.

mod bench;
mod carrier;
mod desired;
mod disk;
mod plan;
mod wishes;

use std::collections::BTreeMap;

use uuid::Uuid;
use weft_topology::bridge::Bridge;
use weft_topology::id::{BridgeId, HostId, PortId};
use weft_topology::port::{Binding, Port, PortDevice};
use weft_topology::{Change, Object, Snapshot};

use super::Carried;
use crate::links::{Link, LinkChange, LinkTable};

const HERE: HostId = HostId(Uuid::from_u128(0xa));
const ELSEWHERE: HostId = HostId(Uuid::from_u128(0xb));
const BRIDGE: BridgeId = BridgeId(Uuid::from_u128(0xbb));
const MTU: u16 = 1400;

fn port_id(n: u32) -> PortId {
    PortId(Uuid::from_u128(0x1000 + u128::from(n)))
}

/// Port `n` of the bridge, bound to an interface of a host if one is named.
fn port(n: u32, binding: Option<(HostId, &str)>) -> Port {
    Port {
        id: port_id(n),
        tenant_id: None,
        device: PortDevice::Bridge { bridge: BRIDGE },
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        port_groups: Default::default(),
        peer: None,
        binding: binding.map(|(host, interface)| Binding {
            host,
            interface: interface.to_owned(),
        }),
        previous_host: None,
        vif_id: None,
        tunnel_key: n,
        vlan: None,
        security: None,
    }
}

fn snapshot(revision: u64, ports: Vec<Port>) -> Snapshot {
    let bridge = Bridge {
        id: BRIDGE,
        tenant_id: None,
        name: "blue".to_owned(),
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        mtu: Some(MTU),
        vlan_aware: false,
    };
    let objects = [Object::from(bridge)].into_iter();
    let changes: Vec<Change> = objects
        .chain(ports.into_iter().map(Object::from))
        .map(Change::Put)
        .collect();
    Snapshot::default().apply(revision, &changes).0
}

fn links(of: &[(&str, u32)]) -> LinkTable {
    let links = of.iter().map(|&(name, index)| Link {
        name: name.to_owned(),
        index,
        mtu: 1500,
        up: true,
        ..Link::default()
    });
    let mut table = LinkTable::default();
    table.take(LinkChange::All(links.collect()));
    table
}

fn carried(of: &[(u32, &str, u32)]) -> BTreeMap<PortId, Carried> {
    let carried = of.iter().map(|&(n, interface, ifindex)| {
        let is = Carried {
            interface: interface.to_owned(),
            ifindex,
            number: n,
            mtu: None,
            mtu_before: None,
        };
        (port_id(n), is)
    });
    carried.collect()
}

//! From a watch's lines to snapshots, to the disk and back.

mod builder;
mod cut;
mod disk;
mod frontier;
mod interest;
mod store;

use std::collections::BTreeSet;

use uuid::Uuid;
use weft_topology::bridge::{ArpEntry, Bridge};
use weft_topology::host::Host;
use weft_topology::id::{BridgeId, ChainId, HostId, PortId};
use weft_topology::port::{Binding, Port, PortDevice};
use weft_topology::{MacAddr, Object, ObjectId};
use weft_wire::watch::WatchLine;

const HERE: HostId = HostId(Uuid::from_u128(0xa));
const ELSEWHERE: HostId = HostId(Uuid::from_u128(0xb));

fn bridge_id(n: u32) -> BridgeId {
    BridgeId(Uuid::from_u128(0x2000 + u128::from(n)))
}

fn port_id(n: u32) -> PortId {
    PortId(Uuid::from_u128(0x1000 + u128::from(n)))
}

fn chain_id(n: u32) -> ChainId {
    ChainId(Uuid::from_u128(0x3000 + u128::from(n)))
}

fn host() -> Object {
    let host = Host {
        id: HERE,
        name: "hv1".to_owned(),
        flooding_proxy_weight: 1,
    };
    host.into()
}

fn bridge(n: u32, name: &str) -> Object {
    let bridge = Bridge {
        id: bridge_id(n),
        tenant_id: None,
        name: name.to_owned(),
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        mtu: None,
        vlan_aware: false,
    };
    bridge.into()
}

fn arp(n: u32, last: u8) -> ArpEntry {
    let mac = MacAddr::new(2, 0, 0, 0, 0, last);
    ArpEntry::new(bridge_id(n), [10, 0, 0, last].into(), mac)
}

/// A port of a bridge, bound to a host's interface `tapN` if one is named.
fn port(n: u32, of: u32, host: Option<HostId>) -> Port {
    Port {
        id: port_id(n),
        tenant_id: None,
        device: PortDevice::Bridge {
            bridge: bridge_id(of),
        },
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        port_groups: Default::default(),
        peer: None,
        binding: host.map(|host| Binding {
            host,
            interface: format!("tap{n}"),
        }),
        previous_host: None,
        vif_id: None,
        tunnel_key: n,
        vlan: None,
        security: None,
    }
}

fn put(revision: u64, object: impl Into<Object>) -> WatchLine {
    WatchLine::Put {
        revision,
        object: object.into(),
    }
}

fn gone(revision: u64, id: impl Into<ObjectId>) -> WatchLine {
    WatchLine::Gone {
        revision,
        id: id.into(),
    }
}

fn complete(revision: u64, interest: u64) -> WatchLine {
    WatchLine::Complete { revision, interest }
}

fn relist() -> WatchLine {
    WatchLine::Relist {
        reason: "a test".to_owned(),
    }
}

fn ids(of: &[ObjectId]) -> BTreeSet<ObjectId> {
    of.iter().copied().collect()
}

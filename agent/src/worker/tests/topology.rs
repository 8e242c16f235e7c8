//! Objects: one bridge, its ports, and addresses that it knows.

use std::collections::BTreeSet;

use uuid::Uuid;
use weft_topology::bridge::{ArpEntry, Bridge};
use weft_topology::dhcp::{DhcpHost, DhcpSubnet};
use weft_topology::id::{BridgeId, PortId};
use weft_topology::port::{Port, PortDevice};
use weft_topology::{Change, MacAddr, Object};

pub(super) fn bridge_id() -> BridgeId {
    BridgeId(Uuid::from_u128(1))
}

pub(super) fn port_id(n: u8) -> PortId {
    PortId(Uuid::from_u128(100 + u128::from(n)))
}

/// Of the station behind a port.
pub(super) fn mac(n: u8) -> MacAddr {
    MacAddr(2, 0, 0, 0, 0, n)
}

pub(super) fn bridge() -> Bridge {
    Bridge {
        id: bridge_id(),
        tenant_id: None,
        name: "hot".to_owned(),
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        mtu: None,
        vlan_aware: false,
    }
}

pub(super) fn port(n: u8) -> Port {
    Port {
        id: port_id(n),
        tenant_id: None,
        device: PortDevice::Bridge {
            bridge: bridge_id(),
        },
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        port_groups: BTreeSet::new(),
        peer: None,
        binding: None,
        previous_host: None,
        vif_id: None,
        tunnel_key: u32::from(n),
        vlan: None,
        security: None,
    }
}

/// The bridge answers ARP for 10.0.0.200 itself.
pub(super) fn arp_entry() -> ArpEntry {
    ArpEntry::new(bridge_id(), "10.0.0.200".parse().unwrap(), mac(200))
}

/// A subnet whose DHCP host is the station behind a port.
pub(super) fn dhcp_host(n: u8) -> [Change; 2] {
    let prefix = "10.0.0.0/24".parse().unwrap();
    let subnet = DhcpSubnet {
        id: DhcpSubnet::id_of(bridge_id(), prefix),
        bridge: bridge_id(),
        prefix,
        enabled: true,
        server_addr: None,
        default_gateway: None,
        dns_servers: Vec::new(),
        interface_mtu: None,
        static_routes: Vec::new(),
        lease_seconds: None,
        options: Vec::new(),
    };
    let host = DhcpHost {
        id: DhcpHost::id_of(subnet.id, mac(n)),
        subnet: subnet.id,
        bridge: bridge_id(),
        mac: mac(n),
        addr: [10, 0, 0, n].into(),
        name: None,
        options: Vec::new(),
    };
    [put(subnet), put(host)]
}

pub(super) fn put(object: impl Into<Object>) -> Change {
    Change::Put(object.into())
}

/// A frame that the kernel does not look into.
pub(super) fn frame(from: MacAddr, to: MacAddr, payload: u8) -> Vec<u8> {
    let parts = [&to.octets()[..], &from.octets(), &[0x88, 0xb5, payload]];
    parts.concat()
}

/// The station behind a port asks who has 10.0.0.200.
pub(super) fn arp_request(n: u8) -> Vec<u8> {
    let mac = mac(n).octets();
    let parts: [&[u8]; 8] = [
        &[0xff; 6],
        &mac,
        &[0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1],
        &mac,
        &[10, 0, 0, n],
        &[0; 6],
        &[10, 0, 0, 200],
        &[],
    ];
    parts.concat()
}

/// The station behind a port sends what looks like DHCP by its headers.
pub(super) fn dhcp_look_alike(n: u8) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend([0, 0, 0, 0, 255, 255, 255, 255]);
    packet.extend([0, 68, 0, 67, 0, 16, 0, 0]);
    packet.extend([n; 8]);
    let parts = [&[0xff; 6][..], &mac(n).octets(), &[0x08, 0], &packet];
    parts.concat()
}

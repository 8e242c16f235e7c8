//! A small world and frames for it. Bridge 1 has the ports 1 to 4, bridge 2 the ports 5 and 6, each
//! under its own number in the datapath.

#![allow(dead_code)] // each test binary uses a part

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use ipnet::Ipv4Net;
use uuid::Uuid;
use weft_evaluator::{Reason, Verdict, World};
use weft_topology::bridge::Bridge;
use weft_topology::dhcp::{DhcpHost, DhcpSubnet};
use weft_topology::id::{BridgeId, PortId};
use weft_topology::port::{Port, PortDevice};
use weft_topology::{LocalPort, MacAddr, Object, ObjectId};

pub(crate) const BROADCAST: MacAddr = MacAddr(255, 255, 255, 255, 255, 255);

pub(crate) fn bridge(n: u32) -> BridgeId {
    BridgeId(Uuid::from_u128(n.into()))
}

pub(crate) fn port(n: u32) -> PortId {
    PortId(Uuid::from_u128(n.into()))
}

/// The MAC of the guest behind a port.
pub(crate) fn mac(n: u8) -> MacAddr {
    MacAddr(2, 0, 0, 0, 0, n)
}

/// The address of the guest behind a port.
pub(crate) fn addr(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, n)
}

pub(crate) fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn world() -> World {
    let bridges = [1, 2].map(|n| Object::from(a_bridge(n)));
    let ports = (1..=6).map(|n| Object::from(a_port(n, if n < 5 { 1 } else { 2 })));
    World {
        objects: bridges.into_iter().chain(ports).collect(),
        local: (1..=6).map(local).collect(),
        learned: Vec::new(),
        ageing: at(300),
        keeps: false,
    }
}

pub(crate) fn a_bridge(n: u32) -> Bridge {
    Bridge {
        id: bridge(n),
        tenant_id: None,
        name: String::new(),
        admin_state_up: true,
        inbound_filter: None,
        outbound_filter: None,
        mtu: None,
        vlan_aware: false,
    }
}

pub(crate) fn a_port(n: u32, of: u32) -> Port {
    Port {
        id: port(n),
        tenant_id: None,
        device: PortDevice::Bridge { bridge: bridge(of) },
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

pub(crate) fn local(n: u32) -> LocalPort {
    LocalPort {
        port: port(n),
        number: n,
        interface: format!("tap{n}"),
    }
}

/// 10.0.0.0/24 on bridge 1.
pub(crate) fn a_subnet() -> DhcpSubnet {
    let prefix = Ipv4Net::new_assert(addr(0), 24);
    DhcpSubnet {
        id: DhcpSubnet::id_of(bridge(1), prefix),
        bridge: bridge(1),
        prefix,
        enabled: true,
        server_addr: Some(addr(250)),
        default_gateway: Some(addr(251)),
        dns_servers: Vec::new(),
        interface_mtu: None,
        static_routes: Vec::new(),
        lease_seconds: None,
        options: Vec::new(),
    }
}

/// The guest behind port `n` as a host of [`a_subnet`].
pub(crate) fn a_host(n: u8) -> DhcpHost {
    let subnet = a_subnet().id;
    DhcpHost {
        id: DhcpHost::id_of(subnet, mac(n)),
        subnet,
        bridge: bridge(1),
        mac: mac(n),
        addr: addr(n),
        name: None,
        options: Vec::new(),
    }
}

/// Writes objects over those with the same ids.
pub(crate) fn put(world: &mut World, object: impl Into<Object>) {
    let object = object.into();
    remove(world, object.id());
    world.objects.push(object);
}

pub(crate) fn remove(world: &mut World, id: impl Into<ObjectId>) {
    let id = id.into();
    world.objects.retain(|object| object.id() != id);
}

pub(crate) fn concat(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// An Ethernet II frame of a type that no rule looks at.
pub(crate) fn frame(to: MacAddr, from: MacAddr) -> Vec<u8> {
    ethernet(to, from, &[0x88, 0xb5], b"something to carry")
}

/// A frame with tags or a length between addresses and type: `between` are the bytes from there on.
pub(crate) fn ethernet(to: MacAddr, from: MacAddr, between: &[u8], payload: &[u8]) -> Vec<u8> {
    concat(&[&to.octets(), &from.octets(), between, payload])
}

/// The same frame with a tag of TPID 0x8100.
pub(crate) fn tagged(tci: u16, frame: &[u8]) -> Vec<u8> {
    concat(&[
        &frame[..12],
        &[0x81, 0x00],
        &tci.to_be_bytes(),
        &frame[12..],
    ])
}

/// An ARP packet for Ethernet and IPv4.
pub(crate) fn arp(operation: u16, sender: (MacAddr, Ipv4Addr), target: Ipv4Addr) -> Vec<u8> {
    concat(&[
        &[0, 1, 8, 0, 6, 4],
        &operation.to_be_bytes(),
        &sender.0.octets(),
        &sender.1.octets(),
        &[0; 6],
        &target.octets(),
    ])
}

/// The guest behind port 1 asks all for an address.
pub(crate) fn who_has(target: Ipv4Addr) -> Vec<u8> {
    let packet = arp(1, (mac(1), addr(1)), target);
    ethernet(BROADCAST, mac(1), &[0x08, 0x06], &packet)
}

pub(crate) fn reason(world: &mut World, number: u32, frame: &[u8]) -> Reason {
    world.enter(at(0), number, frame).reason
}

/// The frame reaches exactly these ports, as it is.
pub(crate) fn reaches(verdict: &Verdict, frame: &[u8], numbers: &[u32]) -> bool {
    let expected = numbers
        .iter()
        .map(|number| (*number, frame.to_vec()))
        .collect();
    verdict.outputs == expected && verdict.answer.is_none() && verdict.punt.is_none()
}

/// Nothing leaves, for this reason.
pub(crate) fn is_dropped(verdict: &Verdict, reason: Reason) -> bool {
    let nothing = verdict.outputs.is_empty() && verdict.answer.is_none() && verdict.punt.is_none();
    nothing && verdict.reason == reason
}

//! Random topologies. Everything is drawn from small pools, so that frames meet entries and
//! entries meet one another.

use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;
use weft_evaluator::{Learned, World};
use weft_topology::dhcp::SERVER_MAC;
use weft_topology::id::{ArpEntryId, MacEntryId, RouterId};
use weft_topology::port::PortDevice;
use weft_topology::{LocalPort, MacAddr, Object};

use super::frame::BROADCAST;
use super::net::*;
use super::random_filters::{a_filter, filters, port_groups, security};

pub(super) const STATIONS: u8 = 4;
const PORTS: u8 = 8;
/// Numbers of datapath ports; the last carries nothing.
pub(super) const NUMBERS: u32 = 9;
/// The time at which frames come, so that learned entries can be too old.
pub(crate) const NOW: Duration = Duration::from_secs(1000);

/// How many random frames a property meets: `WEFT_CASES`, else `default`.
pub(crate) fn cases(default: u32) -> u32 {
    let given = std::env::var("WEFT_CASES").ok();
    given.map_or(default, |text| {
        text.parse().expect("WEFT_CASES is a number")
    })
}

/// A property's configuration. What a failure prints is the whole case; nothing is written to disk.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Mostly the first.
fn mostly(likely: bool) -> impl Strategy<Value = bool> + Clone {
    prop_oneof![9 => Just(likely), 1 => Just(!likely)]
}

/// Mostly nothing.
fn rarely<T: Clone + std::fmt::Debug>(
    some: impl Strategy<Value = Option<T>>,
) -> impl Strategy<Value = Option<T>> {
    (some, prop::bool::weighted(0.2)).prop_map(|(some, keep)| some.filter(|_| keep))
}

pub(super) fn station_mac() -> impl Strategy<Value = MacAddr> + Clone {
    (0..STATIONS).prop_map(station)
}

pub(super) fn mac() -> impl Strategy<Value = MacAddr> + Clone {
    prop_oneof![
        8 => station_mac(),
        2 => Just(SERVER_MAC),
        4 => Just(BROADCAST),
        1 => select(&[
            MacAddr(1, 0x80, 0xc2, 0, 0, 0),
            MacAddr(1, 0x80, 0xc2, 0, 0, 0x0f),
            MacAddr(1, 0x80, 0xc2, 0, 0, 0x10),
            MacAddr(0x33, 0x33, 0, 0, 0, 1),
            MacAddr(1, 0, 0x5e, 0, 0, 1),
        ]),
    ]
}

pub(super) fn source() -> impl Strategy<Value = MacAddr> + Clone {
    prop_oneof![30 => station_mac(), 1 => mac()]
}

pub(super) fn ip() -> impl Strategy<Value = Ipv4Addr> + Clone {
    (0..9u8).prop_map(addr)
}

pub(super) fn ip_or_special() -> impl Strategy<Value = Ipv4Addr> + Clone {
    prop_oneof![
        4 => ip(),
        2 => Just(Ipv4Addr::BROADCAST),
        1 => Just(Ipv4Addr::UNSPECIFIED),
    ]
}

fn vlan() -> impl Strategy<Value = u16> + Clone {
    prop_oneof![3 => Just(0), 1 => Just(5), 1 => Just(6)]
}

/// An id that is not derived from the key, so that several entries can share one.
fn free_id() -> impl Strategy<Value = Option<Uuid>> {
    option::weighted(0.3, (1..50u128).prop_map(Uuid::from_u128))
}

fn a_bridge(n: u8) -> impl Strategy<Value = Object> {
    let filters = (rarely(a_filter()), rarely(a_filter()));
    (mostly(true), any::<bool>(), filters).prop_map(move |(up, vlan_aware, filters)| {
        let mut bridge = bridge(n);
        (bridge.admin_state_up, bridge.vlan_aware) = (up, vlan_aware);
        (bridge.inbound_filter, bridge.outbound_filter) = filters;
        bridge.into()
    })
}

fn a_port(n: u8) -> impl Strategy<Value = Option<Object>> {
    let bridge = (0..3u8).prop_map(|n| PortDevice::Bridge {
        bridge: bridge_id(n.saturating_sub(1)),
    });
    let absent = Just(PortDevice::Bridge {
        bridge: bridge_id(3),
    });
    let router = Just(PortDevice::Router {
        router: RouterId(Uuid::from_u128(7)),
        mac: station(9),
        addresses: Vec::new(),
    });
    let device = prop_oneof![20 => bridge, 1 => absent, 1 => router];
    let judged = (a_filter(), a_filter(), port_groups(), security());
    let port = (device, mostly(true), judged).prop_map(move |(device, up, judged)| {
        let mut port = port(n, device);
        port.admin_state_up = up;
        (
            port.inbound_filter,
            port.outbound_filter,
            port.port_groups,
            port.security,
        ) = judged;
        port.into()
    });
    option::weighted(0.95, port)
}

fn a_mac_entry() -> impl Strategy<Value = Object> {
    (0..2u8, vlan(), mac(), 0..PORTS + 1, free_id()).prop_map(|(of, vlan, mac, port, id)| {
        let mut entry = mac_entry(of, vlan, mac, port);
        entry.id = id.map_or(entry.id, MacEntryId);
        entry.into()
    })
}

fn an_arp_entry() -> impl Strategy<Value = Object> {
    (0..2u8, ip(), station_mac(), free_id()).prop_map(|(of, ip, mac, id)| {
        let mut entry = arp_entry(of, ip, mac);
        entry.id = id.map_or(entry.id, ArpEntryId);
        entry.into()
    })
}

/// Subnets with their hosts.
fn dhcp() -> impl Strategy<Value = Vec<Object>> {
    let prefixes = &[
        "10.0.0.0/29",
        "10.0.0.0/28",
        "10.0.0.8/29",
        "10.0.0.4/31",
        "10.0.0.4/32",
    ];
    let hosts = vec((station_mac(), ip()), 0..4);
    let parts = (
        0..2u8,
        select(prefixes),
        mostly(true),
        option::of(ip()),
        option::weighted(0.2, ip()),
        hosts,
    );
    parts.prop_map(|(of, prefix, enabled, server, gateway, hosts)| {
        let mut subnet = subnet(of, prefix);
        (subnet.enabled, subnet.server_addr, subnet.default_gateway) = (enabled, server, gateway);
        let hosts = hosts
            .into_iter()
            .map(|(mac, addr)| dhcp_host(&subnet, mac, addr).into());
        let mut objects: Vec<Object> = hosts.collect();
        objects.push(subnet.into());
        objects
    })
}

/// The objects, each id once: of several the last counts, as in a store.
fn objects() -> impl Strategy<Value = Vec<Object>> {
    let bridges = (a_bridge(0), a_bridge(1));
    let ports: Vec<_> = (0..PORTS).map(a_port).collect();
    let entries = vec(prop_oneof![a_mac_entry(), an_arp_entry()], 0..8);
    let parts = (bridges, ports, entries, vec(dhcp(), 0..3), filters());
    parts.prop_map(|(bridges, ports, entries, dhcp, filters)| {
        let objects = [bridges.0, bridges.1]
            .into_iter()
            .chain(filters)
            .chain(ports.into_iter().flatten())
            .chain(entries)
            .chain(dhcp.into_iter().flatten());
        let by_id: std::collections::BTreeMap<_, _> =
            objects.map(|object| (object.id(), object)).collect();
        by_id.into_values().collect()
    })
}

/// Ports that the datapath carries, among them one that the topology may not know.
fn locals() -> impl Strategy<Value = Vec<LocalPort>> {
    let numbers = Just((1..NUMBERS).collect::<Vec<_>>()).prop_shuffle();
    (vec(mostly(true), usize::from(PORTS)), numbers).prop_map(|(here, numbers)| {
        let ports = (0..PORTS).zip(numbers).zip(here).filter(|(_, here)| *here);
        ports.map(|((n, number), _)| local(n, number)).collect()
    })
}

fn learned() -> impl Strategy<Value = Vec<Learned>> {
    let age = prop_oneof![4 => 0..300u64, 1 => 299..302u64];
    let entry = (0..2u8, vlan(), source(), 0..PORTS, age);
    vec(entry, 0..8).prop_map(|entries| {
        let by_key: std::collections::BTreeMap<_, _> = entries
            .into_iter()
            .map(|(of, vlan, mac, port, age)| ((of, vlan, mac), (port, age)))
            .collect();
        let entry = |((of, vlan, mac), (port, age))| Learned {
            bridge: bridge_id(of),
            vlan,
            mac,
            port: port_id(port),
            used: NOW - Duration::from_secs(age),
        };
        by_key.into_iter().map(entry).collect()
    })
}

/// A world at [`NOW`].
pub(crate) fn any_world() -> impl Strategy<Value = World> {
    (objects(), locals(), learned(), any::<bool>()).prop_map(|(objects, local, learned, keeps)| {
        World {
            objects,
            local,
            learned,
            ageing: AGEING,
            keeps,
        }
    })
}

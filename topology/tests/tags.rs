//! Which tags a change gives: those it must, and no others.

mod universe;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use weft_topology::bridge::{ArpEntry, MacEntry};
use weft_topology::dhcp::DhcpSubnet;
use weft_topology::id::BridgeId;
use weft_topology::port::PortDevice;
use weft_topology::{Change, Object, Snapshot, Tag};

use universe::{
    bridge_object, bridges, host_object, local_port, macs, port_object, ports, subnet_object,
};

fn put(snapshot: &Snapshot, object: Object) -> (Snapshot, BTreeSet<Tag>) {
    snapshot.apply(snapshot.epoch().revision + 1, &[Change::Put(object)])
}

fn with(objects: impl IntoIterator<Item = Object>) -> Snapshot {
    let changes: Vec<Change> = objects.into_iter().map(Change::Put).collect();
    Snapshot::default().apply(1, &changes).0
}

fn own(object: &Object) -> Tag {
    Tag::Object(object.id())
}

fn at(bridge: BridgeId) -> PortDevice {
    PortDevice::Bridge { bridge }
}

fn addr(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

fn prefix() -> ipnet::Ipv4Net {
    ipnet::Ipv4Net::new_assert(addr(0), 29)
}

#[test]
fn a_port_that_is_not_carried_here_touches_itself_alone() {
    let port = port_object(ports()[0], at(bridges()[0]), true, 1);
    let (_, tags) = put(&with([bridge_object(bridges()[0], true)]), port.clone());
    assert_eq!(tags, [own(&port)].into());
}

#[test]
fn a_carried_port_touches_the_flood_of_the_bridge_it_leaves_and_of_the_one_it_joins() {
    let [a, b] = bridges()[..] else { panic!() };
    let id = ports()[0];
    let old = with([port_object(id, at(a), true, 1)]);
    let old = old.with_local(&[local_port(id, 4)]).0;
    let (_, tags) = put(&old, port_object(id, at(b), true, 1));
    let expected = [
        Tag::Object(id.into()),
        Tag::Local(id),
        Tag::Flood(a),
        Tag::Flood(b),
    ];
    assert_eq!(tags, expected.into());
}

#[test]
fn the_administrative_state_of_a_carried_port_touches_the_flood() {
    let (a, id) = (bridges()[0], ports()[0]);
    let old = with([port_object(id, at(a), true, 1)]);
    let old = old.with_local(&[local_port(id, 4)]).0;
    let (_, tags) = put(&old, port_object(id, at(a), false, 1));
    assert_eq!(
        tags,
        [Tag::Object(id.into()), Tag::Local(id), Tag::Flood(a)].into()
    );
}

#[test]
fn another_field_of_a_carried_port_touches_the_port_alone() {
    let (a, id) = (bridges()[0], ports()[0]);
    let old = with([port_object(id, at(a), true, 1)]);
    let old = old.with_local(&[local_port(id, 4)]).0;
    let (_, tags) = put(&old, port_object(id, at(a), true, 2));
    assert_eq!(tags, [Tag::Object(id.into())].into());
}

#[test]
fn a_port_that_gets_another_number_touches_its_place_and_its_bridges_flood() {
    let (a, id) = (bridges()[0], ports()[0]);
    let old = with([port_object(id, at(a), true, 1)]);
    let old = old
        .with_local(&[local_port(id, 4), local_port(ports()[1], 5)])
        .0;
    let (_, tags) = old.with_local(&[local_port(id, 6), local_port(ports()[1], 5)]);
    assert_eq!(tags, [Tag::Local(id), Tag::Flood(a)].into());
}

#[test]
fn a_bridge_touches_itself_alone() {
    let old = with([bridge_object(bridges()[0], true)]);
    let new = bridge_object(bridges()[0], false);
    assert_eq!(put(&old, new.clone()).1, [own(&new)].into());
}

#[test]
fn table_entries_touch_their_key() {
    let a = bridges()[0];
    let mac: Object = MacEntry::new(a, 7, macs()[0], ports()[0]).into();
    let arp: Object = ArpEntry::new(a, addr(2).into(), macs()[0]).into();
    let empty = Snapshot::default();
    assert_eq!(
        put(&empty, mac.clone()).1,
        [own(&mac), Tag::Mac(a, 7, macs()[0])].into()
    );
    let expected = [own(&arp), Tag::Neighbour(a, addr(2).into())];
    assert_eq!(put(&empty, arp.clone()).1, expected.into());
}

#[test]
fn a_hosts_name_touches_dhcp_and_not_its_neighbours() {
    let a = bridges()[0];
    let old = with([host_object((a, prefix()), macs()[0], addr(2), None)]);
    let new = host_object((a, prefix()), macs()[0], addr(2), Some("vm"));
    assert_eq!(
        put(&old, new.clone()).1,
        [own(&new), Tag::Dhcp(a, macs()[0])].into()
    );
}

#[test]
fn a_host_that_moves_touches_both_its_addresses() {
    let a = bridges()[0];
    let old = with([host_object((a, prefix()), macs()[0], addr(2), None)]);
    let new = host_object((a, prefix()), macs()[0], addr(3), None);
    let neighbours = [2, 3].map(|last| Tag::Neighbour(a, addr(last).into()));
    let expected: BTreeSet<Tag> = [own(&new), Tag::Dhcp(a, macs()[0])]
        .into_iter()
        .chain(neighbours)
        .collect();
    assert_eq!(put(&old, new).1, expected);
}

#[test]
fn a_subnet_touches_its_server_and_its_own_hosts() {
    let [a, b] = bridges()[..] else { panic!() };
    let subnet = |server| subnet_object(a, prefix(), true, Some(addr(server)), None);
    let old = with([
        subnet(5),
        host_object((a, prefix()), macs()[0], addr(2), None),
        host_object((b, prefix()), macs()[1], addr(2), None),
    ]);
    let new = subnet(6);
    let neighbours = [5, 6].map(|last| Tag::Neighbour(a, addr(last).into()));
    let expected: BTreeSet<Tag> = [own(&new), Tag::Dhcp(a, macs()[0])]
        .into_iter()
        .chain(neighbours)
        .collect();
    assert_eq!(put(&old, new).1, expected);
}

#[test]
fn a_host_on_the_servers_free_address_moves_the_server() {
    let a = bridges()[0];
    let subnet = subnet_object(a, prefix(), true, None, None);
    let id = DhcpSubnet::id_of(a, prefix());
    let old = with([
        subnet.clone(),
        host_object((a, prefix()), macs()[0], addr(2), None),
    ]);
    assert_eq!(old.dhcp_server(id), Some(addr(1)));

    let host = host_object((a, prefix()), macs()[1], addr(1), None);
    let (new, tags) = put(&old, host.clone());
    assert_eq!(new.dhcp_server(id), Some(addr(3)));
    let neighbours = [1, 3].map(|last| Tag::Neighbour(a, addr(last).into()));
    let own_tags = [own(&host), Tag::Dhcp(a, macs()[1]), own(&subnet)];
    assert_eq!(tags, own_tags.into_iter().chain(neighbours).collect());

    let far = host_object((a, prefix()), macs()[2], addr(6), None);
    let (same, tags) = put(&new, far);
    assert_eq!(same.dhcp_server(id), Some(addr(3)));
    assert!(!tags.contains(&own(&subnet)));
}

#[test]
fn what_is_learnt_to_be_absent_is_a_change_once() {
    let id = bridges()[0].into();
    let (known, tags) = Snapshot::default().apply(1, &[Change::Gone(id)]);
    assert_eq!(tags, [Tag::Object(id)].into());
    assert!(known.apply(2, &[Change::Gone(id)]).1.is_empty());
}

//! What a bridge does to frames.

use weft_evaluator::{Learned, World};
use weft_flow::Action;
use weft_topology::{MacAddr, Object, Tag};

use super::frame::{ARP_HEAD, Arp, BROADCAST, Body, Frame};
use super::net::*;
use super::run::{Seen, send};
use crate::{Effect, Install, Reason};

fn hello(from: u8, to: MacAddr) -> Frame {
    let body = Body::Tcp {
        src: addr(1),
        dst: addr(2),
        sport: 1000,
        dport: 80,
    };
    Frame::new(station(from), to, body)
}

fn run(world: &World, in_port: u32, frame: &Frame) -> Seen {
    send(world, in_port, &frame.bytes()).unwrap()
}

fn learned(world: &mut World, vlan: u16, n: u8, port: u8) {
    world.learned.push(Learned {
        bridge: bridge_id(0),
        vlan,
        mac: station(n),
        port: port_id(port),
        used: Default::default(),
    });
}

/// The office with VLANs.
fn trunks() -> World {
    let mut world = office();
    let mut bridge = bridge(0);
    bridge.vlan_aware = true;
    world.objects[0] = bridge.into();
    world
}

fn ports(seen: &Seen) -> Vec<u32> {
    seen.outputs.keys().copied().collect()
}

#[test]
fn a_frame_to_a_learned_station_leaves_by_its_port_only() {
    let mut world = office();
    learned(&mut world, 0, 2, 2);
    let seen = run(&world, 1, &hello(1, station(2)));
    assert_eq!(seen.reason(), Reason::Unicast(port_id(2)));
    assert_eq!(seen.outcome.actions, [Action::Output(2)]);
    assert_eq!(seen.outcome.install, Install::Flow);
}

#[test]
fn an_unknown_station_is_reached_by_flooding_in_the_order_of_ids_without_reflection() {
    let seen = run(&office(), 1, &hello(1, station(9)));
    assert_eq!(seen.reason(), Reason::FloodUnknown(bridge_id(0)));
    // Ids of ports 1 to 4 are 4, 7, 6 and 1.
    let outputs = [4, 3, 2].map(Action::Output);
    assert_eq!(seen.outcome.actions, outputs);
}

#[test]
fn a_multicast_is_flooded() {
    let seen = run(&office(), 2, &hello(1, MacAddr(0x33, 0x33, 0, 0, 0, 1)));
    assert_eq!(seen.reason(), Reason::FloodGroup(bridge_id(0)));
    assert_eq!(ports(&seen), [1, 3, 4]);
}

#[test]
fn a_flood_leaves_out_ports_that_are_down_and_nobody_is_a_reason_of_its_own() {
    let mut world = office();
    for object in &mut world.objects {
        if let Object::Port(port) = object
            && port.id != port_id(1)
        {
            let mut down = port.as_ref().clone();
            down.admin_state_up = false;
            *object = down.into();
        }
    }
    let seen = run(&world, 1, &hello(1, BROADCAST));
    assert_eq!(seen.reason(), Reason::NobodyElse(bridge_id(0)));
    assert!(seen.outcome.actions.is_empty());
    assert!(seen.outcome.tags.contains(&Tag::Flood(bridge_id(0))));
}

#[test]
fn a_source_is_learned_where_it_appears_and_taught_once() {
    let mut world = office();
    let learn = Effect::Learn {
        bridge: bridge_id(0),
        vlan: 0,
        mac: station(1),
        port: port_id(1),
    };
    let seen = run(&world, 1, &hello(1, BROADCAST));
    assert_eq!(seen.outcome.effects, std::slice::from_ref(&learn));
    learned(&mut world, 0, 1, 1);
    let seen = run(&world, 1, &hello(1, BROADCAST));
    assert_eq!(seen.outcome.effects, []);
    let tag = Tag::Mac(bridge_id(0), 0, station(1));
    assert!(seen.outcome.tags.contains(&tag), "a use of the entry");
    // It moves at once.
    world.learned[0].port = port_id(3);
    let seen = run(&world, 1, &hello(1, BROADCAST));
    assert_eq!(seen.outcome.effects, [learn]);
}

#[test]
fn a_learned_place_wins_over_the_persistent_entry_until_its_port_is_gone() {
    let mut world = office();
    world.objects.push(mac_entry(0, 0, station(2), 4).into());
    let frame = hello(1, station(2));
    assert_eq!(ports(&run(&world, 1, &frame)), [4]);
    learned(&mut world, 0, 2, 3);
    assert_eq!(ports(&run(&world, 1, &frame)), [3]);
    world.local.retain(|local| local.port != port_id(3));
    assert_eq!(ports(&run(&world, 1, &frame)), [4]);
}

#[test]
fn a_frame_never_leaves_by_the_port_it_came_in_by() {
    let mut world = office();
    learned(&mut world, 0, 2, 1);
    let seen = run(&world, 1, &hello(1, station(2)));
    assert_eq!(seen.reason(), Reason::Hairpin(port_id(1)));
    assert!(seen.outputs.is_empty());
    let to_itself = run(&world, 2, &hello(2, station(2)));
    assert_eq!(to_itself.reason(), Reason::Hairpin(port_id(2)));
}

#[test]
fn an_entry_never_leads_out_of_the_bridge() {
    let mut world = office();
    world.objects.push(bridge(1).into());
    world.objects.push(bridge_port(5, 1).into());
    world.local.push(local(5, 5));
    world.objects.push(mac_entry(0, 0, station(2), 5).into());
    let seen = run(&world, 1, &hello(1, station(2)));
    assert_eq!(seen.reason(), Reason::NotHere(port_id(5)));
    learned(&mut world, 0, 2, 5);
    let seen = run(&world, 1, &hello(1, station(2)));
    assert_eq!(seen.reason(), Reason::NotHere(port_id(5)));
    let seen = run(&world, 1, &hello(1, BROADCAST));
    assert_eq!(ports(&seen), [2, 3, 4]);
}

#[test]
fn a_station_behind_a_port_elsewhere_or_down_is_not_reached() {
    let mut world = office();
    world.objects.push(mac_entry(0, 0, station(2), 9).into());
    let seen = run(&world, 1, &hello(1, station(2)));
    assert_eq!(seen.reason(), Reason::NotHere(port_id(9)));

    let mut down = bridge_port(2, 0);
    down.admin_state_up = false;
    world.objects.push(down.into());
    learned(&mut world, 0, 2, 2);
    let seen = run(&world, 1, &hello(1, station(2)));
    assert_eq!(seen.reason(), Reason::EgressDown(port_id(2)));
}

#[test]
fn administrative_state_of_port_and_bridge_stops_everything() {
    let mut world = office();
    let mut down = bridge_port(1, 0);
    down.admin_state_up = false;
    world.objects.push(down.into());
    let seen = run(&world, 1, &hello(1, BROADCAST));
    assert_eq!(seen.reason(), Reason::PortDown(port_id(1)));
    let mut down = bridge(0);
    down.admin_state_up = false;
    world.objects.push(down.into());
    let seen = run(&world, 2, &hello(2, BROADCAST));
    assert_eq!(seen.reason(), Reason::BridgeDown(bridge_id(0)));
    assert_eq!(seen.outcome.effects, [], "nothing is learned");
}

#[test]
fn a_priority_tag_comes_off_whatever_its_priority() {
    for tci in [0x0000, 0x6000, 0xe000] {
        let seen = run(&office(), 1, &hello(1, BROADCAST).tagged(0x8100, tci));
        assert_eq!(seen.outcome.actions[0], Action::PopVlan);
        assert_eq!(seen.outputs[&2], hello(1, BROADCAST).bytes());
    }
}

#[test]
fn tags_are_dropped_by_a_bridge_without_vlans() {
    for (tpid, tci) in [(0x8100, 5), (0x88a8, 0), (0x88a8, 5), (0x8100, 4095)] {
        let seen = run(&office(), 1, &hello(1, BROADCAST).tagged(tpid, tci));
        assert_eq!(seen.reason(), Reason::Tagged(bridge_id(0)));
    }
}

#[test]
fn a_bridge_with_vlans_keeps_the_tag_and_a_table_for_each() {
    let mut world = trunks();
    learned(&mut world, 5, 2, 2);
    let frame = hello(1, station(2))
        .tagged(0x8100, 0x6005)
        .tagged(0x8100, 9);
    let seen = run(&world, 1, &frame);
    assert_eq!(seen.reason(), Reason::Unicast(port_id(2)));
    assert_eq!(seen.outputs[&2], frame.bytes());
    assert!(matches!(
        seen.outcome.effects[..],
        [Effect::Learn { vlan: 5, .. }]
    ));
    let other = run(&world, 1, &hello(1, station(2)).tagged(0x8100, 6));
    assert_eq!(other.reason(), Reason::FloodUnknown(bridge_id(0)));
    let none = run(&world, 1, &hello(1, station(2)));
    assert_eq!(none.reason(), Reason::FloodUnknown(bridge_id(0)));
    for (tpid, tci) in [(0x88a8, 5), (0x8100, 0xffff)] {
        let seen = run(&world, 1, &hello(1, BROADCAST).tagged(tpid, tci));
        assert_eq!(seen.reason(), Reason::BadTag(bridge_id(0)));
    }
}

#[test]
fn what_is_not_ethernet_ii_is_bridged_like_anything_else() {
    let llc = Body::Raw {
        kind: 3,
        payload: vec![0x42, 0x42, 3],
    };
    let seen = run(&office(), 1, &Frame::new(station(1), BROADCAST, llc));
    assert_eq!(ports(&seen), [2, 3, 4]);
}

#[test]
fn what_is_not_loaded_is_asked_for_one_by_one() {
    let world = office();
    let key = super::extract::extract(&hello(1, BROADCAST).bytes(), 1).unwrap();
    let ids = [port_id(1).into(), bridge_id(0).into()];
    let mut snapshot = snapshot(&world).forget(&ids).0;
    for id in ids {
        let outcome = super::run::judge(&world, &snapshot, &key, Default::default());
        assert_eq!(outcome.missing, [id]);
        assert_eq!(outcome.reason, Reason::NotLoaded(id));
        assert_eq!(outcome.install, Install::PerPacket);
        assert_eq!((outcome.actions.len(), outcome.effects.len()), (0, 0));
        let object = world.objects.iter().find(|object| object.id() == id);
        let put = weft_topology::Change::Put(object.unwrap().clone());
        snapshot = snapshot.apply(2, &[put]).0;
    }
    let outcome = super::run::judge(&world, &snapshot, &key, Default::default());
    assert_eq!(outcome.reason, Reason::FloodGroup(bridge_id(0)));
}

#[test]
fn a_packet_that_waits_for_an_object_teaches_nothing_yet() {
    let mut world = office();
    learned(&mut world, 0, 2, 2);
    let key = super::extract::extract(&hello(1, station(2)).bytes(), 1).unwrap();
    let snapshot = snapshot(&world).forget(&[port_id(2).into()]).0;
    let outcome = super::run::judge(&world, &snapshot, &key, Default::default());
    assert_eq!(outcome.missing, [port_id(2).into()]);
    assert_eq!(outcome.effects, []);
}

#[test]
fn an_arp_request_for_a_known_address_is_brought_up_and_answered() {
    let mut world = office();
    world.objects.push(arp_entry(0, addr(3), station(3)).into());
    let known = [
        (addr(1), station(1)),
        (addr(3), station(3)),
        (addr(6), weft_topology::dhcp::SERVER_MAC),
    ];
    for (target, mac) in known {
        let request = Arp::request(station(2), addr(2), target);
        let frame = Frame::new(station(2), BROADCAST, Body::Arp(request));
        let seen = run(&world, 2, &frame.clone().tagged(0x8100, 0));
        assert_eq!(seen.outcome.punt(), Some(crate::PuntClass::Arp));
        assert_eq!(seen.outcome.install, Install::Flow);
        assert_eq!(seen.last().install, Install::PerPacket);
        assert_eq!(seen.reason(), Reason::Arp(bridge_id(0), mac));
        let reply = Arp {
            op: 2,
            sha: mac,
            sip: target,
            tha: station(2),
            tip: addr(2),
            head: ARP_HEAD,
        };
        let reply = Frame::new(mac, station(2), Body::Arp(reply));
        assert_eq!(seen.answer, Some((2, reply.bytes())));
        assert!(seen.outputs.is_empty());
    }
}

#[test]
fn other_arp_is_ordinary_traffic() {
    let world = office();
    let request = |from: u8, sip, tip| Arp::request(station(from), sip, tip);
    let zero = std::net::Ipv4Addr::UNSPECIFIED;
    let flooded = [
        ("unknown target", request(2, addr(2), addr(3))),
        ("gratuitous", request(1, addr(1), addr(1))),
        ("probe by the owner", request(1, zero, addr(1))),
        (
            "reply",
            Arp {
                op: 2,
                ..request(2, addr(2), addr(1))
            },
        ),
    ];
    for (what, arp) in flooded {
        let frame = Frame::new(arp.sha, BROADCAST, Body::Arp(arp));
        let seen = run(&world, 1, &frame);
        assert_eq!(seen.reason(), Reason::FloodGroup(bridge_id(0)), "{what}");
    }
    let arp = Body::Arp(request(2, addr(2), addr(1)));
    let seen = run(&world, 1, &Frame::new(station(2), station(9), arp));
    assert_eq!(seen.reason(), Reason::FloodUnknown(bridge_id(0)), "unicast");
}

#[test]
fn the_dhcp_servers_mac_forwards_nothing() {
    let mut world = office();
    let frame = hello(1, weft_topology::dhcp::SERVER_MAC);
    let seen = run(&world, 1, &frame);
    assert_eq!(seen.reason(), Reason::ForServer(bridge_id(0)));
    world
        .objects
        .push(mac_entry(0, 0, weft_topology::dhcp::SERVER_MAC, 2).into());
    assert_eq!(
        run(&world, 1, &frame).reason(),
        Reason::ForServer(bridge_id(0))
    );
}

//! Rules 13 to 15: ARP.

mod common;

use weft_evaluator::{Reason, World};
use weft_topology::MacAddr;
use weft_topology::bridge::ArpEntry;
use weft_topology::dhcp::SERVER_MAC;

use common::*;

/// Guest 2 is in the ARP table, guest 3 a DHCP host, the DHCP server has 10.0.0.250.
fn answering() -> World {
    let mut world = world();
    put(&mut world, ArpEntry::new(bridge(1), addr(2).into(), mac(2)));
    put(&mut world, a_subnet());
    put(&mut world, a_host(3));
    world
}

fn answered_with(world: &mut World, frame: &[u8], found: MacAddr) {
    let verdict = world.enter(at(0), 1, frame);
    assert_eq!(verdict.reason, Reason::ArpAnswered);
    assert!(verdict.outputs.is_empty() && verdict.punt.is_none());
    let (number, answer) = verdict.answer.expect("an answer");
    assert_eq!((number, &answer[6..12]), (1, &found.octets()[..]));
}

#[test]
fn known_addresses_are_answered_and_others_flooded() {
    for (target, found) in [(2, mac(2)), (3, mac(3)), (250, SERVER_MAC)] {
        answered_with(&mut answering(), &who_has(addr(target)), found);
    }
    for unknown in [4, 251] {
        assert_eq!(
            reason(&mut answering(), 1, &who_has(addr(unknown))),
            Reason::FloodGroup
        );
    }
}

#[test]
fn an_answer_is_a_whole_reply_to_the_asker() {
    let verdict = answering().enter(at(0), 1, &who_has(addr(3)));
    let expected = concat(&[
        &mac(1).octets(),
        &mac(3).octets(),
        &[0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2],
        &mac(3).octets(),
        &addr(3).octets(),
        &mac(1).octets(),
        &addr(1).octets(),
    ]);
    assert_eq!(verdict.answer, Some((1, expected)));
}

#[test]
fn the_asker_is_learned() {
    let mut world = answering();
    world.enter(at(5), 1, &who_has(addr(3)));
    assert_eq!(
        (world.learned[0].mac, world.learned[0].port),
        (mac(1), port(1))
    );
}

#[test]
fn another_bridges_addresses_are_unknown() {
    let request = arp(1, (mac(5), addr(5)), addr(3));
    let request = ethernet(BROADCAST, mac(5), &[8, 6], &request);
    assert_eq!(reason(&mut answering(), 5, &request), Reason::FloodGroup);
}

#[test]
fn the_table_wins_over_hosts_and_hosts_over_the_server() {
    let mut world = answering();
    put(&mut world, a_host(250));
    answered_with(&mut world, &who_has(addr(250)), mac(250));
    put(
        &mut world,
        ArpEntry::new(bridge(1), addr(250).into(), mac(77)),
    );
    answered_with(&mut world, &who_has(addr(250)), mac(77));
}

#[test]
fn a_disabled_subnets_hosts_are_known_but_its_server_is_not() {
    let mut world = answering();
    let mut disabled = a_subnet();
    disabled.enabled = false;
    put(&mut world, disabled);
    answered_with(&mut world, &who_has(addr(3)), mac(3));
    assert_eq!(
        reason(&mut world, 1, &who_has(addr(250))),
        Reason::FloodGroup
    );
}

#[test]
fn the_server_is_at_its_address_or_the_gateways_or_a_free_one() {
    let mut world = answering();
    let mut subnet = a_subnet();
    subnet.server_addr = None;
    put(&mut world, subnet.clone());
    answered_with(&mut world, &who_has(addr(251)), SERVER_MAC);
    subnet.default_gateway = None;
    put(&mut world, subnet.clone());
    assert_eq!(world.server_address(subnet.id), Some(addr(1)));
    put(&mut world, a_host(1));
    assert_eq!(world.server_address(subnet.id), Some(addr(4)));
    answered_with(&mut world, &who_has(addr(4)), SERVER_MAC);
}

#[test]
fn a_probe_is_answered_unless_it_is_the_owners() {
    let probe = |by: u8| {
        let packet = arp(1, (mac(by), [0, 0, 0, 0].into()), addr(3));
        ethernet(BROADCAST, mac(by), &[8, 6], &packet)
    };
    answered_with(&mut answering(), &probe(1), mac(3));
    let verdict = answering().enter(at(0), 3, &probe(3));
    assert!(reaches(&verdict, &probe(3), &[1, 2, 4]));
}

#[test]
fn gratuitous_arp_is_flooded() {
    for operation in [1, 2] {
        let packet = arp(operation, (mac(1), addr(3)), addr(3));
        let gratuitous = ethernet(BROADCAST, mac(1), &[8, 6], &packet);
        assert_eq!(reason(&mut answering(), 1, &gratuitous), Reason::FloodGroup);
    }
}

#[test]
fn other_operations_are_ordinary_traffic() {
    for operation in [0, 2, 3, 8, 0x0101] {
        let packet = arp(operation, (mac(1), addr(1)), addr(3));
        let other = ethernet(BROADCAST, mac(1), &[8, 6], &packet);
        assert_eq!(
            reason(&mut answering(), 1, &other),
            Reason::FloodGroup,
            "{operation}"
        );
    }
}

#[test]
fn a_request_is_answered_when_sent_to_all_or_to_the_server_and_forwarded_when_sent_to_one() {
    let packet = arp(1, (mac(1), addr(1)), addr(250));
    let to = |mac| ethernet(mac, mac_of_asker(), &[8, 6], &packet);
    answered_with(&mut answering(), &to(SERVER_MAC), SERVER_MAC);
    assert_eq!(
        reason(&mut answering(), 1, &to(mac(9))),
        Reason::FloodUnknown
    );
    let group = MacAddr(1, 0, 0x5e, 0, 0, 1);
    assert_eq!(reason(&mut answering(), 1, &to(group)), Reason::FloodGroup);
}

fn mac_of_asker() -> MacAddr {
    mac(1)
}

#[test]
fn what_is_not_arp_for_ethernet_and_ipv4_is_not_answered() {
    let good = arp(1, (mac(1), addr(1)), addr(3));
    for byte in 0..6 {
        let mut other = good.clone();
        other[byte] ^= 0x10;
        let other = ethernet(BROADCAST, mac(1), &[8, 6], &other);
        assert_eq!(
            reason(&mut answering(), 1, &other),
            Reason::FloodGroup,
            "byte {byte}"
        );
    }
    let cut_short = ethernet(BROADCAST, mac(1), &[8, 6], &good[..27]);
    assert_eq!(reason(&mut answering(), 1, &cut_short), Reason::FloodGroup);
    let reverse_arp = ethernet(BROADCAST, mac(1), &[0x80, 0x35], &good);
    assert_eq!(
        reason(&mut answering(), 1, &reverse_arp),
        Reason::FloodGroup
    );
}

#[test]
fn trailing_bytes_and_priority_tags_do_not_matter() {
    let padded = concat(&[&who_has(addr(3)), &[0; 18]]);
    answered_with(&mut answering(), &padded, mac(3));
    answered_with(&mut answering(), &tagged(0x6000, &padded), mac(3));
}

#[test]
fn a_request_in_snap_is_one_to_the_key_and_is_answered() {
    let packet = arp(1, (mac(1), addr(1)), addr(3));
    let snap = |oui: u8| [0, 36, 0xaa, 0xaa, 3, 0, 0, oui, 8, 6];
    answered_with(
        &mut answering(),
        &ethernet(BROADCAST, mac(1), &snap(0), &packet),
        mac(3),
    );
    let other_oui = ethernet(BROADCAST, mac(1), &snap(1), &packet);
    assert_eq!(reason(&mut answering(), 1, &other_oui), Reason::FloodGroup);
}

#[test]
fn a_tagged_request_is_ordinary_traffic() {
    let mut world = answering();
    let mut aware = a_bridge(1);
    aware.vlan_aware = true;
    put(&mut world, aware);
    answered_with(&mut world, &who_has(addr(3)), mac(3));
    assert_eq!(
        reason(&mut world, 1, &tagged(7, &who_has(addr(3)))),
        Reason::FloodGroup
    );
}

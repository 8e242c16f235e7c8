//! Rules 11, 12 and 16 to 19: learning and forwarding.

mod common;

use weft_evaluator::{Reason, World};
use weft_topology::MacAddr;
use weft_topology::bridge::MacEntry;
use weft_topology::dhcp::SERVER_MAC;

use common::*;

const GROUP: MacAddr = MacAddr(0x33, 0x33, 0, 0, 0, 1);

/// A world in which the guests behind the ports 1 and 2 have spoken at second 0.
fn taught() -> World {
    let mut world = world();
    for n in [1, 2] {
        world.enter(at(0), n.into(), &frame(BROADCAST, mac(n)));
    }
    world
}

fn down(n: u32) -> weft_topology::port::Port {
    let mut port = a_port(n, 1);
    port.admin_state_up = false;
    port
}

#[test]
fn groups_and_unknown_stations_are_flooded_to_every_other_port_of_the_bridge() {
    for (to, reason) in [
        (BROADCAST, Reason::FloodGroup),
        (GROUP, Reason::FloodGroup),
        (mac(9), Reason::FloodUnknown),
    ] {
        let sent = frame(to, mac(1));
        let verdict = world().enter(at(0), 1, &sent);
        assert!(reaches(&verdict, &sent, &[2, 3, 4]), "{verdict:?}");
        assert_eq!(verdict.reason, reason);
    }
}

#[test]
fn a_flood_leaves_out_ports_that_are_down_elsewhere_or_gone() {
    let mut world = world();
    put(&mut world, down(2));
    world.local.retain(|local| local.port != port(3));
    let sent = frame(BROADCAST, mac(1));
    assert!(reaches(&world.enter(at(0), 1, &sent), &sent, &[4]));
    remove(&mut world, port(4));
    let verdict = world.enter(at(0), 1, &sent);
    assert!(reaches(&verdict, &sent, &[]));
    assert_eq!(verdict.reason, Reason::FloodGroup);
}

#[test]
fn a_known_station_is_reached_alone() {
    let sent = frame(mac(2), mac(1));
    let verdict = taught().enter(at(1), 1, &sent);
    assert!(reaches(&verdict, &sent, &[2]));
    assert_eq!(verdict.reason, Reason::Unicast);
}

#[test]
fn a_station_on_another_bridge_stays_unknown() {
    let mut world = taught();
    let sent = frame(mac(2), mac(5));
    assert!(reaches(&world.enter(at(1), 5, &sent), &sent, &[6]));
}

#[test]
fn a_station_moves_at_once() {
    let mut world = taught();
    world.enter(at(1), 3, &frame(BROADCAST, mac(2)));
    let sent = frame(mac(2), mac(1));
    assert!(reaches(&world.enter(at(1), 1, &sent), &sent, &[3]));
}

#[test]
fn a_frame_is_not_sent_back_where_it_came_from() {
    let verdict = taught().enter(at(1), 1, &frame(mac(1), mac(9)));
    assert!(is_dropped(&verdict, Reason::Hairpin));
    let verdict = world().enter(at(1), 1, &frame(mac(1), mac(1)));
    assert!(is_dropped(&verdict, Reason::Hairpin));
}

#[test]
fn what_is_unused_for_the_ageing_time_is_forgotten() {
    let sent = frame(mac(2), mac(1));
    assert_eq!(taught().enter(at(299), 1, &sent).reason, Reason::Unicast);
    assert_eq!(
        taught().enter(at(300), 1, &sent).reason,
        Reason::FloodUnknown
    );
    let mut quick = taught();
    quick.ageing = at(10);
    assert_eq!(quick.enter(at(10), 1, &sent).reason, Reason::FloodUnknown);
}

#[test]
fn being_spoken_to_is_a_use_and_so_is_speaking() {
    let to_silent = frame(mac(2), mac(1));
    let mut world = taught();
    for second in [200, 400, 600, 899] {
        assert_eq!(
            world.enter(at(second), 1, &to_silent).reason,
            Reason::Unicast
        );
    }
    assert_eq!(
        world.enter(at(1199), 1, &to_silent).reason,
        Reason::FloodUnknown
    );

    let mut world = taught();
    world.enter(at(200), 2, &frame(BROADCAST, mac(2)));
    assert_eq!(world.enter(at(499), 1, &to_silent).reason, Reason::Unicast);
}

#[test]
fn a_drop_by_an_entry_is_a_use_of_it() {
    let mut world = taught();
    put(&mut world, down(2));
    let sent = frame(mac(2), mac(1));
    for second in [250, 500] {
        assert!(is_dropped(
            &world.enter(at(second), 1, &sent),
            Reason::EgressDown
        ));
    }
}

#[test]
fn what_was_learned_at_a_port_that_left_counts_for_nothing() {
    let sent = frame(mac(2), mac(1));
    let mut world = taught();
    world.local.retain(|local| local.port != port(2));
    assert_eq!(reason(&mut world, 1, &sent), Reason::FloodUnknown);
    let mut world = taught();
    put(&mut world, a_port(2, 2));
    assert_eq!(reason(&mut world, 1, &sent), Reason::FloodUnknown);
}

#[test]
fn a_persistent_entry_counts_until_something_else_is_learned() {
    let mut world = world();
    put(&mut world, MacEntry::new(bridge(1), 0, mac(9), port(3)));
    let sent = frame(mac(9), mac(1));
    assert!(reaches(&world.enter(at(0), 1, &sent), &sent, &[3]));
    world.enter(at(0), 4, &frame(BROADCAST, mac(9)));
    assert!(reaches(&world.enter(at(0), 1, &sent), &sent, &[4]));
    assert!(reaches(&world.enter(at(300), 1, &sent), &sent, &[3]));
}

#[test]
fn a_persistent_entry_that_leads_nowhere_here_drops() {
    let mut world = world();
    put(&mut world, MacEntry::new(bridge(1), 0, mac(8), port(5)));
    put(&mut world, MacEntry::new(bridge(1), 0, mac(9), port(77)));
    for last in [8, 9] {
        let verdict = world.enter(at(0), 1, &frame(mac(last), mac(1)));
        assert!(is_dropped(&verdict, Reason::NotHere), "{verdict:?}");
    }
}

#[test]
fn tables_are_kept_by_vlan() {
    let mut world = world();
    let mut aware = a_bridge(1);
    aware.vlan_aware = true;
    put(&mut world, aware);
    put(&mut world, MacEntry::new(bridge(1), 8, mac(9), port(4)));
    world.enter(at(0), 2, &tagged(7, &frame(BROADCAST, mac(2))));
    world.enter(at(0), 3, &frame(BROADCAST, mac(2)));

    let untagged = frame(mac(2), mac(1));
    assert!(reaches(&world.enter(at(0), 1, &untagged), &untagged, &[3]));
    for (vlan, to, ports) in [
        (7, mac(2), &[2][..]),
        (8, mac(2), &[2, 3, 4]),
        (8, mac(9), &[4]),
        (7, mac(9), &[2, 3, 4]),
    ] {
        let sent = tagged(vlan | 0xa000, &frame(to, mac(1)));
        assert!(
            reaches(&world.enter(at(0), 1, &sent), &sent, ports),
            "{vlan} {to}"
        );
    }
}

#[test]
fn what_is_meant_for_the_dhcp_server_is_not_flooded() {
    let sent = frame(SERVER_MAC, mac(1));
    let verdict = world().enter(at(0), 1, &sent);
    assert!(is_dropped(&verdict, Reason::ForServer));
    let mut world = world();
    let mut aware = a_bridge(1);
    aware.vlan_aware = true;
    put(&mut world, aware);
    assert_eq!(
        reason(&mut world, 1, &tagged(7, &sent)),
        Reason::FloodUnknown
    );
}

//! Rules 1 to 9: what may enter.

mod common;

use weft_evaluator::{Reason, World};
use weft_topology::MacAddr;
use weft_topology::id::RouterId;
use weft_topology::port::PortDevice;

use common::*;

fn dropped(world: &mut World, number: u32, frame: &[u8], reason: Reason) {
    let before = world.learned.clone();
    let verdict = world.enter(at(0), number, frame);
    assert!(is_dropped(&verdict, reason), "{verdict:?}");
    assert_eq!(
        world.learned, before,
        "a frame that may not enter teaches nothing"
    );
}

fn aware() -> World {
    let mut world = world();
    let mut bridge = a_bridge(1);
    bridge.vlan_aware = true;
    put(&mut world, bridge);
    world
}

#[test]
fn a_datapath_port_without_a_virtual_port_takes_nothing() {
    dropped(
        &mut world(),
        99,
        &frame(BROADCAST, mac(1)),
        Reason::NoSuchPort,
    );
}

#[test]
fn a_port_that_is_gone_or_a_routers_takes_nothing() {
    let mut world = world();
    remove(&mut world, port(1));
    dropped(
        &mut world,
        1,
        &frame(BROADCAST, mac(1)),
        Reason::NotABridgePort,
    );

    let mut of_router = a_port(2, 1);
    of_router.device = PortDevice::Router {
        router: RouterId(bridge(1).0),
        mac: mac(99),
        addresses: Vec::new(),
    };
    put(&mut world, of_router);
    dropped(
        &mut world,
        2,
        &frame(BROADCAST, mac(1)),
        Reason::NotABridgePort,
    );
}

#[test]
fn a_port_that_is_down_takes_nothing() {
    let mut world = world();
    let mut down = a_port(1, 1);
    down.admin_state_up = false;
    put(&mut world, down);
    dropped(&mut world, 1, &frame(BROADCAST, mac(1)), Reason::PortDown);
}

#[test]
fn a_bridge_that_is_gone_or_down_takes_nothing() {
    let mut world = world();
    let mut down = a_bridge(1);
    down.admin_state_up = false;
    put(&mut world, down);
    dropped(&mut world, 1, &frame(BROADCAST, mac(1)), Reason::BridgeDown);
    remove(&mut world, bridge(1));
    dropped(
        &mut world,
        1,
        &frame(BROADCAST, mac(1)),
        Reason::NoSuchBridge,
    );
}

#[test]
fn a_frame_has_fourteen_bytes() {
    let whole = frame(BROADCAST, mac(1));
    for length in 0..14 {
        dropped(&mut world(), 1, &whole[..length], Reason::TooShort);
    }
    assert_eq!(reason(&mut world(), 1, &whole[..14]), Reason::FloodGroup);
}

#[test]
fn a_source_is_one_station() {
    for source in [
        BROADCAST,
        MacAddr(1, 0, 0x5e, 0, 0, 1),
        MacAddr(3, 0, 0, 0, 0, 1),
    ] {
        dropped(
            &mut world(),
            1,
            &frame(mac(2), source),
            Reason::SourceIsGroup,
        );
    }
}

#[test]
fn link_local_control_frames_reach_nobody() {
    let control = |last| MacAddr(1, 0x80, 0xc2, 0, 0, last);
    for last in 0..=0x0f {
        let control = frame(control(last), mac(1));
        dropped(&mut world(), 1, &control, Reason::LinkLocalControl);
        dropped(
            &mut aware(),
            1,
            &tagged(7, &control),
            Reason::LinkLocalControl,
        );
    }
    let ordinary = frame(control(0x10), mac(1));
    assert_eq!(reason(&mut world(), 1, &ordinary), Reason::FloodGroup);
}

#[test]
fn a_priority_tag_is_taken_off() {
    let plain = frame(BROADCAST, mac(1));
    for mut world in [world(), aware()] {
        for priority in [0x0000, 0x2000, 0xf000] {
            let verdict = world.enter(at(0), 1, &tagged(priority, &plain));
            assert!(reaches(&verdict, &plain, &[2, 3, 4]), "{verdict:?}");
        }
        assert_eq!(world.learned[0].vlan, 0);
    }
}

#[test]
fn only_one_priority_tag_is_taken_off() {
    let twice = tagged(0, &tagged(0, &frame(BROADCAST, mac(1))));
    dropped(&mut world(), 1, &twice, Reason::Tagged);
    dropped(&mut aware(), 1, &twice, Reason::BadTag);
}

#[test]
fn a_bridge_without_vlans_takes_no_tag() {
    let plain = frame(BROADCAST, mac(1));
    dropped(&mut world(), 1, &tagged(7, &plain), Reason::Tagged);
    dropped(
        &mut world(),
        1,
        &tagged(0, &tagged(7, &plain)),
        Reason::Tagged,
    );
    let service = ethernet(BROADCAST, mac(1), &[0x88, 0xa8, 0, 0, 0x88, 0xb5], b"");
    dropped(&mut world(), 1, &service, Reason::Tagged);
    let cut_short = ethernet(BROADCAST, mac(1), &[0x81, 0x00, 0, 0, 0x88], b"");
    dropped(&mut world(), 1, &cut_short, Reason::Tagged);
}

#[test]
fn a_bridge_with_vlans_takes_whole_customer_tags_of_real_vlans() {
    let plain = frame(BROADCAST, mac(1));
    for vlan in [1, 7, 4094] {
        let verdict = aware().enter(at(0), 1, &tagged(vlan, &plain));
        assert!(reaches(&verdict, &tagged(vlan, &plain), &[2, 3, 4]));
    }
    dropped(&mut aware(), 1, &tagged(4095, &plain), Reason::BadTag);
    for tag in [
        [0x88, 0xa8, 0, 7, 0x88, 0xb5],
        [0x88, 0xa8, 0, 0, 0x88, 0xb5],
    ] {
        let service = ethernet(BROADCAST, mac(1), &tag, b"");
        dropped(&mut aware(), 1, &service, Reason::BadTag);
    }
    let cut_short = ethernet(BROADCAST, mac(1), &[0x81, 0x00, 0, 7, 0x88], b"");
    dropped(&mut aware(), 1, &cut_short, Reason::BadTag);
}

#[test]
fn what_is_inside_a_tag_is_kept() {
    let inside = tagged(0, &frame(BROADCAST, mac(1)));
    let stacked = tagged(7, &inside);
    let verdict = aware().enter(at(0), 1, &stacked);
    assert!(reaches(&verdict, &stacked, &[2, 3, 4]));
    let verdict = aware().enter(at(0), 1, &tagged(0, &stacked));
    assert!(reaches(&verdict, &stacked, &[2, 3, 4]));
}

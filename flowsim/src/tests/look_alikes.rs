//! Frames made to be taken for something else: the bug classes that other switches had, as far as
//! layer 2 has them.

use weft_flow::present::protocol;
use weft_flow::{Field, FlowKey};
use weft_topology::MacAddr;

use super::extract::extract;
use super::frame::{Arp, BROADCAST, Body, Dhcp, Frame};
use super::net::*;
use super::run::{judge, send};
use crate::{Outcome, Reason};

fn outcome(frame: &[u8]) -> (FlowKey, Outcome) {
    let (world, key) = (office(), extract(frame, 1).unwrap());
    let outcome = judge(&world, &snapshot(&world), &key, Default::default());
    (key, outcome)
}

fn ipv4(proto: u8) -> Frame {
    let (src, dst) = (addr(1), addr(2));
    let payload = vec![0; 8];
    let body = Body::Ipv4 {
        src,
        dst,
        proto,
        fragment: 0,
        payload,
    };
    Frame::new(station(1), BROADCAST, body)
}

fn discover() -> Frame {
    Frame::new(
        station(1),
        BROADCAST,
        Body::Dhcp(Dhcp::discover(station(1))),
    )
}

/// CVE-2023-1668: protocol 0 was taken for "none", and its flow matched every protocol.
#[test]
fn a_flow_of_any_other_protocol_never_catches_a_dhcp_message() {
    let (dhcp, _) = outcome(&discover().bytes());
    for proto in 0..=255 {
        let (key, outcome) = outcome(&ipv4(proto).bytes());
        assert_eq!(key.get(Field::IpProto), Some(proto.into()));
        assert!(outcome.mask.get(Field::IpProto) != 0, "protocol {proto}");
        assert!(!outcome.mask.agree(&key, &dhcp), "protocol {proto}");
    }
    let arp = Body::Arp(Arp {
        op: 0,
        ..Arp::request(station(1), addr(1), addr(2))
    });
    let (key, outcome) = outcome(&Frame::new(station(1), BROADCAST, arp).bytes());
    assert!(!outcome.mask.agree(&key, &dhcp));
    assert_eq!(outcome.mask.get(Field::IpProto), 0, "ARP has no protocol");
}

/// CVE-2020-35498: padding made the parser give up, and its flow matched everything.
#[test]
fn padding_changes_neither_verdict_nor_mask() {
    for frame in [discover(), ipv4(protocol::TCP), ipv4(0)] {
        let bytes = frame.bytes();
        let (_, plain) = outcome(&bytes);
        for padding in [1, 46, 300, 1000] {
            let padded = [&bytes[..], &vec![0xa5; padding]].concat();
            assert_eq!(outcome(&padded).1, plain, "{padding} bytes of padding");
        }
    }
}

/// CVE-2016-10377: a header that is cut short is read as zeroes; the flow says so.
#[test]
fn a_frame_that_is_cut_short_anywhere_is_told_from_the_whole_one() {
    let bytes = discover().bytes();
    let (whole, taken) = outcome(&bytes);
    assert!(taken.punt().is_some());
    for length in 14..bytes.len() {
        let (key, outcome) = outcome(&bytes[..length]);
        if outcome.punt().is_none() {
            assert!(!outcome.mask.agree(&key, &whole), "cut to {length} bytes");
            assert!(!taken.mask.agree(&whole, &key), "cut to {length} bytes");
        }
        let served = send(&office(), 1, &bytes[..length]).unwrap();
        assert_eq!(served.answer, None, "cut to {length} bytes");
    }
}

/// CVE-2025-0650: what looks like an answer of our own is nobody's answer.
#[test]
fn a_guests_answer_is_ordinary_traffic() {
    let offer = Dhcp {
        op: 2,
        sport: 67,
        dport: 68,
        ..Dhcp::discover(station(2))
    };
    let arp = Arp {
        op: 2,
        ..Arp::request(station(3), addr(6), addr(1))
    };
    for body in [Body::Dhcp(offer), Body::Arp(arp)] {
        let (_, outcome) = outcome(&Frame::new(station(3), BROADCAST, body).bytes());
        assert_eq!(outcome.reason, Reason::FloodGroup(bridge_id(0)));
    }
}

/// CVE-2021-27853, -27854, -27861, -27862: SNAP headers and stacks of tags hid what a frame is.
#[test]
fn snap_and_stacked_tags_hide_nothing() {
    for tags in [
        &[(0x8100, 0), (0x8100, 0)][..],
        &[(0x8100, 0), (0x88a8, 0)],
        &[(0x88a8, 0)],
    ] {
        let mut frame = discover();
        frame.tags = tags.to_vec();
        let (_, outcome) = outcome(&frame.bytes());
        assert_eq!(outcome.reason, Reason::Tagged(bridge_id(0)), "{tags:?}");
    }
    let three = discover()
        .tagged(0x8100, 0)
        .tagged(0x8100, 0)
        .tagged(0x8100, 0);
    assert_eq!(
        outcome(&three.bytes()).1.reason,
        Reason::Tagged(bridge_id(0))
    );

    let snap = Body::Snap(Box::new(discover().body));
    let seen = send(
        &office(),
        1,
        &Frame::new(station(1), BROADCAST, snap).bytes(),
    )
    .unwrap();
    assert!(seen.outcome.punt().is_some(), "its key is that of DHCP");
    assert_eq!(
        seen.reason(),
        Reason::FloodGroup(bridge_id(0)),
        "its bytes are not"
    );
    let arp = Body::Arp(Arp::request(station(2), addr(2), addr(1)));
    let snap = Frame::new(station(2), BROADCAST, Body::Snap(Box::new(arp)));
    let seen = send(&office(), 1, &snap.bytes()).unwrap();
    assert!(
        seen.answer.is_some(),
        "the kernel reads it as ARP, and so do we"
    );
}

/// CVE-2015-8011, -2020-27827, -2022-4337: frames between neighbouring bridges are never parsed, nor
/// passed on.
#[test]
fn control_frames_of_neighbouring_bridges_go_nowhere() {
    for last in 0..=0x20 {
        let dst = MacAddr(1, 0x80, 0xc2, 0, 0, last);
        let body = Body::Raw {
            kind: 0x88cc,
            payload: vec![2, 7, 4],
        };
        let frame = Frame::new(station(1), dst, body);
        for frame in [frame.clone(), frame.tagged(0x8100, 0x2000)] {
            let (_, outcome) = outcome(&frame.bytes());
            let control = outcome.reason == Reason::LinkLocalControl(bridge_id(0));
            assert_eq!(control, last < 0x10, "{dst}");
        }
    }
}

/// CVE-2018-14636: a device that is plugged and not yet wired must see and say nothing.
#[test]
fn a_datapath_port_that_carries_no_virtual_port_is_mute_and_leaves_no_flow() {
    let seen = send(&office(), 77, &discover().bytes()).unwrap();
    assert_eq!(seen.reason(), Reason::NoSuchPort(77));
    assert_eq!(seen.outcome.install, crate::Install::PerPacket);
}

/// CVE-2015-8914, -2016-5362, -2021-20267: whatever a guest claims to be inside of a message, it is
/// served as what its frame comes from.
#[test]
fn another_guests_identity_is_not_served() {
    let thief = Dhcp::discover(station(1));
    let frame = Frame::new(station(2), BROADCAST, Body::Dhcp(thief));
    let seen = send(&office(), 2, &frame.bytes()).unwrap();
    assert_eq!((seen.answer.is_some(), seen.outputs.len()), (false, 3));
}

/// A source that is a group could be learned and then turn unicast into floods.
#[test]
fn a_group_is_no_source() {
    for src in [BROADCAST, MacAddr(1, 0, 0x5e, 0, 0, 1)] {
        let mut frame = ipv4(0);
        frame.src = src;
        let (_, outcome) = outcome(&frame.bytes());
        assert_eq!(outcome.reason, Reason::SourceIsGroup(port_id(1)));
        assert_eq!(outcome.effects, []);
    }
}

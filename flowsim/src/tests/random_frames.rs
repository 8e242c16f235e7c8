//! Random frames, with what connection tracking knows of them, from the pools that topologies are drawn from.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use weft_evaluator::{Arrival, Connection};
use weft_topology::MacAddr;

use super::frame::{ARP_HEAD, Arp, Body, Dhcp, Frame, Ipv6Body};
use super::net::*;
use super::random::{NUMBERS, STATIONS, ip, ip_or_special, mac, source, station_mac};
use super::random_filters::ip6;

fn tag() -> impl Strategy<Value = (u16, u16)> {
    let tpid = prop_oneof![9 => Just(0x8100), 1 => Just(0x88a8)];
    let vlan =
        prop_oneof![4 => Just(0), 2 => Just(5), 2 => Just(6), 1 => Just(4095), 1 => 0..4096u16];
    (tpid, vlan, any::<u16>()).prop_map(|(tpid, vlan, rest)| (tpid, vlan | rest & 0xf000))
}

fn arp(src: MacAddr) -> impl Strategy<Value = Body> {
    let op = prop_oneof![8 => Just(1), 2 => Just(2), 1 => select(&[0u16, 3, 0x100, 0x101])];
    let sha = prop_oneof![4 => Just(src), 1 => station_mac()];
    let head = prop_oneof![
        20 => Just(ARP_HEAD),
        1 => (0..6usize, any::<u8>()).prop_map(|(at, byte)| {
            let mut head = ARP_HEAD;
            head[at] = byte;
            head
        }),
    ];
    (op, sha, ip_or_special(), mac(), ip(), head).prop_map(|(op, sha, sip, tha, tip, head)| {
        Body::Arp(Arp {
            op,
            sha,
            sip,
            tha,
            tip,
            head,
        })
    })
}

fn dhcp_message(src: MacAddr) -> impl Strategy<Value = Body> {
    let right =
        (ip_or_special(), ip_or_special(), 0..10u8).prop_map(move |(from, to, kind)| Dhcp {
            src: from,
            dst: to,
            message_type: kind,
            ..Dhcp::discover(src)
        });
    let change = prop_oneof![
        20 => Just((0u8, 0u8)),
        10 => (1..9u8, any::<u8>()),
    ];
    (right, change).prop_map(|(mut dhcp, (which, byte))| {
        match which {
            1 => dhcp.op = byte % 3,
            2 => dhcp.htype = byte % 3,
            3 => dhcp.hlen = byte % 18,
            4 => dhcp.giaddr = addr(byte % 4),
            5 => dhcp.chaddr = station(byte % STATIONS),
            6 => dhcp.cookie[usize::from(byte % 4)] ^= byte,
            7 => dhcp.length = usize::from(byte),
            8 => dhcp.fragment = [0x2000, 0x4000, 0x0001, 0x8000][usize::from(byte % 4)],
            _ => {}
        }
        Body::Dhcp(dhcp)
    })
}

fn port_number() -> impl Strategy<Value = u16> + Clone {
    prop_oneof![2 => Just(67), 2 => Just(68), 1 => any::<u16>()]
}

fn other_body() -> impl Strategy<Value = Body> {
    let ends = || (ip_or_special(), ip_or_special());
    let ports = || (port_number(), port_number());
    let udp = (ends(), ports()).prop_map(|((src, dst), (sport, dport))| Body::Udp {
        src,
        dst,
        sport,
        dport,
    });
    let tcp = (ends(), ports()).prop_map(|((src, dst), (sport, dport))| Body::Tcp {
        src,
        dst,
        sport,
        dport,
    });
    let fragment = prop_oneof![3 => Just(0), 1 => select(&[0x2000u16, 0x2001, 0x0001, 0x4000])];
    let payload = vec(any::<u8>(), 0..40);
    let proto = prop_oneof![Just(17u8), any::<u8>()];
    let ipv4 = (ends(), proto, fragment, payload.clone()).prop_map(
        |((src, dst), proto, fragment, payload)| Body::Ipv4 {
            src,
            dst,
            proto,
            fragment,
            payload,
        },
    );
    let neighbour = (
        select(&[135u8, 136][..]),
        ip6(),
        option::of((1..3u8, station_mac())),
    );
    let icmp = (
        select(&[1u8, 128, 130, 131, 133, 134, 135, 137, 143, 144][..]),
        0..2u8,
    );
    let carries = prop_oneof![
        2 => ports().prop_map(|(sport, dport)| Ipv6Body::Udp(sport, dport)),
        1 => (546..548u16, 546..548u16).prop_map(|(sport, dport)| Ipv6Body::Udp(sport, dport)),
        1 => ports().prop_map(|(sport, dport)| Ipv6Body::Tcp(sport, dport)),
        2 => (icmp, payload.clone()).prop_map(|((kind, code), rest)| Ipv6Body::Icmp(kind, code, rest)),
        2 => neighbour.prop_map(|(kind, target, option)| Ipv6Body::Neighbour(kind, target, option)),
    ];
    let ipv6 =
        (ip6(), ip6(), carries).prop_map(|(src, dst, carries)| Body::Ipv6 { src, dst, carries });
    let kind = prop_oneof![
        any::<u16>(),
        select(&[
            0x0806u16, 0x8035, 0x0800, 0x86dd, 0x8100, 0x88a8, 0x88cc, 0x05ff, 0x0600
        ]),
    ];
    let raw = (kind, payload).prop_map(|(kind, payload)| Body::Raw { kind, payload });
    prop_oneof![udp, tcp, ipv4, ipv6, raw]
}

fn body(src: MacAddr) -> impl Strategy<Value = Body> {
    let plain = prop_oneof![4 => arp(src), 4 => dhcp_message(src), 3 => other_body()];
    (plain, prop_oneof![20 => Just(false), 1 => Just(true)]).prop_map(|(body, snap)| {
        if snap {
            Body::Snap(Box::new(body))
        } else {
            body
        }
    })
}

/// A frame's bytes: well made, or cut short, or with a byte changed.
pub(crate) fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let tags = prop_oneof![5 => vec(tag(), 0..=0), 3 => vec(tag(), 1..=1), 1 => vec(tag(), 2..=3)];
    let frame = (source(), mac(), tags).prop_flat_map(|(src, dst, tags)| {
        body(src).prop_map(move |body| {
            let mut frame = Frame::new(src, dst, body);
            frame.tags.clone_from(&tags);
            frame.bytes()
        })
    });
    let harm = prop_oneof![
        8 => Just(None),
        1 => any::<(bool, prop::sample::Index, u8)>().prop_map(Some),
    ];
    (frame, harm).prop_map(|(mut bytes, harm)| {
        match harm {
            Some((true, at, _)) => bytes.truncate(14 + at.index(bytes.len() - 13)),
            Some((false, at, byte)) => {
                let at = 12 + at.index(bytes.len() - 12);
                bytes[at] = byte;
            }
            None => {}
        }
        bytes
    })
}

/// What connection tracking knows of a packet.
fn known() -> impl Strategy<Value = Arrival> {
    let connection = prop_oneof![
        4 => Just(Connection::Original),
        3 => Just(Connection::Admitted),
        3 => Just(Connection::Return),
        1 => Just(Connection::ReturnCut),
        1 => Just(Connection::Invalid),
    ];
    let rest = (any::<bool>(), prop::bool::weighted(0.15));
    (connection, rest).prop_map(|(connection, (is_entered, came_in_fragments))| Arrival {
        connection,
        is_entered,
        came_in_fragments,
    })
}

/// A frame with the datapath port that it comes in by, and its connection.
pub(crate) fn any_arrival() -> impl Strategy<Value = (u32, Vec<u8>, Arrival)> {
    (1..=NUMBERS, any_frame(), known()).prop_map(|(in_port, frame, mut known)| {
        // What was put together is whole.
        let key = super::extract::extract(&frame, in_port);
        let whole = key.is_some_and(|key| key.get_or_zero(weft_flow::Field::IpFrag) == 0);
        known.came_in_fragments &= whole;
        (in_port, frame, known)
    })
}

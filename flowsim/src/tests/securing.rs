//! Port security by examples: what a guest may say that it is.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use weft_evaluator::World;
use weft_topology::port::{AddressPair, PortSecurity};
use weft_topology::{MacAddr, Object};

use super::frame::{Arp, BROADCAST, Body, Dhcp, Frame, Ipv6Body};
use super::net::*;
use super::run::send;
use crate::{Reason, Violation};

/// The office, whose port 1 may speak for station 1 with the address 1 and fd00::1, and for station 9 with 10.0.0.64/28.
fn secured() -> World {
    let mut world = office();
    let pair = |n, prefix: &str| AddressPair {
        mac: station(n),
        prefix: prefix.parse::<IpNet>().unwrap(),
    };
    let pairs = vec![
        pair(1, "10.0.0.1/32"),
        pair(1, "fd00::1/128"),
        pair(9, "10.0.0.64/28"),
    ];
    for object in &mut world.objects {
        if let Object::Port(port) = object
            && port.id == port_id(1)
        {
            let port = std::sync::Arc::make_mut(port);
            port.security = Some(PortSecurity {
                pairs: pairs.clone(),
            });
        }
    }
    world
}

fn said(src: MacAddr, dst: MacAddr, body: Body) -> Option<Violation> {
    let frame = Frame::new(src, dst, body);
    match send(&secured(), 1, &frame.bytes()).unwrap().reason() {
        Reason::Security(port, violation) => {
            assert_eq!(port, port_id(1));
            Some(violation)
        }
        _ => None,
    }
}

fn udp(src: Ipv4Addr, sport: u16, dport: u16) -> Body {
    Body::Udp {
        src,
        dst: addr(2),
        sport,
        dport,
    }
}

fn ipv6(src: Ipv6Addr, dst: Ipv6Addr, carries: Ipv6Body) -> Body {
    Body::Ipv6 { src, dst, carries }
}

/// fe80:: with the interface id of a station's MAC.
fn link_local(n: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0x0800, 0xff, 0xfe00, n.into())
}

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

#[test]
fn a_guest_speaks_with_its_own_macs_and_addresses() {
    let to = station(2);
    assert_eq!(said(station(1), to, udp(addr(1), 5, 6)), None);
    assert_eq!(said(station(9), to, udp(addr(70), 5, 6)), None);
    assert_eq!(
        said(station(2), to, udp(addr(1), 5, 6)),
        Some(Violation::Mac)
    );
    // Each address with its own MAC.
    assert_eq!(
        said(station(1), to, udp(addr(70), 5, 6)),
        Some(Violation::Source)
    );
    assert_eq!(
        said(station(9), to, udp(addr(1), 5, 6)),
        Some(Violation::Source)
    );
    assert_eq!(
        said(station(9), to, udp(addr(80), 5, 6)),
        Some(Violation::Source)
    );
}

#[test]
fn arp_says_who_has_what_also_in_anothers_frame() {
    let arp = |sha, sip| Body::Arp(Arp::request(sha, sip, addr(3)));
    assert_eq!(said(station(1), BROADCAST, arp(station(1), addr(1))), None);
    assert_eq!(said(station(1), BROADCAST, arp(station(9), addr(65))), None);
    let probe = arp(station(1), Ipv4Addr::UNSPECIFIED);
    assert_eq!(said(station(1), BROADCAST, probe), None);
    for lie in [
        arp(station(1), addr(2)),
        arp(station(2), addr(1)),
        arp(station(9), addr(1)),
    ] {
        assert_eq!(said(station(1), BROADCAST, lie), Some(Violation::ArpSender));
    }
}

#[test]
fn a_dhcp_client_needs_no_address_and_a_server_is_nobody() {
    let discover = Body::Dhcp(Dhcp::discover(station(1)));
    assert_eq!(said(station(1), BROADCAST, discover), None);
    let server = udp(addr(1), 67, 68);
    assert_eq!(
        said(station(1), station(2), server),
        Some(Violation::DhcpServer)
    );
    let other = udp(Ipv4Addr::UNSPECIFIED, 68, 67);
    assert_eq!(said(station(1), station(2), other), Some(Violation::Source));
    let server = ipv6(addr6(1), addr6(2), Ipv6Body::Udp(547, 546));
    assert_eq!(
        said(station(1), station(2), server),
        Some(Violation::DhcpServer)
    );
}

#[test]
fn ipv6_is_spoken_from_an_address_of_a_pair_or_the_macs_own() {
    let to = station(2);
    let datagram = |src| ipv6(src, addr6(2), Ipv6Body::Udp(5, 6));
    assert_eq!(said(station(1), to, datagram(addr6(1))), None);
    assert_eq!(said(station(1), to, datagram(link_local(1))), None);
    assert_eq!(said(station(9), to, datagram(link_local(9))), None);
    for lie in [addr6(2), link_local(9), Ipv6Addr::UNSPECIFIED] {
        assert_eq!(
            said(station(1), to, datagram(lie)),
            Some(Violation::Source),
            "{lie}"
        );
    }
}

/// Neighbour discovery with an option that stands twice.
fn said_twice(kind: u8, target: Ipv6Addr, option: u8, macs: [MacAddr; 2]) -> Body {
    let mut rest = target.octets().to_vec();
    for mac in macs {
        rest.extend([option, 1]);
        rest.extend(mac.octets());
    }
    ipv6(addr6(1), ALL_NODES, Ipv6Body::Icmp(kind, 0, rest))
}

#[test]
fn neighbours_are_told_of_own_addresses_only_and_routers_are_others() {
    let neighbour =
        |src, kind, target, option| ipv6(src, ALL_NODES, Ipv6Body::Neighbour(kind, target, option));
    let to = MacAddr(0x33, 0x33, 0, 0, 0, 1);
    let right = [
        neighbour(addr6(1), 135, addr6(2), Some((1, station(1)))),
        neighbour(addr6(1), 136, addr6(1), Some((2, station(1)))),
        neighbour(addr6(1), 136, link_local(1), None),
        // Is my address taken (RFC 4862 §5.4.2)?
        neighbour(Ipv6Addr::UNSPECIFIED, 135, addr6(1), None),
        ipv6(
            Ipv6Addr::UNSPECIFIED,
            ALL_NODES,
            Ipv6Body::Icmp(143, 0, vec![0; 24]),
        ),
        ipv6(link_local(1), ALL_NODES, Ipv6Body::Icmp(133, 0, Vec::new())),
    ];
    for body in right {
        assert_eq!(said(station(1), to, body.clone()), None, "{body:?}");
    }
    let lies = [
        neighbour(addr6(1), 135, addr6(2), Some((1, station(2)))),
        neighbour(addr6(1), 136, addr6(2), Some((2, station(1)))),
        neighbour(addr6(1), 136, addr6(1), Some((2, station(2)))),
        neighbour(Ipv6Addr::UNSPECIFIED, 136, addr6(2), None),
        // Who reads the first option reads another's MAC; the kernel shows neither.
        said_twice(135, addr6(2), 1, [station(2), station(1)]),
        said_twice(135, addr6(2), 1, [station(1), station(1)]),
        said_twice(136, addr6(1), 2, [station(1), station(2)]),
    ];
    for body in lies {
        assert_eq!(
            said(station(1), to, body.clone()),
            Some(Violation::Neighbour),
            "{body:?}"
        );
    }
    let router = ipv6(
        link_local(1),
        ALL_NODES,
        Ipv6Body::Icmp(134, 0, vec![0; 12]),
    );
    assert_eq!(said(station(1), to, router), Some(Violation::Router));
}

#[test]
fn other_types_and_stacked_tags_are_refused() {
    let to = station(2);
    for kind in [0x88cc, 0x8035, 0x8847, 0x0026] {
        let body = Body::Raw {
            kind,
            payload: vec![0; 40],
        };
        assert_eq!(
            said(station(1), to, body),
            Some(Violation::EtherType),
            "{kind:#x}"
        );
    }
    let mut world = secured();
    for object in &mut world.objects {
        if let Object::Bridge(bridge) = object {
            std::sync::Arc::make_mut(bridge).vlan_aware = true;
        }
    }
    let tagged = Frame::new(station(1), to, udp(addr(1), 5, 6)).tagged(0x8100, 5);
    let reason = |frame: &Frame| send(&world, 1, &frame.bytes()).unwrap().reason();
    assert!(!matches!(reason(&tagged), Reason::Security(..)));
    let stacked = tagged.tagged(0x8100, 6);
    assert_eq!(
        reason(&stacked),
        Reason::Security(port_id(1), Violation::VlanStack)
    );
}

#[test]
fn what_a_spoofed_frame_says_is_not_learned_and_not_answered() {
    let request = Body::Arp(Arp::request(station(2), addr(2), addr(1)));
    let frame = Frame::new(station(1), BROADCAST, request);
    let seen = send(&secured(), 1, &frame.bytes()).unwrap();
    assert_eq!(seen.answer, None);
    assert!(seen.last().effects.is_empty());
}

//! Rule 10: what goes to DHCP.

mod common;

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use weft_evaluator::{Punt, Reason, World};
use weft_topology::MacAddr;
use weft_topology::dhcp::{DhcpHost, DhcpSubnet, SERVER_MAC};

use common::*;

/// The guest behind port 1 is a host of the subnet.
fn serving() -> World {
    let mut world = world();
    put(&mut world, a_subnet());
    put(&mut world, a_host(1));
    world
}

/// A request, field by field.
#[derive(Clone)]
struct Request {
    to: MacAddr,
    from: MacAddr,
    ip_to: Ipv4Addr,
    protocol: u8,
    fragment: u16,
    ports: (u16, u16),
    /// `op`, `htype`, `hlen`
    head: [u8; 3],
    giaddr: Ipv4Addr,
    chaddr: MacAddr,
    cookie: [u8; 4],
}

fn request() -> Request {
    Request {
        to: BROADCAST,
        from: mac(1),
        ip_to: Ipv4Addr::BROADCAST,
        protocol: 17,
        fragment: 0,
        ports: (68, 67),
        head: [1, 1, 6],
        giaddr: Ipv4Addr::UNSPECIFIED,
        chaddr: mac(1),
        cookie: [0x63, 0x82, 0x53, 0x63],
    }
}

impl Request {
    fn message(&self) -> Vec<u8> {
        concat(&[
            &self.head,
            &[0; 21],
            &self.giaddr.octets(),
            &self.chaddr.octets(),
            &[0; 202],
            &self.cookie,
            &[53, 1, 1, 255],
        ])
    }

    fn packet(&self) -> Vec<u8> {
        let message = self.message();
        let udp = u16::try_from(message.len() + 8).expect("short");
        concat(&[
            &[0x45, 0],
            &(udp + 20).to_be_bytes(),
            &[0, 0],
            &self.fragment.to_be_bytes(),
            &[64, self.protocol, 0, 0],
            &[0; 4],
            &self.ip_to.octets(),
            &self.ports.0.to_be_bytes(),
            &self.ports.1.to_be_bytes(),
            &udp.to_be_bytes(),
            &[0, 0],
            &message,
        ])
    }

    fn frame(&self) -> Vec<u8> {
        ethernet(self.to, self.from, &[8, 0], &self.packet())
    }
}

fn with(change: impl FnOnce(&mut Request)) -> Vec<u8> {
    let mut request = request();
    change(&mut request);
    request.frame()
}

fn is_taken(world: &mut World, frame: &[u8]) -> bool {
    let verdict = world.enter(at(0), 1, frame);
    let punt = Punt::Dhcp {
        subnet: a_subnet().id,
        host: a_host(1).id,
    };
    assert_eq!(verdict.reason == Reason::Dhcp, verdict.punt == Some(punt));
    if verdict.punt.is_some() {
        assert!(verdict.outputs.is_empty() && verdict.answer.is_none());
        assert!(world.learned.is_empty(), "a frame for DHCP teaches nothing");
    } else {
        assert_eq!(verdict.reason, Reason::FloodGroup);
        assert_eq!(world.learned.len(), 1);
    }
    verdict.punt.is_some()
}

#[test]
fn a_known_hosts_request_goes_to_dhcp_alone() {
    assert!(is_taken(&mut serving(), &request().frame()));
    assert!(is_taken(&mut serving(), &tagged(0, &request().frame())));
}

#[test]
fn a_request_may_be_sent_to_the_server_itself_by_whatever_mac() {
    for to in [SERVER_MAC, mac(9), BROADCAST] {
        let renewal = with(|request| (request.to, request.ip_to) = (to, addr(250)));
        assert!(is_taken(&mut serving(), &renewal));
    }
    assert!(!is_taken(
        &mut serving(),
        &with(|request| request.ip_to = addr(251))
    ));
    assert!(!is_taken(
        &mut serving(),
        &with(|request| request.ip_to = addr(255))
    ));
}

#[test]
fn another_enabled_subnets_server_counts_and_a_disabled_ones_does_not() {
    let prefix = Ipv4Net::new_assert([10, 1, 0, 0].into(), 24);
    let server = Ipv4Addr::new(10, 1, 0, 1);
    let renewal = with(|request| request.ip_to = server);
    for enabled in [true, false] {
        let mut world = serving();
        let mut other = a_subnet();
        other.id = DhcpSubnet::id_of(bridge(1), prefix);
        (other.prefix, other.server_addr, other.enabled) = (prefix, Some(server), enabled);
        put(&mut world, other);
        assert_eq!(is_taken(&mut world, &renewal), enabled);
    }
}

#[test]
fn an_unknown_station_and_another_bridges_host_are_ordinary_traffic() {
    let stranger = with(|request| (request.from, request.chaddr) = (mac(2), mac(2)));
    assert!(!is_taken(&mut serving(), &stranger));
    let verdict = serving().enter(at(0), 5, &request().frame());
    assert_eq!(verdict.reason, Reason::FloodGroup);
}

#[test]
fn a_disabled_subnets_host_is_ordinary_traffic() {
    let mut world = serving();
    let mut disabled = a_subnet();
    disabled.enabled = false;
    put(&mut world, disabled);
    assert!(!is_taken(&mut world, &request().frame()));
    remove(&mut world, a_subnet().id);
    world.learned.clear();
    assert!(!is_taken(&mut world, &request().frame()));
}

#[test]
fn of_two_subnets_with_the_host_the_first_prefix_counts() {
    for (third, enabled, taken) in [(9, false, true), (0, false, false)] {
        let prefix = Ipv4Net::new_assert([10, 0, third, 0].into(), 23);
        let mut other = a_subnet();
        other.id = DhcpSubnet::id_of(bridge(1), prefix);
        (other.prefix, other.enabled) = (prefix, enabled);
        let mut host = a_host(1);
        host.subnet = other.id;
        host.id = DhcpHost::id_of(other.id, host.mac);
        let mut world = serving();
        put(&mut world, other);
        put(&mut world, host);
        // 10.0.0.0/23 comes before 10.0.0.0/24, 10.0.9.0/23 after it.
        assert_eq!(is_taken(&mut world, &request().frame()), taken, "{prefix}");
    }
}

#[test]
fn only_the_clients_port_to_the_servers_is_looked_at() {
    for ports in [(67, 67), (68, 68), (67, 68), (68, 69), (0, 67)] {
        assert!(!is_taken(
            &mut serving(),
            &with(|request| request.ports = ports)
        ));
    }
    assert!(!is_taken(
        &mut serving(),
        &with(|request| request.protocol = 6)
    ));
}

#[test]
fn a_fragment_is_ordinary_traffic() {
    for fragment in [0x2000, 0x0001, 0x2001] {
        assert!(!is_taken(
            &mut serving(),
            &with(|request| request.fragment = fragment)
        ));
    }
    assert!(is_taken(
        &mut serving(),
        &with(|request| request.fragment = 0x4000)
    ));
}

#[test]
fn a_relayed_message_and_anothers_chaddr_are_ordinary_traffic() {
    assert!(!is_taken(
        &mut serving(),
        &with(|request| request.giaddr = addr(7))
    ));
    assert!(!is_taken(
        &mut serving(),
        &with(|request| request.chaddr = mac(2))
    ));
}

#[test]
fn what_is_no_dhcp_request_is_ordinary_traffic() {
    for head in [[2, 1, 6], [1, 6, 6], [1, 1, 7], [1, 1, 16]] {
        assert!(!is_taken(
            &mut serving(),
            &with(|request| request.head = head)
        ));
    }
    assert!(!is_taken(
        &mut serving(),
        &with(|request| request.cookie = [0; 4])
    ));
}

#[test]
fn lengths_must_agree() {
    let whole = request().frame();
    let patched = |at: usize, value: u16| {
        let mut frame = whole.clone();
        frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
        frame
    };
    let (ip_length, udp_length) = (14 + 2, 14 + 20 + 4);
    assert!(is_taken(&mut serving(), &patched(udp_length, 248)));
    for bad in [0, 7, 247, 253, 0xffff] {
        assert!(
            !is_taken(&mut serving(), &patched(udp_length, bad)),
            "UDP {bad}"
        );
    }
    for bad in [0, 19, 27, 271, 273, 0xffff] {
        assert!(
            !is_taken(&mut serving(), &patched(ip_length, bad)),
            "IP {bad}"
        );
    }
    for length in 14..whole.len() {
        assert!(
            !is_taken(&mut serving(), &whole[..length]),
            "cut to {length}"
        );
    }
    assert!(
        is_taken(&mut serving(), &concat(&[&whole, &[0; 9]])),
        "padding"
    );
}

#[test]
fn ip_options_are_stepped_over_and_the_version_is_four() {
    let packet = request().packet();
    let options = concat(&[&[0x46, 0, 1, 20], &packet[4..20], &[1; 4], &packet[20..]]);
    assert!(is_taken(
        &mut serving(),
        &ethernet(BROADCAST, mac(1), &[8, 0], &options)
    ));
    let version_six = concat(&[&[0x65], &packet[1..]]);
    assert!(!is_taken(
        &mut serving(),
        &ethernet(BROADCAST, mac(1), &[8, 0], &version_six)
    ));
    let short_header = concat(&[&[0x44], &packet[1..]]);
    assert!(!is_taken(
        &mut serving(),
        &ethernet(BROADCAST, mac(1), &[8, 0], &short_header)
    ));
}

#[test]
fn a_request_in_snap_or_in_a_vlan_is_ordinary_traffic() {
    let snap = [1, 24, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    let in_snap = ethernet(BROADCAST, mac(1), &snap, &request().packet());
    assert!(!is_taken(&mut serving(), &in_snap));
    let mut world = serving();
    let mut aware = a_bridge(1);
    aware.vlan_aware = true;
    put(&mut world, aware);
    assert!(!is_taken(&mut world, &tagged(7, &request().frame())));
}

#[test]
fn link_local_control_comes_before_dhcp() {
    let control = MacAddr(1, 0x80, 0xc2, 0, 0, 0);
    let verdict = serving().enter(at(0), 1, &with(|request| request.to = control));
    assert_eq!(verdict.reason, Reason::LinkLocalControl);
}

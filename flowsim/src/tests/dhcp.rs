//! Which DHCP messages the local service takes, and what it says.

use etherparse::SlicedPacket;
use weft_evaluator::World;
use weft_topology::Object;
use weft_topology::dhcp::{DhcpHost, DhcpSubnet, SERVER_MAC};

use super::frame::{BROADCAST, Body, Dhcp, Frame, Ipv6Body};
use super::net::*;
use super::run::{Seen, send};
use crate::{Effect, Install, PuntClass, Reason, Unanswered};

fn run(world: &World, frame: Frame) -> Seen {
    send(world, 1, &frame.bytes()).unwrap()
}

fn frame(dhcp: Dhcp) -> Frame {
    Frame::new(station(1), BROADCAST, Body::Dhcp(dhcp))
}

fn discover() -> Dhcp {
    Dhcp::discover(station(1))
}

fn host(world: &World) -> DhcpHost {
    let host = world.objects.iter().find_map(|object| match object {
        Object::DhcpHost(host) => Some(host.as_ref().clone()),
        _ => None,
    });
    host.unwrap()
}

fn change_subnet(world: &mut World, change: impl Fn(&mut DhcpSubnet)) {
    for object in &mut world.objects {
        if let Object::DhcpSubnet(subnet) = object {
            let mut changed = subnet.as_ref().clone();
            change(&mut changed);
            *object = changed.into();
        }
    }
}

/// It was given to the service, which handed it back.
fn is_handed_back(seen: &Seen) -> bool {
    seen.outcome.punt() == Some(PuntClass::Dhcp)
        && seen.last().reason == Reason::FloodGroup(bridge_id(0))
        && seen.last().install == Install::PerPacket
        && matches!(seen.last().effects[..], [Effect::Learn { .. }])
        && seen.outputs.len() == 3
}

#[test]
fn a_hosts_message_has_a_flow_of_its_own_and_is_answered_out_of_its_port() {
    let world = office();
    for frame in [frame(discover()), frame(discover()).tagged(0x8100, 0xe000)] {
        let seen = run(&world, frame);
        assert_eq!(seen.outcome.punt(), Some(PuntClass::Dhcp));
        assert_eq!(seen.outcome.install, Install::Flow);
        assert_eq!(seen.reason(), Reason::Dhcp(host(&world).id));
        assert!(seen.outputs.is_empty(), "it goes nowhere else");
        let (port, answer) = seen.answer.unwrap();
        assert_eq!(port, 1);
        let packet = SlicedPacket::from_ethernet(&answer).unwrap();
        let ethernet = packet
            .link
            .unwrap()
            .to_header()
            .unwrap()
            .ethernet2()
            .unwrap();
        assert_eq!(ethernet.source, SERVER_MAC.octets());
        assert_eq!(ethernet.destination, station(1).octets());
        let message = &answer[14 + 20 + 8..];
        assert_eq!(message[16..20], addr(1).octets(), "the host's address");
    }
}

#[test]
fn a_message_that_is_taken_teaches_nothing() {
    let seen = run(&office(), frame(discover()));
    assert!(seen.outcome.effects.is_empty());
    assert!(matches!(seen.last().effects[..], [Effect::Answer { .. }]));
}

#[test]
fn a_renewal_to_the_servers_address_is_taken_and_one_to_another_address_is_not() {
    let world = office();
    let renew = |dst| Dhcp {
        src: addr(1),
        dst,
        message_type: 3,
        ..discover()
    };
    let to_server = Frame::new(station(1), SERVER_MAC, Body::Dhcp(renew(addr(6))));
    let seen = run(&world, to_server);
    assert_eq!(seen.outcome.punt(), Some(PuntClass::Dhcp));
    let elsewhere = Frame::new(station(1), station(2), Body::Dhcp(renew(addr(2))));
    let seen = run(&world, elsewhere);
    assert_eq!(seen.reason(), Reason::FloodUnknown(bridge_id(0)));
}

#[test]
fn a_message_that_gets_no_answer_ends_with_the_servers_reason() {
    let world = office();
    let silent = [
        (
            "release",
            Dhcp {
                message_type: 7,
                ..discover()
            },
        ),
        (
            "server's message",
            Dhcp {
                message_type: 2,
                ..discover()
            },
        ),
    ];
    for (what, dhcp) in silent {
        let seen = run(&world, frame(dhcp));
        let host = host(&world).id;
        assert_eq!(seen.reason(), Reason::DhcpUnanswered(host), "{what}");
        assert!(seen.outputs.is_empty() && seen.answer.is_none(), "{what}");
        let [Effect::Unanswered { host: of, why }] = &seen.last().effects[..] else {
            panic!("{what}: {:?}", seen.last().effects);
        };
        assert_eq!(*of, host);
        assert!(matches!(why, Unanswered::Silent(_)), "{what}: {why}");
    }
    let mut bytes = frame(discover()).bytes();
    bytes[14 + 20 + 8 + 4] ^= 1;
    let seen = send(&world, 1, &bytes).unwrap();
    let why = &seen.last().effects;
    let headers = matches!(
        why[..],
        [Effect::Unanswered {
            why: Unanswered::Headers(_),
            ..
        }]
    );
    assert!(headers, "a wrong checksum: {why:?}");
}

#[test]
fn a_server_without_an_address_says_nothing() {
    let mut world = office();
    // 10.0.0.1/32 has one address, and the host has it.
    change_subnet(&mut world, |subnet| {
        subnet.prefix = "10.0.0.1/32".parse().unwrap();
        subnet.server_addr = None;
    });
    let seen = run(&world, frame(discover()));
    assert_eq!(seen.reason(), Reason::DhcpUnanswered(host(&world).id));
    let why = &seen.last().effects;
    assert!(matches!(
        why[..],
        [Effect::Unanswered {
            why: Unanswered::NoServer,
            ..
        }]
    ));
}

#[test]
fn messages_of_strangers_are_ordinary_traffic() {
    let world = office();
    let stranger = Frame::new(
        station(2),
        BROADCAST,
        Body::Dhcp(Dhcp::discover(station(2))),
    );
    let seen = run(&world, stranger);
    assert_eq!(seen.outcome.punt(), None);
    assert_eq!(seen.reason(), Reason::FloodGroup(bridge_id(0)));
    assert_eq!(seen.outcome.install, Install::Flow);

    let mut disabled = office();
    change_subnet(&mut disabled, |subnet| subnet.enabled = false);
    let seen = run(&disabled, frame(discover()));
    assert_eq!(seen.outcome.punt(), None);
    assert_eq!(seen.reason(), Reason::FloodGroup(bridge_id(0)));
}

#[test]
fn messages_that_do_not_speak_for_their_sender_are_handed_back() {
    let world = office();
    let look_alikes = [
        (
            "another's chaddr",
            Dhcp {
                chaddr: station(2),
                ..discover()
            },
        ),
        (
            "relayed",
            Dhcp {
                giaddr: addr(5),
                ..discover()
            },
        ),
        (
            "a reply",
            Dhcp {
                op: 2,
                ..discover()
            },
        ),
        (
            "token ring",
            Dhcp {
                htype: 6,
                ..discover()
            },
        ),
        (
            "long address",
            Dhcp {
                hlen: 16,
                ..discover()
            },
        ),
        (
            "plain BOOTP",
            Dhcp {
                cookie: [0; 4],
                ..discover()
            },
        ),
        (
            "no room for the cookie",
            Dhcp {
                length: 239,
                ..discover()
            },
        ),
        (
            "empty",
            Dhcp {
                length: 0,
                ..discover()
            },
        ),
    ];
    for (what, dhcp) in look_alikes {
        let seen = run(&world, frame(dhcp));
        assert!(is_handed_back(&seen), "{what}: {seen:?}");
    }
    let priority = frame(Dhcp {
        giaddr: addr(5),
        ..discover()
    });
    let seen = run(&world, priority.clone().tagged(0x8100, 0x2000));
    assert!(is_handed_back(&seen));
    assert_eq!(
        seen.outputs[&2],
        priority.bytes(),
        "forwarded without its priority tag"
    );
}

#[test]
fn lengths_that_do_not_fit_into_one_another_are_handed_back() {
    let world = office();
    let (ip, udp) = (14, 34);
    let wrong: [(&str, usize, u8); 5] = [
        ("IP version", ip, 0x65),
        ("IP length beyond the frame", ip + 2, 0xff),
        ("IP length within its header", ip + 3, 4),
        ("UDP length beyond the packet", udp + 4, 0xff),
        ("UDP length within its header", udp + 5, 7),
    ];
    for (what, at, byte) in wrong {
        let mut bytes = frame(discover()).bytes();
        if what.contains("within") {
            bytes[at - 1] = 0;
        }
        bytes[at] = byte;
        let seen = send(&world, 1, &bytes).unwrap();
        assert!(is_handed_back(&seen), "{what}: {seen:?}");
    }
}

#[test]
fn what_the_key_shows_to_be_no_clients_message_is_never_brought_up() {
    let world = office();
    let others = [
        (
            "server's port",
            frame(Dhcp {
                sport: 67,
                ..discover()
            }),
        ),
        (
            "to a client",
            frame(Dhcp {
                sport: 67,
                dport: 68,
                ..discover()
            }),
        ),
        (
            "first fragment",
            frame(Dhcp {
                fragment: 0x2000,
                ..discover()
            }),
        ),
        (
            "later fragment",
            frame(Dhcp {
                fragment: 0x0001,
                ..discover()
            }),
        ),
        (
            "IPv6",
            Frame::new(
                station(1),
                BROADCAST,
                Body::Ipv6 {
                    src: addr6(1),
                    dst: addr6(2),
                    carries: Ipv6Body::Udp(68, 67),
                },
            ),
        ),
    ];
    for (what, frame) in others {
        let seen = run(&world, frame);
        assert_eq!(seen.outcome.punt(), None, "{what}");
        assert_eq!(seen.reason(), Reason::FloodGroup(bridge_id(0)), "{what}");
    }
}

#[test]
fn dhcp_in_a_vlan_is_the_guests_own() {
    let mut world = office();
    let mut bridge = bridge(0);
    bridge.vlan_aware = true;
    world.objects[0] = bridge.into();
    let seen = run(&world, frame(discover()).tagged(0x8100, 5));
    assert_eq!(seen.reason(), Reason::FloodGroup(bridge_id(0)));
    assert_eq!(seen.outcome.punt(), None);
}

#[test]
fn user_data_names_its_class_and_nothing_else_does() {
    for &class in PuntClass::ALL {
        let action = class.action();
        assert_eq!(
            PuntClass::of_actions(std::slice::from_ref(&action)),
            Some(class)
        );
        let weft_flow::Action::Userspace(userspace) = action else {
            panic!("{class:?} is brought up by another action");
        };
        assert_eq!(PuntClass::from_userdata(&userspace.userdata), Some(class));
    }
    for foreign in [&[][..], &[0], &[1, 0], &[200]] {
        assert_eq!(PuntClass::from_userdata(foreign), None);
    }
}

/// The kernel shows no ports of such a packet; the parser does not lean on that.
#[test]
fn an_ip_header_of_less_than_twenty_bytes_is_no_clients_message() {
    let mut bytes = frame(discover()).bytes();
    assert!(crate::message::is_clients_own(&bytes, station(1)));
    bytes[14] = 0x44;
    assert!(!crate::message::is_clients_own(&bytes, station(1)));
}

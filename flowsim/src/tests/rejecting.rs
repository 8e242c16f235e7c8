//! What the sender of a rejected packet is told.

use etherparse::{Icmpv4Type, Icmpv6Type, NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use weft_evaluator::World;
use weft_topology::Object;
use weft_topology::chain::{Chain, Condition, Rule, RuleAction};
use weft_topology::id::{ChainId, RuleId};

use super::frame::{Body, Frame, Ipv6Body};
use super::net::*;
use super::run::send;
use crate::{PuntClass, Reason};

const RULE: RuleId = RuleId(uuid::Uuid::from_u128(0xd000));

/// The office, whose port 2 rejects all that would leave by it.
fn rejecting() -> World {
    let mut world = office();
    let chain = ChainId(uuid::Uuid::from_u128(0xc000));
    let rule = Rule {
        id: RULE,
        chain,
        condition: Condition::default(),
        action: RuleAction::Reject,
        log: None,
    };
    world.objects.push(rule.into());
    let rules = vec![RULE];
    let chain_object = Chain {
        id: chain,
        tenant_id: None,
        name: String::new(),
        rules,
    };
    world.objects.push(chain_object.into());
    world.objects.push(mac_entry(0, 0, station(2), 2).into());
    for object in &mut world.objects {
        if let Object::Port(port) = object
            && port.id == port_id(2)
        {
            std::sync::Arc::make_mut(port).outbound_filter = Some(chain);
        }
    }
    world
}

/// The answer to a frame's contents, sent from station 1 to station 2.
fn answer_to(bytes: &[u8]) -> Option<Vec<u8>> {
    let seen = send(&rejecting(), 1, bytes).unwrap();
    assert_eq!(seen.reason(), Reason::Rejected(RULE));
    assert_eq!(seen.outcome.punt(), Some(PuntClass::Reject));
    assert!(seen.outputs.is_empty());
    let (port, frame) = seen.answer?;
    assert_eq!(port, 1);
    assert_eq!(frame[..6], station(1).octets());
    assert_eq!(frame[6..12], station(2).octets());
    Some(frame)
}

fn frame(body: Body) -> Vec<u8> {
    Frame::new(station(1), station(2), body).bytes()
}

fn tcp(
    build: impl Fn(
        etherparse::PacketBuilderStep<etherparse::TcpHeader>,
    ) -> etherparse::PacketBuilderStep<etherparse::TcpHeader>,
) -> Vec<u8> {
    let step = PacketBuilder::ethernet2(station(1).octets(), station(2).octets())
        .ipv4(addr(1).octets(), addr(2).octets(), 9)
        .tcp(4_000, 80, 100, 500);
    let mut bytes = Vec::new();
    build(step).write(&mut bytes, b"hello").unwrap();
    bytes
}

#[test]
fn a_segment_is_answered_by_a_reset_that_its_sender_accepts() {
    let answer = answer_to(&tcp(|step| step.syn())).unwrap();
    let packet = SlicedPacket::from_ethernet(&answer).unwrap();
    let Some(TransportSlice::Tcp(reset)) = packet.transport else {
        panic!()
    };
    assert!(reset.rst() && reset.ack());
    // The SYN counts as one byte.
    assert_eq!(
        (reset.sequence_number(), reset.acknowledgment_number()),
        (0, 106)
    );
    assert_eq!((reset.source_port(), reset.destination_port()), (80, 4_000));
    let Some(NetSlice::Ipv4(ip)) = packet.net else {
        panic!()
    };
    let header = ip.header();
    assert_eq!(header.source_addr(), addr(2));
    assert_eq!(header.destination_addr(), addr(1));
    assert_eq!(
        header.header_checksum(),
        header.to_header().calc_header_checksum()
    );
    let checksum = reset.calc_checksum_ipv4(addr(2).octets(), addr(1).octets());
    assert_eq!(checksum.ok(), Some(reset.checksum()));

    let answer = answer_to(&tcp(|step| step.ack(777))).unwrap();
    let packet = SlicedPacket::from_ethernet(&answer).unwrap();
    let Some(TransportSlice::Tcp(reset)) = packet.transport else {
        panic!()
    };
    assert!(reset.rst() && !reset.ack());
    assert_eq!(reset.sequence_number(), 777);
}

#[test]
fn other_packets_are_answered_by_an_icmp_error_that_quotes_them() {
    let udp = frame(Body::Udp {
        src: addr(1),
        dst: addr(2),
        sport: 1,
        dport: 2,
    });
    let answer = answer_to(&udp).unwrap();
    let packet = SlicedPacket::from_ethernet(&answer).unwrap();
    let Some(TransportSlice::Icmpv4(icmp)) = packet.transport else {
        panic!()
    };
    let prohibited = etherparse::icmpv4::DestUnreachableHeader::FilterProhibited;
    assert_eq!(
        icmp.icmp_type(),
        Icmpv4Type::DestinationUnreachable(prohibited)
    );
    assert_eq!(icmp.payload(), &udp[14..]);
    assert!(icmp.header().checksum == icmp.icmp_type().calc_checksum(icmp.payload()));

    let udp = frame(Body::Ipv6 {
        src: addr6(1),
        dst: addr6(2),
        carries: Ipv6Body::Udp(1, 2),
    });
    let answer = answer_to(&udp).unwrap();
    let packet = SlicedPacket::from_ethernet(&answer).unwrap();
    let Some(TransportSlice::Icmpv6(icmp)) = packet.transport else {
        panic!()
    };
    let prohibited = etherparse::icmpv6::DestUnreachableCode::Prohibited;
    assert_eq!(
        icmp.icmp_type(),
        Icmpv6Type::DestinationUnreachable(prohibited)
    );
    assert_eq!(icmp.payload(), &udp[14..]);
    assert!(icmp.is_checksum_valid(addr6(2).octets(), addr6(1).octets()));
}

#[test]
fn what_may_be_an_answer_itself_is_not_answered() {
    let silent = [
        ("a reset", tcp(|step| step.rst())),
        ("an ICMP error", icmp(3)),
        ("a redirect", icmp(5)),
        ("time exceeded", icmp(11)),
        (
            "an ICMPv6 error",
            frame(Body::Ipv6 {
                src: addr6(1),
                dst: addr6(2),
                carries: Ipv6Body::Icmp(1, 0, vec![0; 48]),
            }),
        ),
        (
            "discovery of neighbours",
            frame(Body::Ipv6 {
                src: addr6(1),
                dst: addr6(2),
                carries: Ipv6Body::Neighbour(136, addr6(1), None),
            }),
        ),
        (
            "a later fragment",
            frame(Body::Ipv4 {
                src: addr(1),
                dst: addr(2),
                proto: 17,
                fragment: 3,
                payload: vec![0; 20],
            }),
        ),
        (
            "what comes from no address",
            frame(Body::Udp {
                src: std::net::Ipv4Addr::UNSPECIFIED,
                dst: addr(2),
                sport: 1,
                dport: 2,
            }),
        ),
        (
            "what goes to a group's address",
            frame(Body::Udp {
                src: addr(1),
                dst: std::net::Ipv4Addr::new(224, 0, 0, 1),
                sport: 1,
                dport: 2,
            }),
        ),
        (
            "what is not IP",
            frame(Body::Raw {
                kind: 0x88b5,
                payload: vec![0; 50],
            }),
        ),
    ];
    for (what, bytes) in silent {
        assert_eq!(answer_to(&bytes), None, "{what}");
    }
    assert!(answer_to(&icmp(8)).is_some(), "an echo request");
}

/// ICMP of a type, quoting an IP packet.
fn icmp(kind: u8) -> Vec<u8> {
    let mut payload = vec![kind, 0, 0, 0, 0, 0, 0, 0, 0x45, 0, 0, 28];
    payload.resize(8 + 28, 0);
    frame(Body::Ipv4 {
        src: addr(1),
        dst: addr(2),
        proto: 1,
        fragment: 0,
        payload,
    })
}

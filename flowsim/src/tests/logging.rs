//! Rules that log: for which packets, and at what cost in flows.

use weft_evaluator::{Arrival, Connection, World};
use weft_flow::{Field, FlowKey};
use weft_topology::Object;
use weft_topology::chain::{Chain, Condition, PortRange, Rule, RuleAction, Test};
use weft_topology::id::{ChainId, RuleId};

use super::extract::extract;
use super::frame::{Body, Frame, Ipv6Body};
use super::net::*;
use super::random::NOW;
use super::run::{judge, logged, send_through};
use crate::stages::STAGES;
use crate::{Logged, Pass, Reason, Said};

fn rule_id(n: u8) -> RuleId {
    RuleId(uuid::Uuid::from_u128(0xd000 + u128::from(n)))
}

/// The office, whose port 2 lets out replies, TCP to port 80 with a word in the log, and nothing else, with another.
/// Station n is at port n.
fn logging() -> World {
    let mut world = office();
    let id = ChainId(uuid::Uuid::from_u128(0xc000));
    let to_80 = Condition {
        destination_port: Some(Test {
            value: PortRange {
                first: 80,
                last: 80,
            },
            invert: false,
        }),
        ..Condition::default()
    };
    let returns = Condition {
        match_return_flow: true,
        ..Condition::default()
    };
    let rules = [
        (returns, RuleAction::Accept),
        (to_80, RuleAction::Accept),
        (Condition::default(), RuleAction::Drop),
    ];
    for (n, (condition, action)) in (0..).zip(rules) {
        let rule = Rule {
            id: rule_id(n),
            chain: id,
            condition,
            action,
            log: Some(format!("rule {n}")),
        };
        world.objects.push(rule.into());
    }
    let chain = Chain {
        id,
        tenant_id: None,
        name: String::new(),
        rules: (0..3).map(rule_id).collect(),
    };
    world.objects.push(chain.into());
    for n in 1..=2 {
        world.objects.push(mac_entry(0, 0, station(n), n).into());
    }
    for object in &mut world.objects {
        if let Object::Port(port) = object
            && port.id == port_id(2)
        {
            std::sync::Arc::make_mut(port).outbound_filter = Some(id);
        }
    }
    world
}

fn tcp(dport: u16) -> [Vec<u8>; 2] {
    let v4 = Body::Tcp {
        src: addr(1),
        dst: addr(2),
        sport: 4_000,
        dport,
    };
    let v6 = Body::Ipv6 {
        src: addr6(1),
        dst: addr6(2),
        carries: Ipv6Body::Tcp(4_000, dport),
    };
    [v4, v6].map(|body| Frame::new(station(1), station(2), body).bytes())
}

/// What is logged of a packet from station 1 to station 2.
fn of(world: &World, frame: &[u8], connection: Connection, is_entered: bool) -> Vec<Logged> {
    let known = Arrival {
        connection,
        is_entered,
        came_in_fragments: false,
    };
    let seen = send_through(STAGES, world, &snapshot(world), (1, frame, known), NOW);
    logged(&seen.unwrap())
}

#[test]
fn of_a_connection_the_first_packet_is_logged_and_each_that_is_denied() {
    let world = logging();
    let say = |n, said| {
        vec![Logged {
            rule: rule_id(n),
            said,
        }]
    };
    for frame in tcp(80) {
        let of = |connection, is_entered| of(&world, &frame, connection, is_entered);
        assert_eq!(of(Connection::Original, false), say(1, Said::Accept));
        assert_eq!(of(Connection::Original, true), []);
        assert_eq!(of(Connection::Return, true), []);
        assert_eq!(of(Connection::ReturnCut, true), []);
        assert_eq!(of(Connection::Invalid, false), []);
    }
    for frame in tcp(81) {
        for is_entered in [false, true] {
            let said = of(&world, &frame, Connection::Original, is_entered);
            assert_eq!(said, say(2, Said::Drop));
        }
    }
}

/// A packet's key in its second pass.
fn looked_up(frame: &[u8], mark: u32) -> FlowKey {
    let mut key = extract(frame, 1).unwrap();
    let pass = Pass {
        zone: 2,
        was_fragment: false,
    };
    key.set(Field::RecircId, pass.recirc_id().into())
        .set(Field::CtState, 0x21)
        .set(Field::CtZone, 2)
        .set(Field::CtMark, mark.into());
    key
}

#[test]
fn connections_that_a_rule_logs_share_two_flows() {
    let world = logging();
    let snapshot = snapshot(&world);
    for (one, other) in tcp(80).into_iter().zip(tcp(80)) {
        let (first, mut next) = (looked_up(&one, 0), looked_up(&other, 0));
        next.set(Field::TpSrc, 4_001);
        let entered = looked_up(&one, 77);
        let judged = judge(&world, &snapshot, &first, NOW);
        assert_eq!(judged.reason, Reason::Unicast(port_id(2)));
        assert!(Logged::copy_in(&judged.actions).is_some());
        let mask = judged.flow_mask(&first);
        let meets = |key: &FlowKey| {
            let alike = |(field, bits): (Field, u128)| {
                (key.get_or_zero(field) ^ first.get_or_zero(field)) & bits == 0
            };
            mask.fields().all(alike)
        };
        assert!(meets(&next), "another connection has a flow of its own");
        assert!(!meets(&entered), "what was entered is logged");
        let judged = judge(&world, &snapshot, &entered, NOW);
        assert!(Logged::copy_in(&judged.actions).is_none());
        // Where no rule logs, nothing asks.
        let silent = without_log(&world);
        let judged = judge(&silent, &super::net::snapshot(&silent), &first, NOW);
        assert_eq!(judged.mask.get(Field::CtMark), 0);
    }
}

fn without_log(world: &World) -> World {
    let mut world = world.clone();
    for object in &mut world.objects {
        if let Object::Rule(rule) = object {
            std::sync::Arc::make_mut(rule).log = None;
        }
    }
    world
}

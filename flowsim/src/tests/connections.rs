//! Connections: which zones a packet is looked up and entered in, pass by pass.

use weft_evaluator::World;
use weft_flow::action::Ct;
use weft_flow::present::ct_state;
use weft_flow::{Action, Field, FlowKey};
use weft_topology::chain::{Chain, Condition, PortRange, Rule, RuleAction, Test};
use weft_topology::id::{ChainId, RuleId};
use weft_topology::{MacAddr, Object};

use super::extract::extract;
use super::frame::{Body, Frame, Ipv6Body};
use super::net::*;
use super::random::NOW;
use super::run::judge;
use crate::{CUT, Outcome, Pass, Reason};

fn chain_id(n: u8) -> ChainId {
    ChainId(uuid::Uuid::from_u128(0xc000 + u128::from(n)))
}

pub(super) fn rule_id(chain: u8, n: u8) -> RuleId {
    RuleId(uuid::Uuid::from_u128(
        0xd000 + u128::from(chain) * 16 + u128::from(n),
    ))
}

/// A chain of these rules.
fn chain(n: u8, rules: Vec<(Condition, RuleAction)>) -> Vec<Object> {
    let list = Chain {
        id: chain_id(n),
        tenant_id: None,
        name: String::new(),
        rules: (0..).zip(&rules).map(|(at, _)| rule_id(n, at)).collect(),
    };
    let rules = (0..).zip(rules).map(|(at, (condition, action))| {
        Object::from(Rule {
            id: rule_id(n, at),
            chain: chain_id(n),
            condition,
            action,
            log: None,
        })
    });
    rules.chain([list.into()]).collect()
}

fn returns() -> Condition {
    Condition {
        match_return_flow: true,
        ..Condition::default()
    }
}

fn to_port(port: u16) -> Condition {
    let value = PortRange {
        first: port,
        last: port,
    };
    Condition {
        destination_port: Some(Test {
            value,
            invert: false,
        }),
        ..Condition::default()
    }
}

/// Chain 0: only replies. Chain 1: replies, and what goes to port 80. Chain 2: what goes to port 80, without state.
/// Ports 1 to 4 of the office with these chains (inbound, outbound) at the ports given; station n is at port n.
pub(super) fn office_with(filters: &[(u8, Option<u8>, Option<u8>)]) -> World {
    let mut world = office();
    let rest = || (Condition::default(), RuleAction::Drop);
    let accept = |condition| (condition, RuleAction::Accept);
    world
        .objects
        .extend(chain(0, vec![accept(returns()), rest()]));
    world.objects.extend(chain(
        1,
        vec![accept(returns()), accept(to_port(80)), rest()],
    ));
    world
        .objects
        .extend(chain(2, vec![accept(to_port(80)), rest()]));
    for n in 1..=4 {
        world.objects.push(mac_entry(0, 0, station(n), n).into());
    }
    for &(n, inbound, outbound) in filters {
        let port = world.objects.iter_mut().find_map(|object| match object {
            Object::Port(port) if port.id == port_id(n) => Some(std::sync::Arc::make_mut(port)),
            _ => None,
        });
        let port = port.unwrap();
        port.inbound_filter = inbound.map(chain_id);
        port.outbound_filter = outbound.map(chain_id);
    }
    world
}

pub(super) fn udp(from: u8, to: u8, dport: u16) -> FlowKey {
    let body = Body::Udp {
        src: addr(from),
        dst: addr(to),
        sport: 4_000,
        dport,
    };
    extract(
        &Frame::new(station(from), station(to), body).bytes(),
        from.into(),
    )
    .unwrap()
}

pub(super) fn looked_up(mut key: FlowKey, zone: u16, state: u8, mark: u32) -> FlowKey {
    let pass = Pass {
        zone,
        was_fragment: false,
    };
    key.set(Field::RecircId, pass.recirc_id().into())
        .set(Field::CtState, (state | ct_state::TRACKED).into())
        .set(Field::CtZone, zone.into())
        .set(Field::CtMark, mark.into());
    key
}

pub(super) fn run(world: &World, key: &FlowKey) -> Outcome {
    judge(world, &snapshot(world), key, NOW)
}

fn to_zone(zone: u16) -> Vec<Action> {
    let pass = Pass {
        zone,
        was_fragment: false,
    };
    let ct = Ct {
        zone,
        ..Ct::default()
    };
    vec![Action::Ct(ct), Action::Recirc(pass.recirc_id())]
}

fn commit(zone: u16, outcome: &Outcome) -> Action {
    let mark = outcome.conversation.unwrap().mark();
    Action::Ct(Ct {
        zone,
        commit: true,
        mark: Some((mark, u32::MAX)),
        ..Ct::default()
    })
}

#[test]
fn without_a_rule_that_asks_no_packet_is_looked_up() {
    let world = office_with(&[(1, Some(2), None), (2, None, Some(2))]);
    let outcome = run(&world, &udp(1, 2, 80));
    assert_eq!(outcome.actions, [Action::Output(2)]);
    assert_eq!(outcome.conversation, None);
}

#[test]
fn an_original_packet_enters_the_zones_of_both_ends() {
    let world = office_with(&[(1, Some(1), Some(0)), (2, Some(0), Some(1))]);
    let first = run(&world, &udp(1, 2, 80));
    assert_eq!(first.actions, to_zone(1));
    assert_eq!(first.reason, Reason::Tracked(port_id(1)));
    for state in [ct_state::NEW, ct_state::ESTABLISHED] {
        let outcome = run(&world, &looked_up(udp(1, 2, 80), 1, state, 0));
        let expected = [commit(1, &outcome), commit(2, &outcome), Action::Output(2)];
        assert_eq!(outcome.actions, expected);
        assert!(outcome.conversation.unwrap().mark() & CUT == 0);
    }
}

#[test]
fn a_reply_enters_nothing_and_passes_the_other_ends_zone() {
    let world = office_with(&[(1, Some(1), Some(0)), (2, Some(0), Some(1))]);
    let reply = || udp(2, 1, 4_000);
    assert_eq!(run(&world, &reply()).actions, to_zone(2));
    let zone_1 = Action::Ct(Ct {
        zone: 1,
        ..Ct::default()
    });
    for state in [ct_state::ESTABLISHED | ct_state::REPLY, ct_state::RELATED] {
        let outcome = run(&world, &looked_up(reply(), 2, state, 7));
        assert_eq!(outcome.actions, [zone_1.clone(), Action::Output(1)]);
    }
    // What may answer may not begin.
    let outcome = run(&world, &looked_up(reply(), 2, ct_state::NEW, 0));
    assert_eq!(outcome.reason, Reason::Filtered(rule_id(0, 1)));
}

#[test]
fn a_reply_in_a_connection_that_was_cut_is_dropped_and_an_original_packet_heals_it() {
    let world = office_with(&[(1, Some(1), Some(0)), (2, Some(0), Some(1))]);
    let state = ct_state::ESTABLISHED | ct_state::REPLY;
    let outcome = run(&world, &looked_up(udp(2, 1, 4_000), 2, state, CUT | 7));
    assert_eq!(outcome.reason, Reason::Cut(port_id(2)));
    let original = looked_up(udp(1, 2, 80), 1, ct_state::ESTABLISHED, CUT | 7);
    let outcome = run(&world, &original);
    assert_eq!(outcome.actions[0], commit(1, &outcome));
}

#[test]
fn an_invalid_packet_is_dropped_before_any_rule() {
    let world = office_with(&[(1, Some(1), Some(0))]);
    let outcome = run(&world, &looked_up(udp(1, 2, 80), 1, ct_state::INVALID, 0));
    assert_eq!(outcome.reason, Reason::InvalidConnection(port_id(1)));
}

#[test]
fn where_no_rule_asks_at_the_port_of_entry_the_other_ends_zone_answers() {
    let world = office_with(&[(2, Some(0), Some(1))]);
    assert_eq!(run(&world, &udp(1, 2, 80)).actions, to_zone(2));
    let outcome = run(&world, &looked_up(udp(1, 2, 80), 2, ct_state::NEW, 0));
    assert_eq!(outcome.actions, [commit(2, &outcome), Action::Output(2)]);
    let reply = looked_up(udp(1, 2, 9), 2, ct_state::ESTABLISHED | ct_state::REPLY, 0);
    assert_eq!(run(&world, &reply).actions, [Action::Output(2)]);
}

#[test]
fn groups_and_discovery_of_neighbours_are_judged_without_a_look_up() {
    let world = office_with(&[(1, Some(1), Some(0)), (2, Some(0), Some(1))]);
    let to_all = Frame::new(
        station(1),
        MacAddr::broadcast(),
        Body::Udp {
            src: addr(1),
            dst: addr(7),
            sport: 1,
            dport: 80,
        },
    );
    let outcome = run(&world, &extract(&to_all.bytes(), 1).unwrap());
    assert_eq!(outcome.reason, Reason::FloodGroup(bridge_id(0)));
    assert!(
        !outcome
            .actions
            .iter()
            .any(|action| matches!(action, Action::Ct(_)))
    );

    let advertisement = |kind| {
        let body = Body::Ipv6 {
            src: addr6(1),
            dst: addr6(2),
            carries: Ipv6Body::Icmp(kind, 0, Vec::new()),
        };
        extract(&Frame::new(station(1), station(2), body).bytes(), 1).unwrap()
    };
    for kind in (130..=137).chain([143]) {
        let outcome = run(&world, &advertisement(kind));
        assert_eq!(
            outcome.reason,
            Reason::Filtered(rule_id(1, 2)),
            "type {kind}"
        );
    }
    for kind in [128, 129, 138, 142, 144] {
        assert_eq!(
            run(&world, &advertisement(kind)).actions,
            to_zone(1),
            "type {kind}"
        );
    }
}

#[test]
fn fragments_are_put_together_where_a_rule_reads_ports_and_nowhere_else() {
    let fragment = |offset| {
        let body = Body::Ipv4 {
            src: addr(1),
            dst: addr(2),
            proto: 17,
            fragment: offset,
            payload: vec![0; 16],
        };
        extract(&Frame::new(station(1), station(2), body).bytes(), 1).unwrap()
    };
    let pass = Pass {
        zone: 1,
        was_fragment: true,
    };
    let (first, later) = (fragment(0x2000), fragment(0x0002));
    for world in [
        office_with(&[(1, Some(2), None)]),
        office_with(&[(2, None, Some(2))]),
    ] {
        for key in [&first, &later] {
            let outcome = run(&world, key);
            assert_eq!(
                outcome.actions.last(),
                Some(&Action::Recirc(pass.recirc_id()))
            );
        }
    }
    for key in [&first, &later] {
        let outcome = run(&office_with(&[]), key);
        assert_eq!(outcome.actions, [Action::Output(2)]);
    }
    // Still in pieces after that: it never ends in a circle.
    let mut stuck = first.clone();
    stuck
        .set(Field::RecircId, pass.recirc_id().into())
        .set(Field::CtZone, 1);
    let outcome = run(&office_with(&[(1, Some(2), None)]), &stuck);
    assert_eq!(outcome.reason, Reason::Untrackable(port_id(1)));
}

#[test]
fn the_mark_is_of_the_conversation_and_not_of_the_rules() {
    let open = office_with(&[(1, Some(1), Some(0)), (2, Some(0), Some(1))]);
    let other = office_with(&[(1, Some(1), Some(0)), (2, None, None)]);
    let mark = |world: &World, key| {
        run(world, &looked_up(key, 1, ct_state::NEW, 0))
            .conversation
            .unwrap()
            .mark()
    };
    assert_eq!(mark(&open, udp(1, 2, 80)), mark(&other, udp(1, 2, 80)));
    assert_ne!(mark(&open, udp(1, 2, 80)), mark(&other, udp(1, 3, 80)));
}

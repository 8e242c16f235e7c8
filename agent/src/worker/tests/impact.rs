//! What is said of a change is what the change does.

use std::ops::ControlFlow;
use std::time::Duration;

use uuid::Uuid;
use weft_topology::chain::{Chain, Condition, PortRange, Rule, RuleAction, Test};
use weft_topology::id::{ChainId, RuleId};
use weft_topology::policy::Established;
use weft_topology::{Change, ObjectId};
use weft_wire::impact::{Effect, Extent, Impact, ImpactResult};

use super::stage::Stage;
use super::topology::{mac, port, port_id, put};
use crate::hot::{Hot, Limits};

const REPLIES: u128 = 1;
const TO_53: u128 = 2;
const TO_54: u128 = 3;
const LOCAL_EXPERIMENT: u128 = 4;
const REST: u128 = 5;

fn chain_id() -> ChainId {
    ChainId(Uuid::from_u128(500))
}

fn rule_id(n: u128) -> RuleId {
    RuleId(Uuid::from_u128(600 + n))
}

/// The chain with these rules.
fn chain(rules: &[u128]) -> Change {
    put(Chain {
        id: chain_id(),
        tenant_id: Some("demo".to_owned()),
        name: "in".to_owned(),
        rules: rules.iter().map(|n| rule_id(*n)).collect(),
    })
}

fn rule(n: u128) -> Change {
    let to = |port| Condition {
        protocol: Some(Test {
            value: 17,
            invert: false,
        }),
        destination_port: Some(Test {
            value: PortRange {
                first: port,
                last: port,
            },
            invert: false,
        }),
        ..Condition::default()
    };
    let (condition, action) = match n {
        REPLIES => (
            Condition {
                match_return_flow: true,
                ..Condition::default()
            },
            RuleAction::Accept,
        ),
        TO_53 => (to(53), RuleAction::Accept),
        TO_54 => (to(54), RuleAction::Accept),
        LOCAL_EXPERIMENT => (
            Condition {
                ether_type: Some(Test {
                    value: 0x88b5,
                    invert: false,
                }),
                ..Condition::default()
            },
            RuleAction::Accept,
        ),
        _ => (Condition::default(), RuleAction::Drop),
    };
    put(Rule {
        id: rule_id(n),
        chain: chain_id(),
        condition,
        action,
        log: None,
    })
}

/// A datagram between the stations behind two ports.
fn datagram(from: u8, to: u8, ports: (u16, u16)) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend([10, 0, 0, from, 10, 0, 0, to]);
    packet.extend(ports.0.to_be_bytes());
    packet.extend(ports.1.to_be_bytes());
    packet.extend([0, 16, 0, 0]);
    packet.extend([7; 8]);
    let (to, from) = (mac(to).octets(), mac(from).octets());
    [&to[..], &from[..], &[0x08, 0x00], &packet].concat()
}

/// Ports 1 to 3, of which 2 has the chain. 1 has connections with it to 53 and to 54, and a flow without.
fn stage() -> Stage {
    let limits = Limits {
        flows_per_port: 1_000,
        connections_per_zone: 100,
        punts_per_port: 3,
        fragments_per_port: 100,
        logs_per_port: 1,
        log_burst: 2,
    };
    let mut stage = Stage::with_limits(3, limits);
    stage.acquaint(&[1, 2, 3]);
    let all = [REPLIES, TO_53, TO_54, LOCAL_EXPERIMENT, REST];
    let mut changes: Vec<Change> = all.iter().map(|n| rule(*n)).collect();
    changes.push(chain(&all));
    let mut filtered = port(2);
    filtered.outbound_filter = Some(chain_id());
    changes.push(put(filtered));
    stage.change(&changes);
    for to in [53, 54] {
        stage.inject(1, &datagram(1, 2, (4_000, to)));
        stage.inject(2, &datagram(2, 1, (to, 4_000)));
        assert_eq!((stage.sent(1).len(), stage.sent(2).len()), (1, 1), "{to}");
    }
    stage.send(1, 2);
    assert_eq!(stage.sent(2).len(), 1);
    stage
}

fn impact(stage: &Stage, changes: &[Change]) -> (Vec<Impact>, ImpactResult) {
    let mut said = Vec::new();
    let each = &mut |impact| {
        said.push(impact);
        ControlFlow::Continue(())
    };
    let recent = Duration::from_secs(60);
    let result = stage.workers.impact(changes, recent, each).unwrap();
    (said, result)
}

fn without(gone: u128) -> Vec<Change> {
    let left = [REPLIES, TO_53, TO_54, LOCAL_EXPERIMENT, REST];
    let left: Vec<u128> = left.into_iter().filter(|n| *n != gone).collect();
    let rule = ObjectId::from(rule_id(gone));
    vec![chain(&left), Change::Gone(rule)]
}

#[test]
fn a_rule_that_would_go_names_its_connection_and_no_other_and_nothing_is_done() {
    let mut stage = stage();
    let changes = without(TO_53);
    let mut said = Vec::new();
    let writes = stage.writes_of(|stage| said = impact(stage, &changes).0);
    assert_eq!((writes.puts, writes.set_actions, writes.deletes), (0, 0, 0));
    assert_eq!(stage.counter("connections_cut"), 0);
    let [Impact::Connection(lost)] = &said[..] else {
        panic!("{said:?}")
    };
    let end = |of: &weft_wire::impact::End| (of.address.to_string(), of.port, of.vif);
    let from = ("10.0.0.1".to_owned(), Some(4_000), Some(port_id(1)));
    assert_eq!(end(&lost.from), from);
    let to = ("10.0.0.2".to_owned(), Some(53), Some(port_id(2)));
    assert_eq!(end(&lost.to), to);
    assert_eq!((lost.effect, lost.entries), (Effect::Cut, 1));
    assert!(lost.answered);
    let by: Vec<RuleId> = lost.allowed_by.iter().map(|rule| rule.rule).collect();
    assert_eq!(by, [rule_id(TO_53)]);
    let denies = lost.denied_by.rule.as_ref().unwrap();
    assert_eq!(denies.rule, rule_id(REST));
    assert_eq!(
        (denies.chain_name.as_str(), denies.owner.as_deref()),
        ("in", Some("demo"))
    );
    // And that is what it then does.
    stage.change(&changes);
    stage.events();
    assert_eq!(stage.counter("connections_cut"), 1);
    for (to, sent) in [(53, 0), (54, 1)] {
        stage.inject(2, &datagram(2, 1, (to, 4_000)));
        assert_eq!(stage.sent(1).len(), sent, "{to}");
    }
    assert_eq!(impact(&stage, &changes).0, []);
}

#[test]
fn a_flow_that_would_lose_a_port_is_named_and_one_without_traffic_is_not() {
    let stage = stage();
    // Of all flows to 2, one has a packet from now on.
    stage.pass(61_000);
    stage.send(1, 2);
    let changes = without(LOCAL_EXPERIMENT);
    let (said, result) = impact(&stage, &changes);
    let [Impact::Flow(lost)] = &said[..] else {
        panic!("{said:?}")
    };
    assert_eq!(
        (lost.vif, &lost.lost[..]),
        (Some(port_id(1)), &["tap2".to_owned()][..])
    );
    assert_eq!(lost.extent, Extent::All);
    let by: Vec<RuleId> = lost.allowed_by.iter().map(|rule| rule.rule).collect();
    assert_eq!(by, [rule_id(LOCAL_EXPERIMENT)]);
    assert_eq!(lost.denied_by.rule.as_ref().unwrap().rule, rule_id(REST));
    assert_eq!(result.connections, 2);
    stage.pass(61_000);
    assert_eq!(impact(&stage, &changes).0, []);
}

#[test]
fn a_port_that_would_go_ends_its_connections_and_one_that_would_be_down_stops_them() {
    let stage = stage();
    let gone = [Change::Gone(port_id(2).into())];
    let mut down = port(2);
    down.outbound_filter = Some(chain_id());
    down.admin_state_up = false;
    for (changes, effect, entries, reason) in [
        (&gone[..], Effect::Ends, 1, "port-gone"),
        (&[put(down)], Effect::Stops, 0, "egress-down"),
    ] {
        let (said, _) = impact(&stage, changes);
        let connections: Vec<_> = said
            .iter()
            .filter_map(|impact| match impact {
                Impact::Connection(lost) => Some(lost),
                Impact::Flow(_) => None,
            })
            .collect();
        assert_eq!(connections.len(), 2, "{said:?}");
        for lost in connections {
            assert_eq!((lost.effect, lost.entries), (effect, entries));
            assert_eq!(lost.denied_by.reason, reason);
        }
    }
}

#[test]
fn what_would_be_kept_is_not_named_and_the_end_of_keeping_cuts_at_once() {
    let mut stage = stage();
    let (keeps, tags) = stage.snapshot.with_established(Established::Keep);
    stage.publish(keeps, tags);
    let changes = without(TO_53);
    assert_eq!(impact(&stage, &changes).0, []);
    stage.change(&changes);
    stage.events();
    assert_eq!(stage.counter("connections_cut"), 0);
    stage.inject(1, &datagram(1, 2, (4_000, 53)));
    stage.inject(2, &datagram(2, 1, (53, 4_000)));
    assert_eq!(
        (stage.sent(1).len(), stage.sent(2).len()),
        (1, 1),
        "it is kept"
    );
    stage.inject(1, &datagram(1, 2, (4_001, 53)));
    assert_eq!(stage.sent(2).len(), 0, "and this one is new");
    let (severs, tags) = stage.snapshot.with_established(Established::Sever);
    stage.publish(severs, tags);
    stage.events();
    assert_eq!(stage.counter("connections_cut"), 1);
    stage.inject(1, &datagram(1, 2, (4_000, 53)));
    stage.inject(2, &datagram(2, 1, (53, 4_000)));
    assert_eq!(
        (stage.sent(1).len(), stage.sent(2).len()),
        (0, 0),
        "it is cut"
    );
}

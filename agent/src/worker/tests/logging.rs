//! Rules that log, and what is told of drops.

use weft_flow::Action;
use weft_flowsim::{Logged, Metered};
use weft_topology::Change;
use weft_topology::chain::{Chain, Condition, Rule, RuleAction};
use weft_topology::id::{ChainId, RuleId};
use weft_wire::why::Way;

use super::stage::Stage;
use super::topology::{frame, mac, port, port_id, put};
use crate::hot::{Hot, Limits};

fn chain_id() -> ChainId {
    ChainId(uuid::Uuid::from_u128(700))
}

fn rule_id() -> RuleId {
    RuleId(uuid::Uuid::from_u128(701))
}

fn rule(action: RuleAction, logs: bool) -> Change {
    put(Rule {
        id: rule_id(),
        chain: chain_id(),
        condition: Condition::default(),
        action,
        log: logs.then(|| "seen".to_owned()),
    })
}

/// The chain that a port's packets out have to pass.
fn filter(n: u8, action: RuleAction, logs: bool) -> Vec<Change> {
    let chain = Chain {
        id: chain_id(),
        tenant_id: Some("acme".to_owned()),
        name: "door".to_owned(),
        rules: vec![rule_id()],
    };
    let mut filtered = port(n);
    filtered.outbound_filter = Some(chain_id());
    vec![put(chain), rule(action, logs), put(filtered)]
}

fn stage() -> Stage {
    let limits = Limits {
        flows_per_port: 1_000,
        connections_per_zone: 1,
        punts_per_port: 3,
        fragments_per_port: 100,
        logs_per_port: 1,
        log_burst: 4,
    };
    let stage = Stage::with_limits(3, limits);
    stage.acquaint(&[1, 2]);
    stage
}

/// The counts of flows that have become drops are believed from the second dump on.
fn count(stage: &mut Stage) {
    stage.pass(2_000);
    stage.sweep();
    stage.sweep();
}

#[test]
fn a_dropped_packet_is_logged_once_whether_it_makes_the_flow_or_meets_it() {
    let mut stage = stage();
    stage.change(&filter(2, RuleAction::Drop, true));
    let number = stage.number(1);
    let flow = stage.flow(1, mac(2)).unwrap();
    let copy = Logged::copy_in(&flow.actions).unwrap();
    assert_eq!(flow.actions.len(), 1);
    let Action::Clone(inner) = copy else {
        panic!("{copy:?}")
    };
    assert_eq!(inner[0], Action::Meter(Metered::Log.meter(number)));
    stage.send(1, 2);
    assert_eq!(stage.counter("rules_logged"), 1);
    // One that comes up: its flow is not there yet.
    stage.inject(1, &frame(mac(3), mac(2), 1));
    assert_eq!(stage.counter("rules_logged"), 2);
    assert!(stage.sent(2).is_empty());
    // Beyond the rate they are counted.
    for _ in 0..10 {
        stage.send(1, 2);
    }
    assert_eq!(stage.counter("rules_logged"), 4);
    assert_eq!(stage.counter("rules_not_logged"), 8);
    count(&mut stage);
    assert_eq!(stage.drops(1, "filtered"), 12);
    assert_eq!(stage.drops(1, "meter-log"), 0, "a copy is no packet");
}

#[test]
fn what_is_accepted_without_connections_is_logged_and_goes_on() {
    let mut stage = stage();
    stage.change(&filter(2, RuleAction::Accept, true));
    stage.send(1, 2);
    stage.send(1, 2);
    assert_eq!(stage.sent(2).len(), 2);
    assert_eq!(stage.counter("rules_logged"), 2);
}

#[test]
fn a_rule_begins_and_ceases_to_log_in_place() {
    let mut stage = stage();
    stage.change(&filter(2, RuleAction::Drop, false));
    stage.send(1, 2);
    let before = stage.flow(1, mac(2)).unwrap();
    assert!(before.actions.is_empty());
    for logs in [true, false] {
        let written = stage.writes_of(|stage| stage.change(&[rule(RuleAction::Drop, logs)]));
        assert_eq!((written.puts, written.deletes), (0, 0));
        assert!(written.set_actions >= 1);
        let now = stage.flow(1, mac(2)).unwrap();
        assert_eq!(now.ufid, before.ufid);
        assert_eq!(Logged::copy_in(&now.actions).is_some(), logs);
        stage.send(1, 2);
        assert_eq!(stage.counter("rules_logged"), 1);
    }
    count(&mut stage);
    assert_eq!(stage.drops(1, "filtered"), 3);
}

#[test]
fn an_agent_that_comes_back_keeps_flows_that_log_and_counts_what_they_dropped() {
    let mut stage = stage();
    stage.change(&filter(2, RuleAction::Drop, true));
    stage.send(1, 2);
    stage.sweep();
    let noted = stage.workers.accounts().unwrap();
    (0..3).for_each(|_| stage.send(1, 2));
    let snapshot = stage.snapshot.clone();
    stage.restart_with(snapshot, noted);
    let written = stage.writes_of(Stage::sweep);
    // The socket is another one, so the actions are; the flow stays.
    assert_eq!((written.puts, written.deletes), (0, 0));
    stage.sweep();
    assert_eq!(stage.drops(1, "filtered"), 4);
    stage.send(1, 2);
    assert_eq!(stage.counter("rules_logged"), 1);
}

#[test]
fn both_ends_are_told_what_was_dropped_by_which_rule() {
    let mut stage = stage();
    stage.change(&filter(2, RuleAction::Drop, false));
    (0..5).for_each(|_| stage.send(1, 2));
    stage.pass(1_500);
    for (n, way, other) in [(1, Way::From, 2), (2, Way::To, 1)] {
        let why = stage.workers.why(port_id(n)).unwrap();
        assert!(why.is_here && why.problem.is_none(), "{why:?}");
        let [story] = &why.drops[..] else {
            panic!("{why:?}");
        };
        assert_eq!((story.way, story.packets), (way, 5));
        assert_eq!(story.other, Some(port_id(other)));
        assert_eq!(story.reason, "filtered");
        assert_eq!(story.ago_ms, Some(1_500));
        let packet = story.packet.as_deref().unwrap();
        assert_eq!(packet, "type 0x88b5 02:00:00:00:00:01 → 02:00:00:00:00:02");
        let rule = story.rule.as_ref().unwrap();
        assert_eq!((rule.id, rule.place), (rule_id(), 1));
        assert_eq!(rule.chain_name, "door");
        assert_eq!(rule.tenant.as_deref(), Some("acme"));
    }
    assert!(stage.workers.why(port_id(3)).unwrap().drops.is_empty());
    // The rule goes, and the story stays.
    stage.change(&[Change::Gone(rule_id().into())]);
    let why = stage.workers.why(port_id(2)).unwrap();
    assert_eq!(why.drops.len(), 1);
    assert!(why.drops[0].rule.is_none());
}

#[test]
fn what_a_flood_does_not_bring_to_a_port_is_told_there() {
    let mut stage = stage();
    stage.change(&filter(2, RuleAction::Drop, false));
    let group = weft_topology::MacAddr(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
    (0..3).for_each(|_| stage.inject(1, &frame(mac(1), group, 1)));
    assert_eq!(stage.sent(3).len(), 3);
    let why = stage.workers.why(port_id(2)).unwrap();
    assert_eq!(why.drops.len(), 1, "{why:?}");
    assert_eq!((why.drops[0].way, why.drops[0].packets), (Way::To, 3));
    assert!(stage.workers.why(port_id(1)).unwrap().drops.is_empty());
}

#[test]
fn a_port_that_is_not_here_or_down_says_so() {
    let mut stage = stage();
    let problem = |stage: &Stage, n| stage.workers.why(port_id(n)).unwrap().problem;
    let mut down = port(1);
    down.admin_state_up = false;
    stage.change(&[put(down), put(port(4))]);
    assert_eq!(problem(&stage, 1).unwrap(), "it is administratively down");
    assert_eq!(problem(&stage, 2), None);
    assert_eq!(problem(&stage, 4).unwrap(), "it is not bound to any host");
    assert_eq!(
        problem(&stage, 9).unwrap(),
        "this host has nothing to do with it"
    );
    let mut drops = stage.workers.why(port_id(1)).unwrap().drops;
    assert!(drops.is_empty());
    stage.send(1, 2);
    drops = stage.workers.why(port_id(1)).unwrap().drops;
    assert_eq!(drops[0].reason, "port-down");
}

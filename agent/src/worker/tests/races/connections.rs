//! The warden against the workers: what is cut, when, and by whose conversation.

use weft_flowsim::CUT;
use weft_ovs::conntrack::{Entry, Filter};
use weft_ovs::{Conntrack, Datapath};
use weft_topology::chain::{Chain, Condition, Rule, RuleAction, Test};
use weft_topology::id::{ChainId, RuleId};
use weft_topology::{Change, Object};

use super::super::stage::Stage;
use super::super::topology::{mac, port, put};
use super::{are_right, in_force, inject, join, schedules};
use crate::sync::model;

const CHAIN: ChainId = ChainId(uuid::Uuid::from_u128(0xc0));
const RETURNS: RuleId = RuleId(uuid::Uuid::from_u128(0xd0));
const WEB: RuleId = RuleId(uuid::Uuid::from_u128(0xd1));
const REST: RuleId = RuleId(uuid::Uuid::from_u128(0xd2));

fn rule(id: RuleId, action: RuleAction, condition: Condition) -> Object {
    Rule {
        id,
        chain: CHAIN,
        condition,
        action,
        log: (id == WEB).then(|| "web".to_owned()),
    }
    .into()
}

fn chain(rules: &[RuleId]) -> Change {
    put(Chain {
        id: CHAIN,
        tenant_id: None,
        name: "web".to_owned(),
        rules: rules.to_vec(),
    })
}

/// The station behind port 2 may be asked by TCP, and answers; nothing else reaches it.
fn guarded() -> Stage {
    let mut stage = Stage::new(3);
    let tcp = Condition {
        protocol: Some(Test {
            value: 6,
            invert: false,
        }),
        ..Condition::default()
    };
    let returns = Condition {
        match_return_flow: true,
        ..Condition::default()
    };
    let mut behind = port(2);
    behind.outbound_filter = Some(CHAIN);
    stage.change(&[
        put(rule(RETURNS, RuleAction::Accept, returns)),
        put(rule(WEB, RuleAction::Accept, tcp)),
        put(rule(REST, RuleAction::Drop, Condition::default())),
        chain(&[RETURNS, WEB, REST]),
        put(behind),
    ]);
    stage
}

/// A segment in the middle of a connection, from one station to another.
fn segment(from: u8, to: u8) -> Vec<u8> {
    let parts: [&[u8]; 10] = [
        &mac(to).octets(),
        &mac(from).octets(),
        &[0x08, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0],
        &[10, 0, 0, from, 10, 0, 0, to],
        &[0x10, from, 0, 80],
        &[0, 0, 0, 1],
        &[0, 0, 0, 1],
        &[0x50, 0x10, 0x10, 0],
        &[0; 4],
        &[],
    ];
    parts.concat()
}

fn entries(stage: &Stage) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut table: Box<dyn Conntrack> = stage.datapath.conntrack().unwrap();
    let each = &mut |entry: Result<Entry, _>| found.push(entry.unwrap());
    table.list(Filter::default(), each).unwrap();
    found
}

/// Entries are looked at when every worker is past the epoch: no flow is left that would heal what is cut. And what
/// conversation a flow enters is told before the flow is there.
#[test]
fn all_that_a_change_denies_is_cut_when_it_is_in_force_and_stays_so() {
    model(schedules(200), || {
        let mut stage = guarded();
        stage.send(2, 1);
        stage.inject(1, &segment(1, 2));
        assert!(!entries(&stage).is_empty(), "there is a connection");
        let talks = [
            inject(&stage, 1, vec![segment(1, 2); 2]),
            // Whose connection begins at the same time.
            inject(&stage, 3, vec![segment(3, 2); 2]),
        ];
        in_force(
            &mut stage,
            &[Change::Gone(WEB.into()), chain(&[RETURNS, REST])],
        );
        let uncut = |entry: &Entry| entry.mark & !CUT != 0 && entry.mark & CUT == 0;
        for entry in entries(&stage) {
            assert!(!uncut(&entry), "{entry:#?}");
        }
        join(talks);
        stage.settle();
        stage.forget_sent();
        stage.inject(1, &segment(1, 2));
        assert!(stage.sent(2).is_empty());
        for entry in entries(&stage) {
            assert!(!uncut(&entry), "healed: {entry:#?}");
        }
        assert_eq!(stage.counter("connections_unknown"), 0);
        are_right(&stage);
    });
}

/// Flows are put one after the other, while packets pass: that of a later pass before the one that leads there.
#[test]
fn packets_that_begin_a_connection_together_are_logged_once() {
    // So many that some come while the first one's flows are put.
    const FRAMES: usize = 120;
    model(schedules(40), || {
        let stage = guarded();
        stage.send(2, 1);
        join([inject(&stage, 1, vec![segment(1, 2); FRAMES])]);
        stage.settle();
        assert_eq!(stage.counter("rules_logged"), 1);
        assert_eq!(stage.sent(2).len(), FRAMES);
        are_right(&stage);
    });
}

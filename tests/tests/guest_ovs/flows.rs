//! Flows: put, changed, dumped, deleted, in batches.

use std::collections::BTreeSet;

use weft_flow::{Action, Ufid};
use weft_ovs::{Datapath, DumpedFlow, Error, FlowStats, Op, OpReply, PutMode, Writes};

use super::support::{Match, Port, apply, datapath, frame};

fn dump(datapath: &mut dyn Datapath) -> Vec<DumpedFlow> {
    let mut flows = Vec::new();
    datapath
        .flows(&mut |flow| flows.push(flow.unwrap()))
        .unwrap();
    flows
}

fn stats(datapath: &mut dyn Datapath, ufid: Ufid) -> FlowStats {
    datapath.flow(ufid).unwrap().unwrap().stats
}

#[test]
fn a_flow_carries_packets_and_counts_them_also_after_its_actions_changed() {
    let mut datapath = datapath();
    let mut one = Port::new(&mut datapath, "tap0");
    let mut two = Port::new(&mut datapath, "tap1");
    let flow = Match::port(one.number());
    let there = [Action::Output(two.number())];
    apply(&mut datapath, flow.put(&there, PutMode::Create)).unwrap();
    assert_eq!(stats(&mut datapath, flow.ufid()), FlowStats::default());

    let sent = frame(0x02_00_00_00_00_02, b"to the other port");
    one.tap.send(&sent);
    assert_eq!(two.tap.receive(), sent);
    let after_one = stats(&mut datapath, flow.ufid());
    assert_eq!((after_one.packets, after_one.bytes), (1, sent.len() as u64));
    assert!(
        after_one
            .idle
            .is_some_and(|idle| idle < super::support::PATIENCE)
    );

    let back = [Action::Output(two.number()), Action::Output(two.number())];
    let change = Op::SetActions {
        ufid: flow.ufid(),
        key: &flow.key,
        mask: &flow.mask,
        actions: &back,
        anew: false,
    };
    let OpReply::Stats(until_now) = apply(&mut datapath, change).unwrap() else {
        panic!("a change says what the flow had seen");
    };
    assert_eq!(until_now.packets, 1);
    one.tap.send(&sent);
    assert_eq!(
        (two.tap.receive(), two.tap.receive()),
        (sent.clone(), sent.clone())
    );
    let found = datapath.flow(flow.ufid()).unwrap().unwrap();
    assert_eq!(found.actions, back);
    assert_eq!(found.stats.packets, 2);
    let dumped = dump(&mut datapath);
    let stats_of_now = dumped[0].stats;
    assert_eq!(
        dumped,
        [DumpedFlow {
            stats: stats_of_now,
            ..found
        }]
    );

    let last = apply(&mut datapath, Op::Delete { ufid: flow.ufid() }).unwrap();
    let OpReply::Stats(last) = last else {
        panic!("{last:?}");
    };
    assert_eq!((last.packets, last.bytes), (2, 2 * sent.len() as u64));
    assert_eq!(datapath.flow(flow.ufid()).unwrap(), None);
    let gone = apply(&mut datapath, Op::Delete { ufid: flow.ufid() }).unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone:?}");
}

#[test]
fn a_dumped_flow_is_the_one_that_was_put() {
    let mut datapath = datapath();
    let flow = Match::to(3, 0x02_00_00_00_00_03);
    let actions = [
        Action::PushVlan {
            tpid: 0x8100,
            tci: 0x1005,
        },
        Action::Output(4),
        Action::PopVlan,
    ];
    apply(&mut datapath, flow.put(&actions, PutMode::Create)).unwrap();
    let [dumped] = &dump(&mut datapath)[..] else {
        panic!("one flow was put");
    };
    assert_eq!(dumped.ufid, Some(flow.ufid()));
    assert_eq!(dumped.actions, actions);
    assert!(flow.mask.agree(&dumped.key, &flow.key), "{:?}", dumped.key);
    assert!(dumped.mask.covers(&flow.mask), "{:?}", dumped.mask);
    assert_eq!(Ufid::of(&dumped.key, &dumped.mask), flow.ufid());
}

#[test]
fn a_flow_that_a_wider_one_covers_is_refused() {
    let mut datapath = datapath();
    let wide = Match::port(1);
    let narrow = Match::to(1, 0x02_00_00_00_00_02);
    apply(&mut datapath, wide.put(&[], PutMode::Create)).unwrap();
    for mode in [PutMode::Create, PutMode::CreateOrModify] {
        let error = apply(&mut datapath, narrow.put(&[], mode)).unwrap_err();
        assert!(matches!(error, Error::FlowExists { .. }), "{error:?}");
        assert!(
            error.to_string().contains(&narrow.ufid().to_string()),
            "{error}"
        );
    }
    let again = apply(&mut datapath, wide.put(&[], PutMode::Create)).unwrap_err();
    assert!(matches!(again, Error::FlowExists { .. }), "{again:?}");
    let actions = [Action::Output(1)];
    apply(&mut datapath, wide.put(&actions, PutMode::CreateOrModify)).unwrap();
    assert_eq!(
        datapath.flow(wide.ufid()).unwrap().unwrap().actions,
        actions
    );
    assert_eq!(datapath.info().unwrap().flows, 1);
}

#[test]
fn of_a_batch_of_50_only_the_failing_member_fails() {
    let mut datapath = datapath();
    let flows: Vec<_> = (0..50)
        .map(|n| Match::to(1, 0x02_00_00_00_01_00 + n))
        .collect();
    let twice = Match::to(1, 0x02_00_00_00_01_07);
    apply(&mut datapath, twice.put(&[], PutMode::Create)).unwrap();
    let before = datapath.writes();
    let ops: Vec<_> = flows
        .iter()
        .map(|flow| flow.put(&[], PutMode::Create))
        .collect();
    let mut results = Vec::new();
    datapath.apply(&ops, &mut results);
    for (at, result) in results.iter().enumerate() {
        match at {
            7 => assert!(
                matches!(result, Err(Error::FlowExists { .. })),
                "{result:?}"
            ),
            _ => assert!(matches!(result, Ok(OpReply::Done)), "{at}: {result:?}"),
        }
    }
    let after = datapath.writes();
    assert_eq!(after.puts - before.puts, 50);
    assert_eq!(after.batches - before.batches, 1);
    assert_eq!(datapath.info().unwrap().flows, 50);
}

#[test]
fn an_operation_that_cannot_be_said_fails_alone() {
    let mut datapath = datapath();
    let (first, last) = (Match::to(1, 1), Match::to(1, 2));
    let mut bad = Match::to(1, 3);
    bad.key.set(weft_flow::Field::TpSrc, 1); // a port of no protocol
    let ops = [
        first.put(&[], PutMode::Create),
        bad.put(&[], PutMode::Create),
        last.put(&[], PutMode::Create),
    ];
    let mut results = Vec::new();
    datapath.apply(&ops, &mut results);
    assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
    assert!(
        matches!(results[1], Err(Error::BadRequest { .. })),
        "{results:?}"
    );
    assert_eq!(datapath.info().unwrap().flows, 2);
}

#[test]
fn thousands_of_flows_are_put_in_batches_dumped_and_deleted() {
    const COUNT: u64 = 3000;
    let mut datapath = datapath();
    let flows: Vec<_> = (0..COUNT)
        .map(|n| Match::to(1, 0x02_00_00_01_00_00 + n))
        .collect();
    let ops: Vec<_> = flows
        .iter()
        .map(|flow| flow.put(&[], PutMode::Create))
        .collect();
    let mut results = Vec::new();
    let mut fork = datapath.fork().unwrap();
    fork.apply(&ops, &mut results);
    assert!(results.iter().all(Result::is_ok));
    let found: BTreeSet<_> = dump(&mut datapath)
        .iter()
        .map(|flow| flow.ufid.unwrap())
        .collect();
    assert_eq!(found, flows.iter().map(Match::ufid).collect());
    let ops: Vec<_> = found.iter().map(|&ufid| Op::Delete { ufid }).collect();
    datapath.apply(&ops, &mut results);
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Ok(OpReply::Stats(_))))
    );
    assert_eq!(dump(&mut datapath), []);
    assert_eq!(
        datapath.writes(),
        Writes {
            puts: COUNT,
            deletes: COUNT,
            batches: 2 * COUNT.div_ceil(50),
            datapath: 1,
            ..Writes::default()
        }
    );
}

//! What the agent itself does for a packet, without the kernel: its parts, and all of it.

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use weft_flow::{Action, FlowMask, Ufid, decode_key, encode_actions, encode_key, encode_mask};
use weft_flowsim::{Learned, Probe, Scratch, Time, simulate};

use weft_topology::MacAddr;
use weft_topology::id::{BridgeId, PortId};

#[path = "../../flowsim/tests/support/rules.rs"]
mod rules;
#[path = "../tests/support/scene.rs"]
mod scene;
#[path = "../tests/support/sink.rs"]
mod sink;

use sink::Sink;

/// Nobody is known, so that a bridge of two floods to the other port.
struct Elsewhere;

impl Learned for Elsewhere {
    fn mac(&self, _: BridgeId, _: u16, _: MacAddr, _: Time) -> Option<PortId> {
        None
    }
}

/// Packets in one go through the workers.
const PACKETS: u64 = 2_000;

fn parts(criterion: &mut Criterion) {
    let (snapshot, _) = scene::snapshot();
    let key = scene::packet_key();
    let mut attrs = Vec::new();
    let _ = encode_key(&key, &mut attrs);
    criterion.bench_function("decode: key of an upcall", |bencher| {
        bencher.iter(|| decode_key(black_box(&attrs)));
    });
    let mut scratch = Scratch::new();
    criterion.bench_function("simulate: to the other port of a bridge", |bencher| {
        bencher.iter(|| {
            let mut probe = Probe::new(black_box(&key), &[], &Elsewhere, Time(0), &mut scratch);
            let outcome = simulate(&snapshot, &mut probe);
            let reason = outcome.reason;
            scratch.recycle(outcome);
            reason
        });
    });
    let mut mask = FlowMask::new();
    for (field, _) in key.fields() {
        mask.add_field(field);
    }
    criterion.bench_function("id of a flow", |bencher| {
        bencher.iter(|| Ufid::of(black_box(&key), &mask));
    });
    let (actions, mut out) = ([Action::Output(2)], Vec::new());
    criterion.bench_function("encode: key, mask and actions of a flow", |bencher| {
        bencher.iter(|| {
            out.clear();
            encode_key(black_box(&key), &mut out)
                .and_then(|()| encode_mask(&mask, &key, &mut out))
                .and_then(|()| encode_actions(&actions, &mut out))
        });
    });
}

/// Through port security and 64 rules on each end.
fn groups(criterion: &mut Criterion) {
    for groups in [rules::Groups::Stateless, rules::Groups::Stateful] {
        let (snapshot, key) = (rules::snapshot(groups), rules::datagram(groups));
        let mut scratch = Scratch::new();
        let name = format!("simulate: {} rules on each end, {groups:?}", rules::RULES);
        criterion.bench_function(&name, |bencher| {
            bencher.iter(|| {
                let known = &rules::Known;
                let mut probe = Probe::new(black_box(&key), &[], known, Time(0), &mut scratch);
                let outcome = simulate(&snapshot, &mut probe);
                let reason = outcome.reason;
                scratch.recycle(outcome);
                reason
            });
        });
    }
}

fn whole(criterion: &mut Criterion) {
    let sink = Sink::start();
    sink.pass(PACKETS);
    assert!(sink.flows() > 0, "no flow was made");
    let mut group = criterion.benchmark_group("worker");
    group.throughput(Throughput::Elements(1));
    group.bench_function("upcall to batch, a new flow each", |bencher| {
        bencher.iter_custom(|iterations| {
            let began = Instant::now();
            sink.pass(iterations.max(1));
            began.elapsed()
        });
    });
    group.finish();
}

criterion_group!(benches, parts, groups, whole);
criterion_main!(benches);

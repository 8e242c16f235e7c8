//! A trace, held against the kernel: for random topologies and packets, `weft trace` is asked first, then the packet is
//! sent for real. By which taps it leaves, its bytes, and the counters of the flows that the trace names are compared;
//! at the end, the sums.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fastrand::Rng;
use weft_flow::text::Actions;
use weft_flow::{Action, Field, FlowKey, Ufid, parse_flow};
use weft_ovs::{Datapath, DumpedFlow, KernelDatapath};
use weft_tests::share::share;
use weft_wire::control::TraceResult;

use super::books::Books;
use super::packets::{Packet, Source};
use super::stage::Stage;
use super::topology::{NOTHING, file, homes, tap};
use super::{datapath, flows, say, seed};

/// Topologies between two that have the ports on other bridges.
const ERA: u64 = 4;
/// A flow that was idle for so long may leave at any time.
const MAY_LEAVE: Duration = Duration::from_secs(7);

/// What was compared.
#[derive(Debug, Default)]
struct Compared {
    packets: u64,
    /// Packets that met a flow in all their passes, whose counters were compared.
    hits: u64,
    /// Passes beyond the first.
    passes: u64,
    copies: u64,
    answers: u64,
}

#[test]
fn what_a_trace_says_is_what_the_kernel_does_and_every_packet_ends_once() {
    let (seed, topologies) = (seed(), share("WEFT_TOPOLOGIES", 4));
    let packets = share("WEFT_PACKETS", 30);
    let mut random = Rng::with_seed(seed);
    let mut stage = Stage::start("truth");
    let (mut books, mut compared) = (Books::default(), Compared::default());
    let (mut kernel, mut known) = (datapath(), Known::default());
    let mut places = Vec::new();
    for n in 0..topologies {
        if n % ERA == 0 {
            stage.apply(NOTHING);
            places = homes(&mut random);
        }
        let text = file(&mut random, &places);
        stage.apply(&text);
        if n % ERA == 0 {
            stage.bound();
        }
        let began = Instant::now();
        let mut upcalls = stage.settle(0).unwrap();
        stage.drain();
        known.refresh();
        let mut source = Source::default();
        for nth in 0..packets {
            let packet = source.next(&mut random);
            // The second time it meets the flows that the first has made.
            for again in 0..2 {
                let context = || format!("WEFT_SEED={seed}, topology {n}, packet {nth}.{again}");
                compare(
                    &mut stage,
                    &mut kernel,
                    (&mut known, &mut upcalls),
                    &packet,
                    &mut books,
                    &mut compared,
                )
                .unwrap_or_else(|wrong| panic!("{}: {wrong}\n{packet:02x?}\n{text}", context()));
            }
        }
        say(&format!("topology {n}: {} s", began.elapsed().as_secs()));
    }
    say(&format!("{compared:?}, WEFT_SEED={seed}"));
    let sent = topologies * packets;
    assert!(compared.packets > sent, "{compared:?}");
    assert!(compared.hits > sent / 2, "{compared:?}");
    assert!(
        compared.passes > sent / 20 && compared.answers > 0,
        "{compared:?}"
    );
    books.balance(&stage);
    stage.was_audited();
}

/// The flows of the kernel, as last dumped: complete as long as none has come since.
#[derive(Default)]
struct Known {
    flows: Vec<DumpedFlow>,
}

/// The flow of a pass, if it is to have one, and what the kernel has of it: one, if two do not say the same.
struct Expected {
    text: String,
    there: Vec<DumpedFlow>,
}

impl Known {
    fn refresh(&mut self) {
        self.flows = flows();
    }

    /// The flows that a packet meets in a pass: the one that a trace names, or one that was kept through a change and
    /// asks for more. Of what the table of connections says only what the trace depends on is known.
    fn met(&self, packet: &FlowKey, text: &str) -> Result<Vec<Ufid>, String> {
        let (named, mask) = parse_flow(text).map_err(|error| format!("{text}: {error}"))?;
        let meets = |flow: &&DumpedFlow| {
            flow.mask.fields().all(|(field, bits)| {
                let is_said = (Field::CtState..=Field::CtTpDst).contains(&field);
                let (value, bits) = match is_said || field == Field::RecircId {
                    true => (named.get_or_zero(field), bits & mask.get(field)),
                    false => (packet.get_or_zero(field), bits),
                };
                (value ^ flow.key.get_or_zero(field)) & bits == 0
            })
        };
        let met = self.flows.iter().filter(meets);
        Ok(met.filter_map(|flow| flow.ufid).collect())
    }
}

fn compare(
    stage: &mut Stage,
    kernel: &mut KernelDatapath,
    (known, upcalls_so_far): (&mut Known, &mut u64),
    packet: &Packet,
    books: &mut Books,
    compared: &mut Compared,
) -> Result<(), String> {
    let trace = stage.trace(packet.port, &packet.bytes);
    if is_put_together(packet, &trace) {
        // The kernel keeps it until the others come.
        return Ok(());
    }
    let number = stage.numbers[&packet.port];
    let before = expected(kernel, known, (packet, number), &trace)
        .map_err(|wrong| format!("{wrong}\n{trace:#?}"))?;
    let upcalls = *upcalls_so_far;
    stage.peer(packet.port).send_raw(&packet.bytes).unwrap();
    let is_there = |flow: &Option<Expected>| flow.as_ref().is_some_and(|it| !it.there.is_empty());
    let hits = before.iter().all(is_there);
    let comes_up = trace
        .passes
        .iter()
        .any(|pass| pass.actions.contains("userspace("));
    if !hits || comes_up {
        *upcalls_so_far = stage
            .settle(upcalls + 1)
            .map_err(|wrong| format!("{wrong}\n{trace:#?}"))?;
    }
    if !hits {
        known.refresh();
    }
    let differs = |what: String| Err(format!("{what}\n{trace:#?}"));

    let mut wanted: BTreeMap<u8, usize> = BTreeMap::new();
    for output in &trace.outputs {
        let n = output.strip_prefix("tap-").and_then(|n| n.parse().ok());
        *wanted.entry(n.unwrap_or(0)).or_default() += 1;
    }
    let seen = stage.received(&wanted);
    let counts: BTreeMap<u8, usize> = seen.iter().map(|(n, frames)| (*n, frames.len())).collect();
    if counts != wanted {
        return differs(format!(
            "frames came out of {counts:?}, a trace says {wanted:?}: {seen:02x?}"
        ));
    }
    for (n, frames) in &seen {
        for frame in frames {
            match *n == packet.port {
                true if frame.get(..6) != packet.bytes.get(6..12)
                    && frame.get(..6) != Some(&[0xff; 6]) =>
                {
                    return differs(format!("the answer is not for the sender: {frame:02x?}"));
                }
                true => compared.answers += 1,
                false if !as_sent(packet, &trace).contains(frame) => {
                    return differs(format!("{} got other bytes: {frame:02x?}", tap(*n)));
                }
                false => compared.copies += 1,
            }
        }
    }
    let changed = trace.steps.iter().any(|step| step.what.contains("teaches"));
    let after = match changed {
        // What it taught may have changed them.
        true => Vec::new(),
        false => expected(kernel, known, (packet, number), &trace)
            .map_err(|wrong| format!("{wrong}\n{trace:#?}"))?,
    };
    // One that nothing had met may have been old enough to leave; then the packet came up.
    let may_leave = |flow: &Expected| flow.there.iter().any(|flow| flow.stats.idle.is_none());
    let may_leave = before.iter().flatten().any(may_leave);
    match counters(&before, &after) {
        Err(wrong) if !(may_leave && stage.upcalls() > upcalls) => return differs(wrong),
        _ => {}
    }

    compared.packets += 1;
    compared.hits += u64::from(hits);
    compared.passes += trace.passes.len() as u64 - 1;
    books.sent += 1;
    let is_answered = seen.contains_key(&packet.port);
    match (is_answered, seen.is_empty()) {
        // Whether its sender was told or not.
        _ if trace.reason.contains("rejected by rule") => {
            books.drop(stage.ports[&packet.port], &trace.reason);
        }
        (true, _) => books.taken += 1,
        (false, false) => books.delivered += 1,
        (false, true) if trace.reason.contains("gets no answer") => books.taken += 1,
        (false, true) => books.drop(stage.ports[&packet.port], &trace.reason),
    }
    Ok(())
}

/// Whether it is a fragment that has to be put together with others before it is judged.
fn is_put_together(packet: &Packet, trace: &TraceResult) -> bool {
    let key = weft_ovs::extract(&packet.bytes);
    let is_fragment = key.is_some_and(|key| key.get_or_zero(Field::IpFrag) != 0);
    is_fragment && trace.passes.len() > 1
}

/// The flows that the packet's passes meet. What these do must be what the trace says.
fn expected(
    kernel: &mut KernelDatapath,
    known: &Known,
    (packet, number): (&Packet, u32),
    trace: &TraceResult,
) -> Result<Vec<Option<Expected>>, String> {
    let (mut all, mut bytes) = (Vec::new(), packet.bytes.clone());
    for pass in &trace.passes {
        let mut key = weft_ovs::extract(&bytes).ok_or("no key")?;
        key.set(Field::InPort, number.into());
        if pass.actions.starts_with("pop_vlan") {
            bytes.drain(12..16);
        }
        let Some(text) = &pass.flow else {
            all.push(None);
            continue;
        };
        let mut there = Vec::new();
        for ufid in known.met(&key, text)? {
            let Some(flow) = kernel.flow(ufid).unwrap() else {
                continue;
            };
            let does = Actions(&without_socket(&flow.actions)).to_string();
            if does != pass.actions {
                return Err(format!(
                    "{flow:?} does {does}, a trace says {}",
                    pass.actions
                ));
            }
            there.push(flow);
        }
        let text = text.clone();
        all.push(Some(Expected { text, there }));
    }
    Ok(all)
}

/// Actions as a trace shows them: with no upcall socket.
fn without_socket(actions: &[Action]) -> Vec<Action> {
    let mut actions = actions.to_vec();
    for action in &mut actions {
        if let Action::Userspace(userspace) = action {
            userspace.pid = 0;
        }
    }
    actions
}

/// That each flow that was there has met this packet once, and each that was not is there.
fn counters(before: &[Option<Expected>], after: &[Option<Expected>]) -> Result<(), String> {
    for (before, after) in before.iter().zip(after) {
        let (Some(before), Some(after)) = (before, after) else {
            continue;
        };
        let text = &before.text;
        let met = |of: &Expected| of.there.iter().map(|flow| flow.stats.packets).sum::<u64>();
        let has_left = before.there.iter().any(|flow| {
            let idle = flow.stats.idle;
            idle.is_some_and(|idle| idle >= MAY_LEAVE)
        });
        match (before.there.is_empty(), after.there.is_empty()) {
            (false, _) if has_left => {}
            (false, false) if met(after).wrapping_sub(met(before)) == 1 => {}
            // What comes up makes it; one that was made for a guess may have met it.
            (true, false) if met(after) <= 1 => {}
            (_, true) => return Err(format!("the kernel has no flow {text}")),
            (_, false) => {
                let (one, other) = (met(before), met(after));
                return Err(format!(
                    "the flow {text} had met {one} packets, now {other}"
                ));
            }
        }
    }
    Ok(())
}

/// The frame as it may leave: as it came, or without the tag that names no VLAN.
fn as_sent(packet: &Packet, trace: &TraceResult) -> Vec<Vec<u8>> {
    let mut popped = packet.bytes.clone();
    popped.drain(12..16);
    let pops = trace
        .passes
        .iter()
        .any(|pass| pass.actions.contains("pop_vlan"));
    let is_served = trace
        .passes
        .iter()
        .any(|pass| pass.actions.contains("userspace("));
    let is_tagged = packet.bytes.get(12..14) == Some(&[0x81, 0]);
    match (pops, is_served && is_tagged) {
        (true, _) => vec![popped],
        // What a service hands back goes on by its own verdict, which is not shown.
        (false, true) => vec![packet.bytes.clone(), popped],
        (false, false) => vec![packet.bytes.clone()],
    }
}

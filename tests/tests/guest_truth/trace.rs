//! A trace, held against the kernel: for random topologies and packets, `weft trace` is asked first, then the packet is
//! sent for real. By which taps it leaves, its bytes, and the counters of the flows that the trace names are compared;
//! at the end, the sums.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use weft_flow::{Field, Ufid, parse_flow};
use weft_ovs::{Datapath, DumpedFlow, KernelDatapath};
use weft_tests::share::share;
use weft_wire::control::TraceResult;

use super::books::Books;
use super::packets::{Packet, Source};
use super::stage::Stage;
use super::topology::{NOTHING, file, homes, tap};
use super::{datapath, say, seed};

/// Topologies between two that have the ports on other bridges.
const ERA: u64 = 10;
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
    let (seed, topologies) = (seed(), share("WEFT_TOPOLOGIES", 40));
    let packets = share("WEFT_PACKETS", 60);
    let mut random = Rng::with_seed(seed);
    let mut stage = Stage::start("truth");
    let (mut books, mut compared) = (Books::default(), Compared::default());
    let mut kernel = datapath();
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
        stage.settle(0);
        stage.drain();
        let mut source = Source::default();
        for nth in 0..packets {
            let packet = source.next(&mut random);
            // The second time it meets the flows that the first has made.
            for again in 0..2 {
                let context = || format!("WEFT_SEED={seed}, topology {n}, packet {nth}.{again}");
                compare(&mut stage, &mut kernel, &packet, &mut books, &mut compared)
                    .unwrap_or_else(|wrong| {
                        panic!("{}: {wrong}\n{packet:02x?}\n{text}", context())
                    });
            }
        }
    }
    say(&format!("{compared:?}, WEFT_SEED={seed}"));
    let sent = topologies * packets;
    assert!(compared.packets > sent, "{compared:?}");
    assert!(compared.hits > sent / 2, "{compared:?}");
    assert!(
        compared.passes > sent / 20 && compared.answers > sent / 60,
        "{compared:?}"
    );
    books.balance(&stage);
    stage.was_audited();
}

/// The flow of a pass, if it is to have one, and as the kernel has it.
struct Expected {
    ufid: Ufid,
    before: Option<DumpedFlow>,
    text: String,
}

fn compare(
    stage: &mut Stage,
    kernel: &mut KernelDatapath,
    packet: &Packet,
    books: &mut Books,
    compared: &mut Compared,
) -> Result<(), String> {
    let trace = stage.trace(packet.port, &packet.bytes);
    if is_put_together(packet, &trace) {
        // The kernel keeps it until the others come.
        return Ok(());
    }
    let flows = expected(kernel, &trace)?;
    let upcalls = stage.upcalls();
    stage.peer(packet.port).send_raw(&packet.bytes).unwrap();
    let hits = flows
        .iter()
        .all(|flow| flow.as_ref().is_some_and(|it| it.before.is_some()));
    let comes_up = trace
        .passes
        .iter()
        .any(|pass| pass.actions.contains("userspace("));
    if !hits || comes_up {
        stage.settle(upcalls + 1);
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
    counters(kernel, &flows, packet, hits).or_else(differs)?;

    compared.packets += 1;
    compared.hits += u64::from(hits);
    compared.passes += trace.passes.len() as u64 - 1;
    books.sent += 1;
    let is_answered = seen.contains_key(&packet.port);
    match (is_answered, seen.is_empty()) {
        (true, _) => books.taken += 1,
        (false, false) => books.delivered += 1,
        (false, true) if trace.reason.contains("gets no answer") => books.taken += 1,
        (false, true) if trace.reason.contains("rejected by rule") => books.taken += 1,
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

/// The flows that the packet's passes meet, or make.
fn expected(
    kernel: &mut KernelDatapath,
    trace: &TraceResult,
) -> Result<Vec<Option<Expected>>, String> {
    let of = |flow: &String| {
        let (key, mask) = parse_flow(flow).map_err(|error| format!("{flow}: {error}"))?;
        let ufid = Ufid::of(&key, &mask);
        let before = kernel.flow(ufid).map_err(|error| error.to_string())?;
        let text = flow.clone();
        Ok(Expected { ufid, before, text })
    };
    let passes = trace.passes.iter().map(|pass| pass.flow.as_ref());
    let mut of = of;
    passes.map(|flow| flow.map(&mut of).transpose()).collect()
}

/// That each flow that was there has met this packet once, and each that was not is there.
fn counters(
    kernel: &mut KernelDatapath,
    flows: &[Option<Expected>],
    packet: &Packet,
    hits: bool,
) -> Result<(), String> {
    for Expected { ufid, before, text } in flows.iter().flatten() {
        let after = kernel.flow(*ufid).map_err(|error| error.to_string())?;
        let idle = before.as_ref().and_then(|flow| flow.stats.idle);
        if before.is_some() && idle.is_none_or(|idle| idle >= MAY_LEAVE) && !hits {
            continue;
        }
        match (before, after) {
            (Some(before), Some(after)) => {
                let met = after.stats.packets.wrapping_sub(before.stats.packets);
                if met != 1 && idle.is_none_or(|idle| idle < MAY_LEAVE) {
                    return Err(format!("the flow {text} met {met} packets"));
                }
            }
            // What comes up makes it; one that was made for a guess may have met it.
            (None, Some(after)) if after.stats.packets <= 1 => {}
            (None, Some(after)) => {
                return Err(format!(
                    "the flow {text} is new and has met {:?}",
                    after.stats
                ));
            }
            (Some(_), None) if idle.is_some_and(|idle| idle >= MAY_LEAVE) => {}
            // It taught where it comes from, which is where it goes.
            (None, None) if packet.bytes.get(..6) == packet.bytes.get(6..12) => {}
            (_, None) => return Err(format!("the kernel has no flow {text}")),
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

//! Changes of the topology under traffic: after each one that `weft sync` says is in force, no packet is treated by the
//! policy before it.
//!
//! Senders never stop between a change and its judgement. What each packet may do is asked of the agent by `trace`, for
//! both answers that a connection table may give, after the change; a packet that was sent from then on and did
//! anything else is an error. Where stations are stands in the topology, so that it does not depend on who spoke first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use weft_tests::frames::{Carries, Family, Station, frame};
use weft_tests::peer::Peer;
use weft_tests::share::share;
use weft_tests::wait;
use weft_topology::MacAddr;
use weft_wire::control::{Connection, TraceResult, Verb};

use super::stage::Stage;
use super::topology::{NOTHING, PORTS, file, homes, with_stations};
use super::{LIMIT, say, seed};

/// What every packet ends with, and its number behind it.
const MARK: &[u8] = b"generation";
/// Packets that each sender sends in a judged generation.
const EACH: u64 = 15;

/// A packet that is sent again and again.
#[derive(Clone, Debug)]
struct Kind {
    from: u8,
    to: u8,
    family: Family,
    /// None: broadcast, and of no protocol that rules know.
    carries: Option<Carries>,
    /// The place of the kind whose answer it is, and that answers it.
    inverse: Option<usize>,
}

impl Kind {
    fn bytes(&self, number: u64) -> Vec<u8> {
        let payload = [MARK, &number.to_be_bytes()].concat();
        let (from, to) = (Station::new(self.from), Station::new(self.to));
        match self.carries {
            Some(carries) => frame(self.family, &from, &to, carries, &payload).unwrap(),
            None => {
                let to = MacAddr::broadcast().octets();
                [&to[..], &from.mac.octets(), &[0x88, 0xb5], &payload].concat()
            }
        }
    }
}

/// The number in a packet.
fn number_of(bytes: &[u8]) -> Option<u64> {
    let (rest, number) = bytes.split_last_chunk::<8>()?;
    rest.ends_with(MARK).then(|| u64::from_be_bytes(*number))
}

/// Pairs that ask and answer, and some that only ask.
fn kinds(random: &mut Rng) -> Vec<Kind> {
    let mut all: Vec<Kind> = Vec::new();
    for n in 0..14_u16 {
        let (from, to) = (random.u8(1..=PORTS), random.u8(1..=PORTS));
        let family = *random.choice(&[Family::V4, Family::V6]).unwrap();
        let port = *random.choice(&[53, 80]).unwrap();
        let ask = Kind {
            from,
            to,
            family,
            carries: Some(Carries::Udp(4_000 + n, port)),
            inverse: Some(all.len() + 1),
        };
        let answer = Kind {
            from: to,
            to: from,
            carries: Some(Carries::Udp(port, 4_000 + n)),
            inverse: Some(all.len()),
            ..ask
        };
        all.extend([ask, answer]);
    }
    for n in 1..=PORTS {
        let to = random.u8(1..=PORTS);
        let family = *random.choice(&[Family::V4, Family::V6]).unwrap();
        let alone = |carries| Kind {
            from: n,
            to,
            family,
            carries,
            inverse: None,
        };
        all.push(alone(Some(Carries::Echo(u16::from(n)))));
        all.push(alone(None));
    }
    all
}

/// What the senders share.
struct Traffic<'a> {
    kinds: &'a [Kind],
    /// The generation that is judged; 0 while a change is under way.
    generation: AtomicU64,
    /// Packets that were sent in it, by number: their kind.
    sent: Mutex<BTreeMap<u64, usize>>,
    /// Where packets came out, by their number.
    seen: Mutex<Vec<(u64, u8)>>,
    numbers: AtomicU64,
    /// Senders that have sent their share.
    ready: AtomicU64,
    stop: AtomicBool,
}

impl Traffic<'_> {
    /// One port's sender and receiver.
    fn run(&self, n: u8, peer: &mut Peer, seed: u64) {
        let mut random = Rng::with_seed(seed);
        let own: Vec<usize> = (0..self.kinds.len())
            .filter(|of| self.kinds[*of].from == n)
            .collect();
        let (mut last, mut count) = (0, 0);
        while !self.stop.load(Ordering::SeqCst) {
            let generation = self.generation.load(Ordering::SeqCst);
            if generation != last {
                (last, count) = (generation, 0);
            }
            let has_done = generation != 0 && count == EACH;
            if !has_done {
                let kind = *random.choice(&own).unwrap();
                let number = self.numbers.fetch_add(1, Ordering::SeqCst);
                if generation != 0 {
                    self.sent.lock().unwrap().insert(number, kind);
                    count += 1;
                }
                peer.send_raw(&self.kinds[kind].bytes(number)).unwrap();
                if generation != 0 && count == EACH {
                    self.ready.fetch_add(1, Ordering::SeqCst);
                }
            }
            // Paced, so that no queue is what loses a packet, and a change has a processor to be made on.
            let pause = if generation == 0 { 25 } else { 3 };
            while let Some(bytes) = peer.receive(Duration::from_millis(pause)) {
                if let Some(number) = number_of(&bytes) {
                    self.seen.lock().unwrap().push((number, n));
                }
            }
        }
    }

    /// Lets all senders send their share as of now, and waits for that.
    fn judged(&self, generation: u64) {
        self.sent.lock().unwrap().clear();
        self.ready.store(0, Ordering::SeqCst);
        self.generation.store(generation, Ordering::SeqCst);
        wait::until("all to have sent", LIMIT, || {
            self.ready.load(Ordering::SeqCst) == u64::from(PORTS)
        })
        .unwrap();
    }
}

/// Ends the senders, also when the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

type Outcome = BTreeSet<u8>;

/// The ports that a packet leaves by, its own apart: what comes back there is an answer.
fn outcome(kind: &Kind, trace: &TraceResult) -> Outcome {
    let ports = trace.outputs.iter();
    let ports = ports.filter_map(|tap| tap.strip_prefix("tap-")?.parse().ok());
    ports.filter(|n| *n != kind.from).collect()
}

/// What may become of each kind by the topology as it is.
fn allowed(stage: &Stage, kinds: &[Kind]) -> Vec<Vec<Outcome>> {
    let trace = |kind: &Kind, connection| {
        let verb = Verb::Trace {
            port: stage.ports[&kind.from],
            frame: kind
                .bytes(0)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            connection: Some(connection),
        };
        outcome(kind, &stage.control.one(verb).unwrap())
    };
    let begins: Vec<Outcome> = kinds
        .iter()
        .map(|kind| trace(kind, Connection::New))
        .collect();
    let of = |(place, kind): (usize, &Kind)| {
        let mut all = vec![begins[place].clone()];
        if let Some(inverse) = kind.inverse {
            // A connection that the other has begun: it lives on if it may still begin, else it is cut.
            all.push(match begins[inverse].contains(&kind.from) {
                true => trace(kind, Connection::Reply),
                false => Outcome::new(),
            });
        }
        all
    };
    kinds.iter().enumerate().map(of).collect()
}

#[test]
fn what_is_in_force_holds_for_every_packet_that_is_sent_from_then_on() {
    let (seed, generations) = (seed(), share("WEFT_GENERATIONS", 4));
    let mut random = Rng::with_seed(seed);
    let mut stage = Stage::start("changes");
    let places = homes(&mut random);
    let next = |random: &mut Rng| with_stations(file(random, &places), &places);
    stage.apply(NOTHING);
    stage.apply(&next(&mut random));
    stage.bound();
    let kinds = kinds(&mut random);
    let traffic = Traffic {
        kinds: &kinds,
        generation: AtomicU64::new(0),
        sent: Mutex::default(),
        seen: Mutex::default(),
        numbers: AtomicU64::new(1),
        ready: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    };
    let mut peers = std::mem::take(&mut stage.peers);
    let (mut judged, mut between) = (0, 0);
    std::thread::scope(|scope| {
        for (n, peer) in (1..).zip(&mut peers) {
            let traffic = &traffic;
            scope.spawn(move || traffic.run(n, peer, seed + u64::from(n)));
        }
        let _ends = Ends(&traffic.stop);
        for generation in 1..=generations {
            let text = next(&mut random);
            let before = traffic.numbers.load(Ordering::SeqCst);
            stage.apply(&text);
            between += traffic.numbers.load(Ordering::SeqCst) - before;
            traffic.judged(generation);
            let allowed = allowed(&stage, &kinds);
            stage.settle(0).unwrap();
            let sent = std::mem::take(&mut *traffic.sent.lock().unwrap());
            let check = || check(&kinds, &sent, &allowed, &traffic.seen.lock().unwrap());
            // What is delivered waits at its tap until its receiver comes round to it.
            let all_right = wait::until("all packets to be where they belong", LIMIT / 6, || {
                check().is_empty()
            });
            assert!(
                all_right.is_ok(),
                "WEFT_SEED={seed}, generation {generation}: {:#?}\n{text}",
                check()
            );
            judged += sent.len();
            traffic.seen.lock().unwrap().clear();
            traffic.generation.store(0, Ordering::SeqCst);
        }
    });
    stage.peers = peers;
    say(&format!(
        "{generations} changes, {between} packets sent during them, {judged} judged, {} connections cut, WEFT_SEED={seed}",
        stage.counter("connections_cut")
    ));
    assert!(between > generations, "there was no traffic");
    stage.was_audited();
}

/// Packets that did what they may not.
fn check(
    kinds: &[Kind],
    sent: &BTreeMap<u64, usize>,
    allowed: &[Vec<Outcome>],
    seen: &[(u64, u8)],
) -> Vec<String> {
    let mut came: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for (number, port) in seen {
        came.entry(*number).or_default().push(*port);
    }
    let mut wrong = Vec::new();
    for (number, kind) in sent {
        let from = kinds[*kind].from;
        let ports = came.get(number).map(Vec::as_slice).unwrap_or_default();
        let others: Vec<u8> = ports.iter().copied().filter(|n| *n != from).collect();
        let once: Outcome = others.iter().copied().collect();
        if once.len() != others.len() || !allowed[*kind].contains(&once) {
            let (kind, may) = (&kinds[*kind], &allowed[*kind]);
            wrong.push(format!(
                "packet {number} came out of {others:?}, may {may:?}: {kind:?}"
            ));
        }
    }
    wrong
}

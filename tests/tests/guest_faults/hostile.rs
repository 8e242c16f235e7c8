//! A guest that sends whatever hurts, as fast as it can, while a neighbour of another tenant opens new flows.
//!
//! The neighbour's losses and the delay of a flow's first packet are reported beside an idle run, not asserted: how fast
//! a machine is that also carries a flood is the machine's. What is asserted is counted: neither Weft nor a socket of its
//! loses one of the neighbour's packets, and nothing grows without bound. What the kernel dropped by itself is named.

mod frames;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weft_ovs::Datapath;
use weft_tests::cloud;
use weft_tests::netlink::NetlinkSocket;
use weft_tests::peer::Peer;
use weft_tests::share::share;
use weft_tests::site::{Plugged, Site, mac};
use weft_tests::wait;

use super::datagram::{Datagram, number_of};
use super::{Ends, LIMIT, datapath, flows, number, say};
use frames::Flood;

/// Flows that a port may have in this test: so few that every flood fills them.
const QUOTA: usize = 4_000;
/// MACs that may be learned behind a port (`worker`'s own limit).
const MACS: usize = 4_096;
/// Every packet of the neighbour's is a flow of its own.
const CONFIG: &str = "[debug]\nexact_flows = true\n[limits]\nflows_per_port = 4000\n";
/// The neighbour opens a flow so often.
const PACE: Duration = Duration::from_millis(10);
/// How much the agent's memory may grow, in KiB: the flows of all ports and what is being written.
const GROWTH: u64 = 96 << 10;
/// How much it may log, in bytes, whatever the flood.
const LOG: usize = 64 << 10;

#[test]
fn a_flood_of_random_frames_of_flows_and_of_macs_costs_a_neighbour_none_of_its_new_flows_in_weft() {
    let length = Duration::from_secs(share("WEFT_HOSTILE_SECONDS", 3));
    let mut site = Site::start_with("hostile", CONFIG).unwrap();
    let theirs = site.network("hostile").unwrap();
    let ours = cloud::network(&site.rest, "neighbours", "10.1.0").unwrap();
    let mut hostile = site.plug(&theirs, "tap-h", mac(0x66)).unwrap();
    let mut victim = site.plug(&theirs, "tap-v", mac(0x67)).unwrap();
    let mut a = site.plug(&ours, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&ours, "tap-b", mac(2)).unwrap();
    for (one, other) in [(&mut a, &mut b), (&mut hostile, &mut victim)] {
        site.reaches(&mut one.peer, &mut other.peer).unwrap();
        site.reaches(&mut other.peer, &mut one.peer).unwrap();
    }
    let pid = site.agent.pid();
    let (memory, logged) = (site.agent.memory().unwrap(), site.agent.log().len());

    let mut ports = 0..=u16::MAX;
    let mut report = Vec::new();
    for flood in [
        None,
        Some(Flood::Random),
        Some(Flood::NewFlow),
        Some(Flood::NewMac),
    ] {
        let before = Books::of(&site, &a, &b);
        let (stop, flooded) = (AtomicBool::new(false), AtomicU64::new(0));
        let seen = std::thread::scope(|scope| {
            if let Some(flood) = flood {
                let (hostile, stop, flooded) = (&mut hostile.peer, &stop, &flooded);
                scope.spawn(move || {
                    let mut source = frames::Source::new(flood, hostile.mac, mac(0x67));
                    while !stop.load(Ordering::Relaxed) {
                        // A frame that the kernel does not take at all (too short) counts as none.
                        let sent = hostile.send_raw(source.next());
                        flooded.fetch_add(u64::from(sent.is_ok()), Ordering::Relaxed);
                    }
                });
            }
            let _ends = Ends(&stop);
            new_flows(&mut a.peer, &mut b.peer, &mut ports, length)
        });
        victim.peer.drain();
        let kernel = Books::of(&site, &a, &b).since(&before);
        let name = flood.map_or("idle", Flood::name);
        check(&site, &seen, &kernel, name);
        report.push(line(name, &seen, flooded.into_inner(), &kernel));
    }
    print(&report);

    assert_eq!(site.agent.pid(), pid);
    assert!(site.agent.is_alive(), "{}", site.agent.log());
    let log = site.agent.log();
    assert!(
        !log.contains("panicked") && !log.contains("simulation of a packet failed"),
        "{log}"
    );
    assert!(
        log.len() - logged < LOG,
        "it logged {} bytes: {}",
        log.len() - logged,
        &log[logged..]
    );
    let grown = site.agent.memory().unwrap().saturating_sub(memory);
    say(&format!(
        "memory: {memory} KiB before, {grown} KiB more after"
    ));
    assert!(grown < GROWTH, "its memory grew by {grown} KiB");
    // All is well again as soon as the flood is over.
    site.reaches(&mut hostile.peer, &mut victim.peer).unwrap();
    site.sync().unwrap();
}

/// What the neighbour saw.
struct Seen {
    sent: usize,
    /// From the sending to the arrival of each packet that arrived, sorted.
    delays: Vec<Duration>,
}

impl Seen {
    fn lost(&self) -> usize {
        self.sent - self.delays.len()
    }

    fn percentile(&self, percent: usize) -> f64 {
        let last = self.delays.len().saturating_sub(1);
        let at = self.delays.get(last * percent / 100);
        at.map_or(f64::NAN, |delay| delay.as_secs_f64() * 1e3)
    }
}

/// For some time a new flow every now and then; each has one packet.
fn new_flows(
    a: &mut Peer,
    b: &mut Peer,
    ports: &mut impl Iterator<Item = u16>,
    length: Duration,
) -> Seen {
    let begin = Instant::now();
    let mut datagram = Datagram::new(a.mac, b.mac);
    let (done, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut delays: Vec<Duration> = std::thread::scope(|scope| {
        let ends = Ends(&done);
        let (done, sent) = (&done, &sent);
        let receiver = scope.spawn(move || {
            let mut delays = Vec::new();
            loop {
                match b.receive_where(Duration::from_secs(1), |frame| number_of(frame).is_some()) {
                    Some(frame) => {
                        let then = Duration::from_nanos(number_of(&frame).unwrap());
                        delays.push(begin.elapsed().saturating_sub(then));
                        let all = delays.len() as u64 == sent.load(Ordering::Relaxed);
                        if all && done.load(Ordering::Relaxed) {
                            return delays;
                        }
                    }
                    // For a second nothing came: what is not here by then is lost.
                    None if done.load(Ordering::Relaxed) => return delays,
                    None => {}
                }
            }
        });
        while begin.elapsed() < length {
            let port = ports.next().unwrap();
            let now = begin.elapsed().as_nanos() as u64;
            a.send_raw(datagram.numbered(port, now)).unwrap();
            let number = sent.fetch_add(1, Ordering::Relaxed) + 1;
            let due = begin + PACE * number as u32;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        drop(ends);
        receiver.join().unwrap()
    });
    delays.sort_unstable();
    Seen {
        sent: sent.into_inner() as usize,
        delays,
    }
}

/// What was lost where, by name.
struct Books(BTreeMap<String, u64>);

impl Books {
    fn of(site: &Site, a: &Plugged, b: &Plugged) -> Self {
        let mut books = BTreeMap::new();
        let pid = site.agent.pid().unwrap();
        let sockets = NetlinkSocket::all_of(pid).unwrap();
        for vport in datapath().ports().unwrap() {
            let of = sockets
                .iter()
                .filter(|it| vport.upcall_pids.contains(&it.port_id));
            books.insert(
                format!("socket {}", vport.name),
                of.map(|it| it.drops).sum(),
            );
        }
        for tap in [&a.peer.tap, &b.peer.tap] {
            for counter in ["rx_dropped", "tx_dropped"] {
                let file = format!("/sys/class/net/{tap}/statistics/{counter}");
                let value = std::fs::read_to_string(file)
                    .unwrap()
                    .trim()
                    .parse()
                    .unwrap();
                books.insert(format!("{tap} {counter}"), value);
            }
        }
        books.insert("backlog".to_owned(), backlog_drops());
        books.insert("datapath lost".to_owned(), datapath().info().unwrap().lost);
        for drop in site
            .weft_json(&["show", "drops"])
            .unwrap()
            .as_array()
            .unwrap()
        {
            let who = match drop["port"].as_str() {
                Some(port) if port == a.port || port == b.port => "neighbour",
                Some(_) => "hostile",
                None => "no port",
            };
            let name = format!("weft {who} {}", drop["reason"].as_str().unwrap());
            *books.entry(name).or_default() += drop["packets"].as_u64().unwrap();
        }
        Self(books)
    }

    fn since(self, before: &Self) -> Self {
        let grown = self.0.into_iter().filter_map(|(name, now)| {
            let more = now - before.0.get(&name).copied().unwrap_or_default();
            (more > 0).then_some((name, more))
        });
        Self(grown.collect())
    }

    fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }
}

/// Packets that all processors' input queues had no room for (`/proc/net/softnet_stat`, second column).
fn backlog_drops() -> u64 {
    let table = std::fs::read_to_string("/proc/net/softnet_stat").unwrap();
    let column =
        |row: &str| u64::from_str_radix(row.split_whitespace().nth(1).unwrap(), 16).unwrap();
    table.lines().map(column).sum()
}

/// What must be so whatever the flood.
fn check(site: &Site, seen: &Seen, books: &Books, name: &str) {
    let shown = format!(
        "{name}: {} of {} lost; {:?}",
        seen.lost(),
        seen.sent,
        books.0
    );
    for socket in ["socket tap-a", "socket tap-b"] {
        assert_eq!(books.get(socket), 0, "{shown}");
    }
    let in_weft = books
        .0
        .keys()
        .any(|name| name.starts_with("weft neighbour"));
    assert!(!in_weft, "{shown}");
    // Whatever is lost the kernel has dropped on its own.
    let names = ["tap-a rx_dropped", "tap-b tx_dropped", "backlog"];
    let kernel: u64 = names.iter().map(|name| books.get(name)).sum();
    assert!(seen.lost() as u64 <= kernel, "{shown}");

    let port = number(site, "tap-h").unwrap();
    let own = |flow: &weft_ovs::DumpedFlow| flow.key.u32(weft_flow::Field::InPort) == Some(port);
    // A put that makes the quota full and the deletion that makes room go out together.
    let held = || flows().iter().filter(|flow| own(flow)).count();
    wait::until("the quota to hold", LIMIT, || held() <= QUOTA).unwrap();
    let macs = site.weft_json(&["show", "macs"]).unwrap();
    let learned = macs.as_array().unwrap().len();
    assert!(learned <= MACS + 3, "{learned} MACs");
}

fn line(name: &str, seen: &Seen, flooded: u64, books: &Books) -> Value {
    json!({
        "flood": name,
        "floodFrames": flooded,
        "newFlows": seen.sent,
        "lost": seen.lost(),
        "firstPacketMs": { "p50": seen.percentile(50), "p99": seen.percentile(99), "max": seen.percentile(100) },
        "counters": books.0,
    })
}

/// To the screen, and to a file for who wants to compare.
fn print(report: &[Value]) {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/faults");
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join(format!("hostile-{}.json", kernel.trim()));
    let all = json!({ "kernel": kernel.trim(), "runs": report });
    std::fs::write(&file, format!("{all:#}\n")).unwrap();
    for run in report {
        say(&run.to_string());
    }
}

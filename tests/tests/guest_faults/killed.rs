//! SIGKILL, again and again, at any moment.

mod pings;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use weft_flow::{Field, Ufid};
use weft_tests::cloud;
use weft_tests::peer::Peer;
use weft_tests::share::share;
use weft_tests::site::{Site, mac};
use weft_tests::wait;

use super::datagram::{Datagram, number_of};
use super::{Ends, LIMIT, flows, say, state};

/// Flows in the kernel beside those of the pings.
const FLOWS: u16 = 10_000;
/// All of them are used so often: a flow that is idle leaves after 10 s.
const ROUND: Duration = Duration::from_secs(2);
/// Between two parts of the crowd.
const BREATH: Duration = Duration::from_millis(10);
/// Flows made between two looks at the clock.
const CHUNK: u16 = 200;
/// The longest time from one kill to the next, in milliseconds: a start takes about half of it.
const PAUSE: u64 = 1_500;

#[test]
fn kills_of_agent_and_service_cost_no_reply_no_flow_and_nothing_that_was_acknowledged() {
    let kills = share("WEFT_KILLS", 4);
    let seed = share("WEFT_SEED", u64::from(std::process::id()));
    let mut site = Site::start_with("killed", "[debug]\nexact_flows = true\n").unwrap();
    let network = site.network("blue").unwrap();
    let mut pinger = site.plug(&network, "tap-1", mac(1)).unwrap().peer;
    let mut answerer = site.plug(&network, "tap-2", mac(2)).unwrap().peer;
    site.reaches(&mut pinger, &mut answerer).unwrap();
    site.reaches(&mut answerer, &mut pinger).unwrap();
    let mut a = site.plug(&network, "tap-a", mac(0x1a)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(0x1b)).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    crowd(&site, &mut a.peer, &mut b.peer);
    let before = packets_by_flow();
    assert_eq!(before.len(), usize::from(FLOWS));
    let drops = dropped_before_the_datapath();
    let (stop, rounds) = (AtomicBool::new(false), AtomicU32::new(0));
    let rest = site.rest.clone();
    let (acknowledged, pings) = std::thread::scope(|scope| {
        let ends = Ends(&stop);
        scope.spawn(|| pings::answer(&mut answerer, &stop));
        let pings = scope.spawn(|| pings::send(&mut pinger, mac(2), &stop));
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                send_all(&mut a.peer, &mut b.peer);
                rounds.fetch_add(1, Ordering::Relaxed);
                std::thread::park_timeout(ROUND);
            }
        });
        let writer = scope.spawn(|| {
            let mut acknowledged = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                acknowledged.extend(cloud::port(&rest, &network));
                std::thread::park_timeout(Duration::from_millis(200));
            }
            acknowledged
        });
        kill_at_random(&mut site, kills, seed);
        let all_back = site.service_is_ready().and_then(|()| site.agent_is_ready());
        let known = rounds.load(Ordering::Relaxed);
        let more = wait::until("another round", LIMIT, || {
            rounds.load(Ordering::Relaxed) > known + 1
        });
        drop(ends);
        let done = (writer.join().unwrap(), pings.join().unwrap());
        all_back.and(more).map(|()| done).unwrap()
    });
    assert!(
        pings.missing.is_empty(),
        "of {} pings got no reply: {:?}; {} packets were dropped before the datapath",
        pings.sent,
        pings.missing,
        dropped_before_the_datapath() - drops
    );

    let rounds = u64::from(rounds.into_inner());
    let after = packets_by_flow();
    let wrong = untrue(&before, &after, rounds);
    assert!(
        wrong.is_empty(),
        "of {FLOWS} flows after {rounds} rounds: {wrong:?}"
    );
    for tap in ["tap-1", "tap-2", "tap-a", "tap-b"] {
        let active = || state(&site, tap).as_deref() == Some("active");
        wait::until(&format!("{tap} to be active"), LIMIT, active).unwrap();
    }
    site.sync().unwrap();
    for port in &acknowledged {
        let found = site.rest.get(&format!("/ports/{port}"));
        assert!(found.is_ok(), "an acknowledged port is gone: {found:?}");
    }
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    say(&format!(
        "{kills} kills (WEFT_SEED={seed}): all of {} pings answered, {FLOWS} flows hit by {rounds} packets each, {} \
         acknowledged ports",
        pings.sent,
        acknowledged.len()
    ));
}

/// A packet of every flow.
fn send_all(a: &mut Peer, b: &mut Peer) {
    let mut datagram = Datagram::new(a.mac, b.mac);
    // The kernel has room for 1,000 packets between a tap's write and the datapath, for all taps together: a
    // crowd at once would cost pings their place. What b's tap has no room for is dropped behind the flow, which
    // has counted it.
    for n in 0..FLOWS {
        a.send_raw(datagram.with_port(n)).unwrap();
        if n % CHUNK == 0 {
            b.drain();
            std::thread::sleep(BREATH);
        }
    }
    b.drain();
}

/// Packets that the kernel dropped since it started because there was no room before the datapath: the second
/// column of `/proc/net/softnet_stat`, a processor a line.
fn dropped_before_the_datapath() -> u64 {
    let text = std::fs::read_to_string("/proc/net/softnet_stat").unwrap();
    let column = |line: &str| u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok();
    text.lines().filter_map(column).sum()
}

/// Makes the flows, no faster than the agent, and uses those that are there so that none leaves.
fn crowd(site: &Site, a: &mut Peer, b: &mut Peer) {
    let mut datagram = Datagram::new(a.mac, b.mac);
    let (mut made, mut used) = (0, Instant::now());
    while made < FLOWS {
        made += CHUNK;
        for n in made - CHUNK..made {
            a.send_raw(datagram.numbered(n, n.into())).unwrap();
        }
        let last = Some(u64::from(made - 1));
        let arrived = b.receive_where(LIMIT, |frame| number_of(frame) == last);
        assert!(
            arrived.is_some(),
            "the first packet of flow {} is lost",
            made - 1
        );
        if used.elapsed() > ROUND {
            used = Instant::now();
            (0..made).for_each(|n| a.send_raw(datagram.with_port(n)).unwrap());
            b.drain();
        }
    }
    let wanted = usize::from(FLOWS);
    let mut found = 0;
    let complete = wait::until("10,000 flows", LIMIT, || {
        send_all(a, b);
        found = packets_by_flow().len();
        found == wanted
    });
    assert!(complete.is_ok(), "{complete:?}: {found}");
    let known = || weft_tests::host::status(&site.socket()).unwrap()["flows"].as_u64();
    wait::until("the agent to know them", LIMIT, || {
        known() >= Some(wanted as u64)
    })
    .unwrap();
}

fn kill_at_random(site: &mut Site, kills: u64, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..kills {
        std::thread::sleep(Duration::from_millis(random.u64(0..PAUSE))); // the moment is the test
        let which = random.u8(0..3);
        if which != 0 {
            site.agent.kill();
            site.agent.start_again().unwrap();
        }
        if which != 1 {
            site.service.kill();
            site.service.start_again().unwrap();
        }
    }
}

/// How many packets each flow of the crowd has seen.
fn packets_by_flow() -> BTreeMap<Ufid, u64> {
    let is_udp = |flow: &weft_ovs::DumpedFlow| flow.key.get(Field::IpProto) == Some(17);
    let found = flows().into_iter().filter(is_udp);
    found
        .map(|flow| (flow.ufid.unwrap(), flow.stats.packets))
        .collect()
}

/// The flows that every round should have met and did not: they were removed in between.
fn untrue(
    before: &BTreeMap<Ufid, u64>,
    after: &BTreeMap<Ufid, u64>,
    rounds: u64,
) -> Vec<(String, u64, Option<u64>)> {
    let met = before.iter().filter_map(|(ufid, packets)| {
        let now = after.get(ufid).copied();
        let is_true = now == Some(packets + rounds);
        (!is_true).then(|| (ufid.to_string(), *packets, now))
    });
    met.take(10).collect()
}

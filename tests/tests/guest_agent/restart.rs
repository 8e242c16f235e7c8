//! Across a SIGKILL of the agent.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use weft_tests::site::{Site, mac};

const MARK: &[u8] = b"number ";

/// Ids of the flows and how many packets each has seen.
fn flows(site: &Site) -> BTreeMap<String, u64> {
    let flows = site.flows().unwrap();
    let of = |flow: &serde_json::Value| {
        (
            flow["ufid"].as_str().unwrap().to_owned(),
            flow["packets"].as_u64().unwrap(),
        )
    };
    flows.iter().map(of).collect()
}

#[test]
fn a_stream_of_1000_packets_a_second_loses_none_and_flows_keep_their_ids_and_counters() {
    let mut site = Site::start("restart").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    b.peer.drain();
    let before = flows(&site);
    assert!(!before.is_empty());

    let (stop, arrived) = (AtomicBool::new(false), AtomicU32::new(0));
    // As many arrive in a second, agent or not.
    let more = |count: u32| {
        let goal = arrived.load(Ordering::Relaxed) + count;
        let enough = || arrived.load(Ordering::Relaxed) >= goal;
        weft_tests::wait::until("the stream to flow", Duration::from_secs(20), enough).unwrap();
    };
    let (origin, destination) = (a.peer.mac, b.peer.mac);
    let (sent, received) = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let (start, mut sent) = (Instant::now(), 0_u32);
            while !stop.load(Ordering::Relaxed) {
                let payload = [MARK, &sent.to_be_bytes()].concat();
                a.peer.send(destination, 0x88b5, &payload).unwrap();
                sent += 1;
                let due = start + Duration::from_millis(u64::from(sent));
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            sent
        });
        let receiver = scope.spawn(|| {
            let mut seen = Vec::new();
            while let Some(frame) = b.peer.receive(Duration::from_secs(3)) {
                if frame.get(14..21) == Some(MARK) {
                    arrived.fetch_add(1, Ordering::Relaxed);
                    seen.push(u32::from_be_bytes(frame[21..25].try_into().unwrap()));
                    // So that the flow of the way back is not idle on a slow machine.
                    if seen.len() % 500 == 0 {
                        b.peer.send(origin, 0x88b5, b"still here").unwrap();
                    }
                }
            }
            seen
        });
        more(1_000);
        site.agent.kill();
        more(1_000);
        site.agent.start_again().unwrap();
        site.agent_is_ready().unwrap();
        // Until the flows of the former run are adopted, and then a while longer.
        weft_tests::wait::until("adoption", Duration::from_secs(20), || {
            site.counter("flows_adopted")
                .is_ok_and(|adopted| adopted > 0)
        })
        .unwrap();
        more(2_000);
        stop.store(true, Ordering::Relaxed);
        (sender.join().unwrap(), receiver.join().unwrap())
    });
    assert_eq!(
        received.len(),
        sent as usize,
        "packets were lost or doubled"
    );
    assert!(received.is_sorted(), "packets overtook one another");

    let after = flows(&site);
    let used: Vec<_> = after
        .iter()
        .filter(|(_, packets)| **packets > 1_000)
        .collect();
    assert_eq!(used.len(), 1, "{after:?}");
    let (ufid, packets) = used[0];
    assert!(
        before.contains_key(ufid),
        "the stream's flow has a new id: {before:?} {after:?}"
    );
    assert!(
        *packets >= u64::from(sent),
        "the flow's counter began anew: {packets} of {sent}"
    );
    assert_eq!(site.counter("netlink_deletes").unwrap(), 0);
}

#[test]
fn with_the_service_gone_a_restarted_agent_serves_from_its_disk() {
    let mut site = Site::start("headless").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.sync().unwrap();
    site.service.kill();
    site.agent.kill();
    site.agent.start_again().unwrap();
    site.agent_is_ready().unwrap();
    // Both are new flows: nothing was sent before.
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    site.service.start_again().unwrap();
    site.service_is_ready().unwrap();
    site.sync().unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
}

#[test]
fn sigterm_ends_the_agent_with_0_and_leaves_datapath_and_flows() {
    let mut site = Site::start("sigterm").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    assert!(site.agent.stop().unwrap().success());
    let (from, to) = (a.peer.mac, b.peer.mac);
    b.peer.drain();
    a.peer.send(to, 0x88b5, b"without an agent").unwrap();
    let frame = b.peer.receive_where(Duration::from_secs(5), |f| {
        f.get(6..12) == Some(&from.octets())
    });
    assert!(frame.is_some(), "the flow is gone");
}

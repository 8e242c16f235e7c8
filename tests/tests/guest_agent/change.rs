//! What a change of the topology costs: counted netlink writes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use weft_tests::host::status;
use weft_tests::peer::Peer;
use weft_tests::site::Site;
use weft_tests::wait;
use weft_topology::MacAddr;

const PORTS: u8 = 100;

fn mac(n: u8) -> MacAddr {
    MacAddr(2, 0, 0, 0, 1, n)
}

/// Sets the flag however the test ends, so that its threads end, too.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Every machine sends to every other, again and again: a flow that is idle would leave.
fn all_talk(mut peers: Vec<Peer>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        for from in 0..peers.len() {
            for to in 0..peers.len() {
                if from != to {
                    let to = peers[to].mac;
                    peers[from].send(to, 0x88b5, b"all pairs").unwrap();
                }
            }
        }
        for peer in &mut peers {
            peer.drain();
        }
    }
}

#[test]
fn a_change_of_1_of_100_ports_with_10000_flows_writes_only_that_ports_flows() {
    let site = Site::start("change").unwrap();
    let network = site.network("blue").unwrap();
    let plug = |n| site.plug(&network, &format!("tap{n}"), mac(n)).unwrap();
    let (ids, mut peers): (Vec<String>, Vec<Peer>) = (0..PORTS)
        .map(|n| {
            let plugged = plug(n);
            (plugged.port, plugged.peer)
        })
        .unzip();
    // Everybody is learned first, so that the flows are unicast.
    for peer in &mut peers {
        peer.send(MacAddr::broadcast(), 0x88b5, b"here I am")
            .unwrap();
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = StopAtEnd(&stop);
        scope.spawn(|| all_talk(peers, &stop));
        let pairs = u64::from(PORTS) * u64::from(PORTS - 1);
        wait::until("a flow for each pair", Duration::from_secs(300), || {
            status(&site.socket()).is_ok_and(|status| status["flows"].as_u64() >= Some(pairs))
        })
        .unwrap();
        let flows = site.flows().unwrap();
        assert!(
            unicast(&flows) as u64 >= pairs,
            "{} of {pairs}",
            unicast(&flows)
        );
        change_one(&site, &ids[17]);
    });
}

fn change_one(site: &Site, port: &str) {
    let number = {
        let bindings = site.weft_json(&["show", "bindings"]).unwrap();
        let all = bindings.as_array().unwrap().clone();
        let of = all.iter().find(|b| b["portId"] == port).unwrap();
        of["number"].as_u64().unwrap()
    };
    let named = |flow: &serde_json::Value| {
        let (matches, actions) = (
            flow["matches"].as_str().unwrap(),
            flow["actions"].as_str().unwrap(),
        );
        matches.contains(&format!("in_port({number})"))
            || actions
                .split(',')
                .any(|action| action == number.to_string())
    };
    let flows = site.flows().unwrap();
    let concerned = flows.iter().filter(|flow| named(flow)).count() as u64;
    let before = site.flow_writes().unwrap();
    site.set_port_up(port, false).unwrap();
    site.sync().unwrap();
    let after = site.flow_writes().unwrap();
    let written = after - before;
    assert!(
        written >= 2 * u64::from(PORTS - 1),
        "{written} writes for {concerned} flows"
    );
    assert!(
        written <= concerned + 10,
        "{written} writes for {concerned} flows of the port"
    );
    let left = site.flows().unwrap();
    let out = left.iter().filter(|flow| {
        flow["actions"]
            .as_str()
            .unwrap()
            .split(',')
            .any(|action| action == number.to_string())
    });
    assert_eq!(
        out.count(),
        0,
        "a flow still sends to the port that is down"
    );
}

/// How many flows have one output.
fn unicast(flows: &[serde_json::Value]) -> usize {
    let one = |flow: &&serde_json::Value| {
        flow["actions"]
            .as_str()
            .is_some_and(|actions| actions.parse::<u32>().is_ok())
    };
    flows.iter().filter(one).count()
}

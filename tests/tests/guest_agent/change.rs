//! What a change of the topology costs: counted netlink writes.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use serde_json::json;
use weft_tests::cloud::{self, Network};
use weft_tests::command::run;
use weft_tests::host::status;
use weft_tests::peer::Peer;
use weft_tests::share::share;
use weft_tests::site::Site;
use weft_tests::wait;
use weft_topology::MacAddr;

/// 100 ports have the 10,000 flows; a share of them has the same to show.
fn ports() -> u8 {
    u8::try_from(share("WEFT_PORTS", 24)).unwrap()
}

fn mac(n: u8) -> MacAddr {
    MacAddr(2, 0, 0, 0, 1, n)
}

/// Ports bound by the service: one tap each, all made at once. The ports' ids, and the taps' users.
fn bound_ports(site: &Site, network: &Network) -> (Vec<String>, Vec<Peer>) {
    let taps: Vec<String> = (0..ports()).map(|n| format!("tap{n}")).collect();
    let batch = site.dir.join("taps");
    let lines = taps
        .iter()
        .map(|tap| format!("tuntap add {tap} mode tap\n"));
    std::fs::write(&batch, lines.collect::<String>()).unwrap();
    run(&["ip", "-batch", batch.to_str().unwrap()]).unwrap();
    let hosts = site.rest.get("/hosts").unwrap();
    let host = hosts[0]["id"].as_str().unwrap();
    let bind = |tap: &String| {
        let port = cloud::port(&site.rest, network).unwrap();
        let body = json!({ "portId": port, "interfaceName": tap });
        site.rest
            .create(&format!("/hosts/{host}/ports"), &body)
            .unwrap();
        port
    };
    let ids = taps.iter().map(bind).collect();
    site.sync().unwrap();
    let peers = (0..ports())
        .zip(&taps)
        .map(|(n, tap)| Peer::open(tap, mac(n)));
    (ids, peers.map(Result::unwrap).collect())
}

/// Every machine sends to every other, now and again: a flow that is idle would leave. Ends with the
/// sender of `stop`.
fn all_talk(mut peers: Vec<Peer>, stop: &Receiver<()>) {
    let mut pause = Duration::ZERO;
    while stop.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
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
        pause = Duration::from_secs(4);
    }
}

#[test]
fn a_change_of_1_of_many_ports_with_all_their_flows_writes_only_that_ports_flows() {
    let site = Site::start("change").unwrap();
    let network = site.network("blue").unwrap();
    let (ids, mut peers) = bound_ports(&site, &network);
    // Everybody is learned first, so that the flows are unicast.
    for peer in &mut peers {
        peer.send(MacAddr::broadcast(), 0x88b5, b"here I am")
            .unwrap();
    }
    let (alive, stop) = mpsc::channel();
    std::thread::scope(|scope| {
        let _alive = alive;
        scope.spawn(move || all_talk(peers, &stop));
        let pairs = u64::from(ports()) * u64::from(ports() - 1);
        // And no other: those of the greetings leave by and by, which would be writes, too.
        wait::until(
            "just a flow for each pair",
            Duration::from_secs(300),
            || status(&site.socket()).is_ok_and(|status| status["flows"].as_u64() == Some(pairs)),
        )
        .unwrap();
        change_one(&site, &ids[17], pairs);
    });
}

fn change_one(site: &Site, port: &str, pairs: u64) {
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
    let unicast = unicast(&flows) as u64;
    assert!(unicast >= pairs, "{unicast} of {pairs}");
    let concerned = flows.iter().filter(|flow| named(flow)).count() as u64;
    let before = site.flow_writes().unwrap();
    site.set_port_up(port, false).unwrap();
    site.sync().unwrap();
    let after = site.flow_writes().unwrap();
    let written = after - before;
    assert!(
        written >= 2 * u64::from(ports() - 1),
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

//! What a change of the topology costs: counted netlink writes.

use std::time::Duration;

use weft_tests::site::{Plugged, Site};
use weft_topology::MacAddr;

const PORTS: u8 = 100;

fn mac(n: u8) -> MacAddr {
    MacAddr(2, 0, 0, 0, 1, n)
}

/// Every port sends to every other.
fn all_talk(site: &Site, ports: &mut [Plugged]) {
    for from in 0..ports.len() {
        for to in 0..ports.len() {
            if from != to {
                let to = ports[to].peer.mac;
                ports[from].peer.send(to, 0x88b5, b"all pairs").unwrap();
            }
        }
        // The kernel queues what the agent has not read yet; it is let finish before the next port.
        let wanted = u64::try_from(ports.len() * (ports.len() - 1)).unwrap();
        let _ = (site, wanted);
    }
    for port in ports {
        port.peer.drain();
    }
}

#[test]
fn a_change_of_1_of_100_ports_with_10000_flows_writes_only_that_ports_flows() {
    let site = Site::start("change").unwrap();
    let network = site.network("blue").unwrap();
    let mut ports: Vec<Plugged> = (0..PORTS)
        .map(|n| site.plug(&network, &format!("tap{n}"), mac(n)).unwrap())
        .collect();
    // Everybody is learned first, so that the flows are unicast.
    for port in &mut ports {
        port.peer
            .send(MacAddr::broadcast(), 0x88b5, b"here I am")
            .unwrap();
    }
    let pairs = u64::from(PORTS) * u64::from(PORTS - 1);
    weft_tests::wait::until("a flow for each pair", Duration::from_secs(300), || {
        all_talk(&site, &mut ports);
        site.flows()
            .is_ok_and(|flows| unicast(&flows) as u64 == pairs)
    })
    .unwrap();

    let changed = &ports[17];
    let number = {
        let bindings = site.weft_json(&["show", "bindings"]).unwrap();
        let all = bindings.as_array().unwrap().clone();
        let of = all
            .iter()
            .find(|b| b["portId"] == changed.port.as_str())
            .unwrap();
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
    site.set_port_up(&changed.port, false).unwrap();
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

//! A SIGKILL with many ports, many flows and live TCP, all through security groups: 100 and 10,000 by `make test-long`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use weft_flow::{Field, Ufid};
use weft_ovs::{Datapath, KernelDatapath, OpenMode};
use weft_tests::cloud::{self, Network};
use weft_tests::crowd::{Talks, plug_all};
use weft_tests::frames::{Carries, Family, Station, frame};
use weft_tests::peer::Peer;
use weft_tests::share::share;
use weft_tests::site::{DATAPATH, Site};
use weft_tests::vm::Vm;
use weft_tests::wait;

use super::{LIMIT, Machine, machine, open_rules, passes};

/// Ports of the host, four of which talk.
const PORTS: u64 = 12;
/// Connections of datagrams, each of two flows, with every field in every mask.
const CONNECTIONS: u64 = 500;
/// Live TCP connections.
const TALKS: usize = 8;
/// Frames sent at a time: the kernel has room for 1,000 between a tap and the datapath.
const CHUNK: usize = 200;
/// By so many connections the crowd grows.
const STEP: usize = 250;
const BREATH: Duration = Duration::from_millis(10);
/// Often enough that no flow is idle, which it is after ten seconds.
const ROUND: Duration = Duration::from_secs(2);

/// A machine with a real stack, whose port has the same chains as another.
fn real(site: &Site, network: &Network, like: &Machine, n: u8) -> Vm {
    let (station, tap) = (Station::new(n), format!("tap-{n}"));
    let port = cloud::port(&site.rest, network).unwrap();
    let body = site
        .rest
        .get(&format!("/ports/{}", like.plugged.port))
        .unwrap();
    let chain = |name: &str| body[name].as_str().unwrap().to_owned();
    let (inbound, outbound) = (chain("inboundFilterId"), chain("outboundFilterId"));
    cloud::filter(&site.rest, &port, &inbound, &outbound).unwrap();
    site.plug_port(&port, &tap).unwrap();
    let mut vm = Vm::boot(&format!("vm-{n}"), &station.mac.to_string()).unwrap();
    vm.attach(&tap).unwrap();
    let address = format!("{}/24", station.v4);
    vm.run(&["ip", "addr", "add", &address, "dev", "eth0"])
        .unwrap();
    vm
}

/// The flows of the crowd, and what each has seen.
fn crowd() -> BTreeMap<Ufid, u64> {
    let mut found = BTreeMap::new();
    let mut datapath = KernelDatapath::open(DATAPATH, OpenMode::Adopt).unwrap();
    let visit = &mut |flow: Result<weft_ovs::DumpedFlow, weft_ovs::BadFlow>| {
        let flow = flow.unwrap();
        let is = |field, value: u128| flow.key.get(field) == Some(value);
        // The first packet's second pass has a flow of its own, which nothing meets again.
        let goes_on = is(Field::RecircId, 0) || !is(Field::CtMark, 0);
        if is(Field::TpDst, 53) && is(Field::IpProto, 17) && goes_on {
            found.insert(flow.ufid.unwrap(), flow.stats.packets);
        }
    };
    datapath.flows(visit).unwrap();
    found
}

/// A packet of every connection.
fn send_all(a: &mut Peer, frames: &[Vec<u8>]) {
    for chunk in frames.chunks(CHUNK) {
        chunk.iter().for_each(|frame| a.send_raw(frame).unwrap());
        std::thread::sleep(BREATH);
    }
}

#[test]
fn a_sigkill_with_many_ports_and_flows_and_live_tcp_loses_nothing_and_the_last_known_policy_stays()
{
    let ports = usize::try_from(share("WEFT_PORTS", PORTS)).unwrap();
    let connections = u16::try_from(share("WEFT_CONNECTIONS", CONNECTIONS)).unwrap();
    let config = "[limits]\nconnections_per_zone = 0\n[debug]\nexact_flows = true\n";
    let mut site = Site::start_with("groups-many", config).unwrap();
    let network = site.network("blue").unwrap();
    let mut a = machine(&site, &network, 1, &open_rules());
    let mut b = machine(&site, &network, 2, &open_rules());
    let (from, to) = (real(&site, &network, &a, 3), real(&site, &network, &b, 4));
    plug_all(&site, &network, 5..ports + 1).unwrap();
    site.sync().unwrap();
    // What goes to a station that has not spoken yet is flooded to all ports.
    let greeting = Carries::Tcp(4_000, 80, "S", 1, 0);
    assert!(passes(&mut b, &mut a, Family::V4, greeting));
    let of = |n: u16| {
        let carries = Carries::Udp(10_000 + n, 53);
        frame(Family::V4, &a.station, &b.station, carries, b"weft").unwrap()
    };
    let frames: Vec<Vec<u8>> = (0..connections).map(of).collect();
    let wanted = 2 * usize::from(connections);
    // Little by little, or the first are idle before the last are there.
    for many in (STEP..=frames.len()).step_by(STEP) {
        wait::until("the crowd's flows", LIMIT, || {
            send_all(&mut a.plugged.peer, &frames[..many]);
            b.plugged.peer.drain();
            crowd().len() >= 2 * many
        })
        .unwrap();
    }
    let talks = Talks::begin(&from.name, &to.name, Station::new(4).v4.into(), 80, TALKS).unwrap();
    go_on(&talks);

    site.agent.kill();
    // The policy changes, and nobody is there who could say so: the last known stays in force.
    let rule = format!("/rules/{}", b.ingress.1[4]);
    site.rest.delete(&rule).unwrap();
    site.service.kill();
    let before = crowd();
    assert_eq!(before.len(), wanted);
    let (stop, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let ends = Ends(&stop);
        let peer = &mut a.plugged.peer;
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                send_all(peer, &frames);
                rounds.fetch_add(1, Ordering::Relaxed);
                std::thread::park_timeout(ROUND);
            }
        });
        site.agent.start_again().unwrap();
        site.agent_is_ready().unwrap();
        wait::until("the flows to be adopted", LIMIT * 3, || {
            site.counter("flows_adopted")
                .is_ok_and(|adopted| adopted >= wanted as u64)
        })
        .unwrap();
        go_on(&talks);
        let known = rounds.load(Ordering::Relaxed);
        wait::until("another round", LIMIT, || {
            rounds.load(Ordering::Relaxed) > known
        })
        .unwrap();
        drop(ends);
    });
    let rounds = rounds.into_inner();
    // None was deleted and made again: that one would have counted less. Those of first packets leave as they will.
    let after = crowd();
    let right = |(ufid, packets): (&Ufid, &u64)| after.get(ufid) == Some(&(packets + rounds));
    let wrong = before.iter().filter(|of| !right(*of)).count();
    assert_eq!(
        wrong, 0,
        "flows of {wanted} that not every packet of {rounds} rounds met"
    );
    assert_eq!(site.counter("connections_cut").unwrap(), 0);
    b.plugged.peer.drain();
    let new = Carries::Udp(4_100, 53);
    assert!(passes(&mut a, &mut b, Family::V4, new), "last known policy");

    site.service.start_again().unwrap();
    site.service_is_ready().unwrap();
    site.sync().unwrap();
    for carries in [new, Carries::Udp(10_000, 53), Carries::Udp(4_200, 53)] {
        assert!(!passes(&mut a, &mut b, Family::V4, carries), "{carries:?}");
    }
    // TCP's rule is the same as before.
    go_on(&talks);
    talks.finish().unwrap();
}

/// Waits until each connection has brought more.
fn go_on(talks: &Talks) {
    let before = talks.counts();
    wait::until("every connection to bring more", LIMIT * 3, || {
        let now = talks.counts();
        now.iter()
            .zip(&before)
            .all(|(now, before)| *now > before + 5)
    })
    .unwrap();
}

/// Ends the thread beside, also when an assertion fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

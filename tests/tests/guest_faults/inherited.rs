//! A datapath that an older run left, with what others have put into it since.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use weft_flow::{Field, Ufid};
use weft_ovs::{BadFlow, Datapath, DumpedFlow};
use weft_tests::command::run;
use weft_tests::site::{DATAPATH, Site, mac};
use weft_tests::wait;

use super::datagram::Datagram;
use super::{Ends, LIMIT, datapath, flows, names, number};

fn has_vport(interface: &str) -> bool {
    let vports = datapath().ports().unwrap();
    vports.iter().any(|vport| vport.name == interface)
}

/// Whether a flow is one of those that the test puts, or one that nobody can read.
fn is_foreign(flow: Result<&DumpedFlow, &BadFlow>) -> bool {
    let kind = flow.ok().map(|flow| flow.key.u16(Field::EthType));
    kind.is_none_or(|kind| kind.is_some_and(|kind| (0x4242..=0x4244).contains(&kind)))
}

fn foreign_flows() -> usize {
    let mut count = 0;
    let visit =
        &mut |flow: Result<DumpedFlow, BadFlow>| count += usize::from(is_foreign(flow.as_ref()));
    datapath().flows(visit).unwrap();
    count
}

#[test]
fn foreign_ports_and_flows_go_and_the_agents_own_stay_with_their_counters() {
    let mut site = Site::start("inherited").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    let mut datagram = Datagram::new(mac(1), mac(2));
    let (in_port, to) = (
        number(&site, "tap-a").unwrap(),
        number(&site, "tap-b").unwrap(),
    );
    let own = || {
        let all = flows();
        let of = all
            .into_iter()
            .find(|flow| names(flow, to) && flow.key.u16(Field::EthType) == Some(0x800));
        of.map(|flow| (flow.ufid, flow.stats.packets))
    };
    // Always in use: a flow that is idle for 10 s leaves, agent or not.
    let done = AtomicBool::new(false);
    let peer = &mut a.peer;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                peer.send_raw(datagram.with_port(7)).unwrap();
                std::thread::park_timeout(Duration::from_millis(20));
            }
        });
        let _ends = Ends(&done);
        meddled_with(&mut site, in_port, to, &own);
    });
    b.peer.drain();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
}

fn meddled_with(
    site: &mut Site,
    in_port: u32,
    to: u32,
    own: &dyn Fn() -> Option<(Option<Ufid>, u64)>,
) {
    let used = || own().filter(|(_, packets)| *packets > 50);
    let before = wait::until_some("the flow to be used", LIMIT, used).unwrap();
    assert!(site.agent.stop().unwrap().success());

    for words in [
        "ip link add foreign type dummy",
        "ip link set foreign up",
        // A tap of ours whose binding ended while no agent ran is foreign by then.
        "ip tuntap add tap-gone mode tap",
    ] {
        run(&words.split(' ').collect::<Vec<_>>()).unwrap();
    }
    run(&["ovs-dpctl", "add-if", DATAPATH, "foreign", "tap-gone"]).unwrap();
    let add = |matches: &str, actions: &str| {
        run(&["ovs-dpctl", "add-flow", DATAPATH, matches, actions]).unwrap()
    };
    add("in_port(77),eth(),eth_type(0x4242)", "1");
    add(
        &format!("in_port({in_port}),eth(),eth_type(0x4242)"),
        &to.to_string(),
    );
    add(
        &format!("in_port({in_port}),eth(),eth_type(0x4243)"),
        &format!("{to},77"),
    );
    // Of no port: what the kernel says of it cannot be read.
    add("eth(),eth_type(0x4244)", &to.to_string());
    assert!(has_vport("foreign") && has_vport("tap-gone"));
    assert_eq!(foreign_flows(), 4);

    site.agent.start_again().unwrap();
    site.agent_is_ready().unwrap();
    assert!(!has_vport("foreign") && !has_vport("tap-gone"));
    wait::until("the foreign flows to go", LIMIT, || foreign_flows() == 0).unwrap();
    let Some(after) = own() else {
        panic!(
            "the agent's own flow is gone: {:#?}\n{}",
            flows(),
            site.agent.log()
        );
    };
    assert_eq!(after.0, before.0);
    assert!(
        after.1 > before.1,
        "its counter began anew: {after:?} {before:?}\n{}",
        site.agent.log()
    );
    // The device itself is not ours: it is there, and as up as it was.
    assert!(
        run(&["ip", "-o", "link", "show", "foreign"])
            .unwrap()
            .contains("foreign")
    );
}

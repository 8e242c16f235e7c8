//! Messages that the kernel drops because a socket of the agent's is full, and lists that it calls interrupted. Nothing
//! may be missing in the end.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use nix::sys::signal::Signal;
use weft_ovs::Datapath;
use weft_tests::command::{command, output, run};
use weft_tests::host::status;
use weft_tests::netlink::{GENERIC, NetlinkSocket, ROUTE};
use weft_tests::peer::Peer;
use weft_tests::site::{DATAPATH, Site, mac};
use weft_tests::wait;

use super::datagram::Datagram;
use super::{Ends, LIMIT, datapath, flows, names, number, state};

/// The agent's sockets of a kind, each as small as may be from now on.
fn shrunk(site: &Site, protocol: u32, hears_news: bool) -> Vec<NetlinkSocket> {
    let all = NetlinkSocket::all_of(site.agent.pid().unwrap()).unwrap();
    let wanted =
        |socket: &NetlinkSocket| socket.protocol == protocol && socket.hears_news == hears_news;
    let found: Vec<_> = all.into_iter().filter(wanted).collect();
    assert!(!found.is_empty(), "the agent has no such socket");
    found.iter().for_each(|socket| socket.shrink().unwrap());
    found
}

/// How many messages these sockets have lost since.
fn lost(site: &Site, sockets: &[NetlinkSocket]) -> u64 {
    let now = NetlinkSocket::all_of(site.agent.pid().unwrap()).unwrap();
    let drops = |of: &NetlinkSocket| {
        now.iter()
            .find(|socket| socket.port_id == of.port_id)
            .map(|it| it.drops)
    };
    sockets
        .iter()
        .filter_map(|socket| Some(drops(socket)? - socket.drops))
        .sum()
}

/// Makes and deletes some interfaces that concern nobody.
fn noise(site: &Site) {
    let lines = (0..20).map(|n| format!("link add noise{n} type dummy\nlink del noise{n}\n"));
    batch(site, &lines.collect::<String>());
}

fn batch(site: &Site, lines: &str) {
    let file = site.dir.join("noise");
    std::fs::write(&file, lines).unwrap();
    run(&["ip", "-batch", file.to_str().unwrap()]).unwrap();
}

#[test]
fn news_of_interfaces_that_were_lost_are_made_up_for() {
    let site = Site::start("lost-links").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let b = site.plug(&network, "tap-b", mac(2)).unwrap();
    drop(b.peer);
    let monitor = shrunk(&site, ROUTE, true);

    // A tap that goes and comes back.
    site.agent.signal(Signal::SIGSTOP).unwrap();
    run(&["ip", "link", "del", "tap-b"]).unwrap();
    noise(&site);
    run(&["ip", "tuntap", "add", "tap-b", "mode", "tap"]).unwrap();
    assert!(lost(&site, &monitor) > 0, "nothing was lost");
    site.agent.signal(Signal::SIGCONT).unwrap();
    let mut peer = Peer::open("tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut peer).unwrap();
    site.reaches(&mut peer, &mut a.peer).unwrap();
    drop(peer);

    // One that goes.
    let before = lost(&site, &monitor);
    site.agent.signal(Signal::SIGSTOP).unwrap();
    noise(&site);
    run(&["ip", "link", "del", "tap-b"]).unwrap();
    assert!(lost(&site, &monitor) > before, "nothing was lost");
    site.agent.signal(Signal::SIGCONT).unwrap();
    let is_missed = || state(&site, "tap-b").as_deref() == Some("waiting_for_interface");
    wait::until("the tap to be missed", LIMIT, is_missed).unwrap();
    let active = || site.rest.get(&format!("/ports/{}", b.port)).unwrap()["active"].clone();
    wait::until("the service to know", LIMIT, || active() == false).unwrap();
}

#[test]
fn news_of_the_datapath_that_were_lost_are_made_up_for() {
    let site = Site::start("lost-vports").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    let former = number(&site, "tap-b").unwrap();
    let features = datapath().info().unwrap().user_features;
    let monitor = shrunk(&site, GENERIC, true);

    site.agent.signal(Signal::SIGSTOP).unwrap();
    // Each switches the dispatch of upcalls, too: that is news of its own.
    run(&["ovs-dpctl", "show", DATAPATH]).unwrap();
    run(&["ovs-dpctl", "show", DATAPATH]).unwrap();
    run(&["ovs-dpctl", "del-if", DATAPATH, "tap-b"]).unwrap();
    assert!(lost(&site, &monitor) > 0, "nothing was lost");
    site.agent.signal(Signal::SIGCONT).unwrap();
    let is_back = || number(&site, "tap-b").is_some_and(|now| now != former);
    wait::until("the vport to be made anew", LIMIT, is_back).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    assert_eq!(datapath().info().unwrap().user_features, features);
    wait::until("flows of the former vport to go", LIMIT, || {
        !flows().iter().any(|flow| names(flow, former))
    })
    .unwrap();
}

#[test]
fn answers_and_upcalls_that_were_lost_leave_no_flow_wrong_and_none_unknown() {
    let site = Site::start_with("lost-answers", "[debug]\nexact_flows = true\n").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    // Its requests and its upcalls.
    let all = shrunk(&site, GENERIC, false);
    let sink = number(&site, "tap-b").unwrap();
    let mut datagram = Datagram::new(mac(1), mac(2));
    let to_sink = || flows().iter().filter(|flow| names(flow, sink)).count();
    wait::until("some hundred flows", LIMIT, || {
        for port in 0..400 {
            a.peer.send_raw(datagram.with_port(port)).unwrap();
        }
        b.peer.drain();
        to_sink() > 300
    })
    .unwrap();

    // All of them are changed, then changed back, and most of what the kernel says of it is lost.
    site.set_port_up(&b.port, false).unwrap();
    site.sync().unwrap();
    let left: Vec<_> = flows()
        .into_iter()
        .filter(|flow| names(flow, sink))
        .collect();
    let out = left
        .iter()
        .filter(|flow| flow.actions.contains(&weft_flow::Action::Output(sink)));
    assert_eq!(
        out.count(),
        0,
        "a flow still sends to the port that is down"
    );
    site.set_port_up(&b.port, true).unwrap();
    site.sync().unwrap();
    assert!(lost(&site, &all) > 0, "nothing was lost");
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    assert!(!site.flows().unwrap().is_empty());

    // What it knows is what there is; and what nobody uses leaves.
    let known = || status(&site.socket()).unwrap()["flows"].as_u64().unwrap();
    wait::until("idle flows to leave", LIMIT, || {
        flows().is_empty() && known() == 0
    })
    .unwrap();
}

#[test]
fn an_interrupted_list_of_interfaces_takes_no_port_away() {
    let site = Site::start("interrupted").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let b = site.plug(&network, "tap-b", mac(2)).unwrap();
    drop(b.peer);
    let kept = number(&site, "tap-a").unwrap();
    // Interfaces before and behind ours in the list; the addresses make the agent list them all.
    let churn: String = (0..16)
        .map(|n| {
            let name = format!("noise{n}");
            format!("link add {name} type dummy\naddress add 192.0.2.{n}/32 dev {name}\n")
        })
        .chain((0..16).map(|n| format!("link del noise{n}\n")))
        .collect();
    let (stop, interrupted) = (AtomicBool::new(false), AtomicU32::new(0));
    let mut peer = std::thread::scope(|scope| {
        let _ends = Ends(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                batch(&site, &churn);
            }
        });
        scope.spawn(|| {
            // iproute2 says so of its own lists, of the same interfaces at the same time.
            while !stop.load(Ordering::Relaxed) {
                let listed = output(command(&["ip", "-o", "link"])).unwrap();
                let said = String::from_utf8_lossy(&listed.stderr).contains("interrupted");
                interrupted.fetch_add(u32::from(said), Ordering::Relaxed);
            }
        });
        let turns = || -> anyhow::Result<Peer> {
            for _ in 0..2 {
                run(&["ip", "link", "del", "tap-b"])?;
                let is_missed =
                    || state(&site, "tap-b").as_deref() == Some("waiting_for_interface");
                wait::until("the tap to be missed", LIMIT, is_missed)?;
                run(&["ip", "tuntap", "add", "tap-b", "mode", "tap"])?;
                let is_back = || state(&site, "tap-b").as_deref() == Some("active");
                wait::until("the tap to be back", LIMIT, is_back)?;
            }
            let seen = || interrupted.load(Ordering::Relaxed) > 0;
            wait::until("an interrupted list", LIMIT, seen)?;
            Peer::open("tap-b", mac(2))
        };
        turns().unwrap()
    });
    site.reaches(&mut a.peer, &mut peer).unwrap();
    assert_eq!(
        number(&site, "tap-a"),
        Some(kept),
        "its port was taken away meanwhile"
    );
}

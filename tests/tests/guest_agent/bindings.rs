//! Bindings against a real kernel: taps come, go and come back.

use std::time::{Duration, Instant};

use weft_tests::cloud;
use weft_tests::command::run;
use weft_tests::peer::Peer;
use weft_tests::site::{DATAPATH, Site, mac};
use weft_tests::wait;

const LIMIT: Duration = Duration::from_secs(20);

fn state(site: &Site, interface: &str) -> Option<String> {
    let bindings = site.weft_json(&["show", "bindings"]).ok()?;
    let of = bindings
        .as_array()?
        .iter()
        .find(|binding| binding["interface"] == interface)?
        .clone();
    Some(of["state"].as_str()?.to_owned())
}

fn has_vport(interface: &str) -> bool {
    let master = run(&["ip", "-d", "link", "show", interface]).unwrap_or_default();
    master.contains("openvswitch_slave") || master.contains("master ovs-system")
}

#[test]
fn a_bound_tap_that_goes_and_comes_back_is_served_again() {
    let site = Site::start("tap").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let b = site.plug(&network, "tap-b", mac(2)).unwrap();
    let port = b.port.clone();
    drop(b.peer);
    run(&["ip", "link", "del", "tap-b"]).unwrap();
    wait::until("the agent to miss the tap", LIMIT, || {
        state(&site, "tap-b").as_deref() == Some("waiting_for_interface")
    })
    .unwrap();
    let active = |id: &str| site.rest.get(&format!("/ports/{id}")).unwrap()["active"].clone();
    wait::until("the service to say so", LIMIT, || active(&port) == false).unwrap();
    run(&["ip", "tuntap", "add", "tap-b", "mode", "tap"]).unwrap();
    wait::until("the tap to be active again", LIMIT, || {
        state(&site, "tap-b").as_deref() == Some("active")
    })
    .unwrap();
    let mut b = Peer::open("tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b).unwrap();
    wait::until("the service to say so", LIMIT, || active(&port) == true).unwrap();
}

#[test]
fn a_tap_that_nobody_bound_has_no_vport() {
    let site = Site::start("unbound").unwrap();
    run(&["ip", "tuntap", "add", "tap-x", "mode", "tap"]).unwrap();
    run(&["ip", "link", "set", "tap-x", "up"]).unwrap();
    let network = site.network("blue").unwrap();
    site.plug(&network, "tap-a", mac(1)).unwrap();
    assert!(has_vport("tap-a"));
    assert!(!has_vport("tap-x"));
}

#[test]
fn a_plug_while_the_agent_is_down_is_taken_up_when_it_starts() {
    let mut site = Site::start("down").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let port = cloud::port(&site.rest, &network).unwrap();
    site.agent.kill();
    site.plug_port(&port, "tap-b").unwrap();
    site.agent.start_again().unwrap();
    site.agent_is_ready().unwrap();
    wait::until("the plug to be taken up", LIMIT, || {
        state(&site, "tap-b").as_deref() == Some("active")
    })
    .unwrap();
    let mut b = Peer::open("tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b).unwrap();
    site.agent.kill();
    assert!(
        site.vif(&["unplug", "--interface", "tap-b"])
            .unwrap()
            .status
            .success()
    );
    site.agent.start_again().unwrap();
    site.agent_is_ready().unwrap();
    wait::until("the unplug to be taken up", LIMIT, || {
        state(&site, "tap-b").is_none()
    })
    .unwrap();
    wait::until("the service to know", LIMIT, || {
        site.rest.get(&format!("/ports/{port}")).unwrap()["hostId"].is_null()
    })
    .unwrap();
}

#[test]
fn two_plugs_of_one_port_at_once_have_one_winner_and_the_loser_is_told() {
    let site = Site::start("two").unwrap();
    let network = site.network("blue").unwrap();
    let port = cloud::port(&site.rest, &network).unwrap();
    let plug = |tap: &'static str| {
        let words = ["plug", "--port", &port, "--interface", tap];
        site.vif(&words).unwrap()
    };
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| plug("tap-1"));
        let other = scope.spawn(|| plug("tap-2"));
        (one.join().unwrap(), other.join().unwrap())
    });
    assert_ne!(
        one.status.success(),
        other.status.success(),
        "{one:?} {other:?}"
    );
    let (winner, loser, lost) = if one.status.success() {
        ("tap-1", "tap-2", other)
    } else {
        ("tap-2", "tap-1", one)
    };
    let said = String::from_utf8_lossy(&lost.stderr).into_owned();
    assert!(
        said.contains(winner),
        "the loser is not told who has it: {said}"
    );
    assert!(has_vport(winner));
    assert!(
        run(&["ip", "link", "show", loser]).is_err(),
        "the loser's tap is still there"
    );
}

#[test]
fn a_port_that_does_not_exist_is_refused_and_the_tap_rolled_back() {
    let site = Site::start("nosuch").unwrap();
    let begin = Instant::now();
    let id = "2cd924c3-642a-4789-9620-208cd4979068";
    let refused = site
        .vif(&["plug", "--port", id, "--interface", "tap-q"])
        .unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains(id),
        "{refused:?}"
    );
    assert!(run(&["ip", "link", "show", "tap-q"]).is_err());
    assert!(
        begin.elapsed() < Duration::from_secs(60),
        "a hang, not an answer"
    );
}

#[test]
fn a_port_deleted_while_plugged_stops_and_a_later_unplug_succeeds() {
    let site = Site::start("deleted").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    site.rest.delete(&format!("/ports/{}", b.port)).unwrap();
    site.sync().unwrap();
    wait::until("the vport to go", LIMIT, || !has_vport("tap-b")).unwrap();
    assert!(
        site.vif(&["unplug", "--interface", "tap-b"])
            .unwrap()
            .status
            .success()
    );
    assert!(run(&["ip", "link", "show", "tap-b"]).is_err());
    assert!(
        site.vif(&["unplug", "--interface", "tap-a"])
            .unwrap()
            .status
            .success()
    );
    wait::until("the kernel to be clean", Duration::from_secs(10), || {
        site.flows().is_ok_and(|flows| flows.is_empty())
    })
    .unwrap();
    let links = run(&["ip", "-o", "link"]).unwrap();
    assert!(!links.contains("tap-"), "{links}");
    assert!(links.contains(DATAPATH));
}

fn is_up(interface: &str) -> bool {
    run(&["ip", "-o", "link", "show", interface]).is_ok_and(|line| line.contains(",UP"))
}

#[test]
fn a_tap_is_up_only_while_it_carries_a_port_or_its_guest_would_reach_the_hypervisor() {
    let mut site = Site::start("updown").unwrap();
    let network = site.network("blue").unwrap();
    let a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let b = site.plug(&network, "tap-b", mac(2)).unwrap();
    assert!(is_up("tap-a"));
    // Somebody sets it down: it carries a port, so it is set up again.
    run(&["ip", "link", "set", "tap-a", "down"]).unwrap();
    wait::until("the tap to be up again", LIMIT, || is_up("tap-a")).unwrap();
    site.rest.delete(&format!("/ports/{}", a.port)).unwrap();
    wait::until("the tap without a port to be down", LIMIT, || {
        !is_up("tap-a")
    })
    .unwrap();
    site.agent.kill();
    let port = cloud::port(&site.rest, &network).unwrap();
    site.plug_port(&port, "tap-c").unwrap();
    assert!(
        !is_up("tap-c"),
        "up, and nobody is there to take its frames"
    );
    site.agent.start_again().unwrap();
    site.agent_is_ready().unwrap();
    wait::until("the plug to be taken up", LIMIT, || {
        state(&site, "tap-c").as_deref() == Some("active")
    })
    .unwrap();
    assert!(is_up("tap-c"));
    site.agent.stop().unwrap();
    assert!(is_up("tap-b"), "a restart would be noticed");
    let config = site.dir.join("agent.toml");
    let config = config.to_str().unwrap();
    run(&["weft-agent", "--config", config, "--purge"]).unwrap();
    assert!(!is_up("tap-b"));
    drop(b);
}

#[test]
fn what_is_the_hosts_own_or_somebody_elses_is_refused_and_left_as_it_was() {
    let site = Site::start("unfit").unwrap();
    let network = site.network("blue").unwrap();
    for words in [
        "link add tap-host type dummy",
        "address add 192.168.77.1/24 dev tap-host",
        "link set tap-host up",
        "link add tap-bridge type bridge",
        "link add tap-slave type dummy",
        "link set tap-slave master tap-bridge",
        "tuntap add tap-tun mode tun",
    ] {
        let words: Vec<&str> = std::iter::once("ip").chain(words.split(' ')).collect();
        run(&words).unwrap();
    }
    let shown = |interface: &str| {
        let ipv6 = format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6");
        let link = run(&["ip", "-o", "link", "show", interface]).unwrap();
        (link, std::fs::read_to_string(ipv6).unwrap())
    };
    for (interface, why) in [
        ("lo", "loopback"),
        (DATAPATH, "datapath's own device"),
        ("tap-host", "192.168.77.1/24"),
        ("tap-slave", "nomaster"),
        ("tap-tun", "no Ethernet"),
    ] {
        let before = shown(interface);
        let port = cloud::port(&site.rest, &network).unwrap();
        let words = ["plug", "--port", &port, "--interface", interface];
        let refused = site.vif(&words).unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{interface}: {said}");
        assert!(said.contains(why), "{interface}: {said}");
        assert_eq!(shown(interface), before, "{interface} was changed");
    }
}

#[test]
fn libvirts_script_finds_the_port_by_the_taps_name() {
    let site = Site::start("libvirt").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let port = cloud::port(&site.rest, &network).unwrap();
    let tap = format!("tap{}", &port[..11]);
    // As libvirt has it: the tap is there, the script is run with its name alone.
    run(&["ip", "tuntap", "add", &tap, "mode", "tap"]).unwrap();
    let script = site.vif(&["libvirt-script", &tap]).unwrap();
    assert!(script.status.success(), "{script:?}");
    let mut b = Peer::open(&tap, mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b).unwrap();
}

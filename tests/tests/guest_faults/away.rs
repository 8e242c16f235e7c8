//! The service out of reach: not refused, which is quick to notice, but without any answer.

use std::time::{Duration, Instant};

use weft_tests::cloud;
use weft_tests::command::run;
use weft_tests::host::status;
use weft_tests::peer::Peer;
use weft_tests::share::share;
use weft_tests::site::{Site, mac};
use weft_tests::vm::Vm;
use weft_tests::wait;

use super::{LIMIT, say, state};

/// The agent reaches the service by an address of its own, so that it can be cut off alone.
const AGENTS_WAY: &str = "127.0.0.9";
const RULES: &str = "
table ip weft-test {
    chain way {
        type nat hook output priority -100;
        ip daddr 127.0.0.9 tcp dport 8181 dnat to 127.0.0.1:8181
    }
    chain hole {
        type filter hook output priority 10;
    }
}
";

/// Packet filter rules; dropped, they are gone.
struct Way;

impl Way {
    fn open(site_file: &std::path::Path) -> Self {
        let _ = run(&["nft", "delete", "table", "ip", "weft-test"]);
        std::fs::write(site_file, RULES).unwrap();
        run(&["nft", "-f", site_file.to_str().unwrap()]).unwrap();
        Self
    }

    /// From now on both directions' packets vanish.
    fn cut(&self) {
        let rule = [
            "add",
            "rule",
            "ip",
            "weft-test",
            "hole",
            "ct",
            "original",
            "ip",
            "daddr",
        ];
        run(&[&["nft"], &rule[..], &[AGENTS_WAY, "drop"]].concat()).unwrap();
    }

    fn mend(&self) {
        run(&["nft", "flush", "chain", "ip", "weft-test", "hole"]).unwrap();
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        let _ = run(&["nft", "delete", "table", "ip", "weft-test"]);
    }
}

#[test]
fn cut_off_from_the_service_a_host_goes_on_also_after_a_restart_and_then_catches_up() {
    let longer = Duration::from_secs(share("WEFT_AWAY_SECONDS", 0));
    let way = Way::open(std::path::Path::new("/tmp/weft-test.nft"));
    let urls = format!("[api]\nurls = [\"http://{AGENTS_WAY}:8181/midonet-api\"]\n");
    let mut site = Site::start_with("away", &urls).unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    let client = mac(0x11).to_string();
    cloud::dhcp_host(&site.rest, &network, &client, "10.0.0.17").unwrap();
    let vm_port = cloud::port(&site.rest, &network).unwrap();
    site.plug_port(&vm_port, "tap-vm").unwrap();
    let mut vm = Vm::boot("away-vm", &client).unwrap();
    vm.attach("tap-vm").unwrap();
    let moving = cloud::port(&site.rest, &network).unwrap();
    site.plug_port(&moving, "tap-c").unwrap();
    site.sync().unwrap();

    way.cut();
    let began = Instant::now();
    let is_away = || status(&site.socket()).unwrap()["api"].is_null();
    wait::until("the agent to notice", LIMIT, is_away).unwrap();
    serves(&site, &mut a.peer, &mut b.peer, &vm);
    // A port that the host knows is given back and plugged again, into another interface.
    let unplugged = site.vif(&["unplug", "--interface", "tap-c"]).unwrap();
    assert!(unplugged.status.success(), "{unplugged:?}");
    site.plug_port(&moving, "tap-d").unwrap();
    let mut d = Peer::open("tap-d", mac(4)).unwrap();
    site.reaches(&mut a.peer, &mut d).unwrap();
    site.agent.kill();
    site.agent.start_again().unwrap();
    site.agent_is_ready().unwrap();
    serves(&site, &mut a.peer, &mut b.peer, &vm);
    site.reaches(&mut d, &mut a.peer).unwrap();
    // What is not known here cannot be plugged, and that is said soon.
    let unknown = cloud::port(&site.rest, &network).unwrap();
    let refused = site
        .vif(&["plug", "--port", &unknown, "--interface", "tap-e"])
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("the topology service is away"), "{said}");

    // Meanwhile the topology changes, and the service itself is started anew.
    site.set_port_up(&b.port, false).unwrap();
    site.service.kill();
    site.service.start_again().unwrap();
    site.service_is_ready().unwrap();
    let rest = longer.saturating_sub(began.elapsed());
    wait::until("the time to pass", rest + LIMIT, || {
        began.elapsed() >= longer
    })
    .unwrap();
    serves(&site, &mut a.peer, &mut d, &vm);

    way.mend();
    wait::until("the agent to be back", LIMIT, || !is_away_of(&site)).unwrap();
    site.sync().unwrap();
    // The change is in force: b neither sends nor receives. Until then it was up: what was flooded to a station that
    // was not heard of for five minutes has reached it.
    b.peer.drain();
    a.peer.send(b.peer.mac, 0x88b5, b"to b").unwrap();
    site.reaches(&mut a.peer, &mut d).unwrap();
    assert_eq!(b.peer.drain(), 0, "the port that was set down receives");
    for (port, tap) in [(&moving, "tap-d"), (&vm_port, "tap-vm")] {
        let is_so = || {
            let found = site.rest.get(&format!("/ports/{port}")).unwrap();
            found["interfaceName"] == tap && found["active"] == true
        };
        wait::until(&format!("the service to have {tap}"), LIMIT, is_so).unwrap();
        assert_eq!(state(&site, tap).as_deref(), Some("active"));
    }
    say(&format!("cut off for {} s", began.elapsed().as_secs()));
}

fn is_away_of(site: &Site) -> bool {
    status(&site.socket()).unwrap()["api"].is_null()
}

/// New flows, DHCP, and ARP of what this host answers.
fn serves(site: &Site, one: &mut Peer, other: &mut Peer, vm: &Vm) {
    site.reaches(one, other).unwrap();
    site.reaches(other, one).unwrap();
    assert_eq!(vm.udhcpc().unwrap(), "10.0.0.17");
    vm.run(&["ip", "neigh", "flush", "dev", "eth0"]).unwrap();
    let asked = vm.run(&["arping", "-c", "1", "-w", "5", "-I", "eth0", "10.0.0.2"]);
    assert!(asked.is_ok(), "{asked:?}");
    vm.forget_address().unwrap();
}

#[test]
fn a_service_that_hangs_is_noticed_and_a_plug_of_a_known_port_is_served_meanwhile() {
    let site = Site::start("hangs").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.sync().unwrap();
    site.service
        .signal(nix::sys::signal::Signal::SIGSTOP)
        .unwrap();
    // At once: the agent does not know yet that nobody answers.
    drop(b.peer);
    let unplugged = site.vif(&["unplug", "--interface", "tap-b"]).unwrap();
    assert!(unplugged.status.success(), "{unplugged:?}");
    site.plug_port(&b.port, "tap-b2").unwrap();
    let mut peer = Peer::open("tap-b2", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut peer).unwrap();
    site.service
        .signal(nix::sys::signal::Signal::SIGCONT)
        .unwrap();
    site.sync().unwrap();
    let has_it =
        || site.rest.get(&format!("/ports/{}", b.port)).unwrap()["interfaceName"] == "tap-b2";
    wait::until("the service to have it", LIMIT, has_it).unwrap();
    site.reaches(&mut peer, &mut a.peer).unwrap();
}

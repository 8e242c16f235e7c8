//! The time of day jumps: nothing that Weft does depends on it.

use std::time::{Duration, Instant, SystemTime};

use weft_tests::cloud;
use weft_tests::command::run;
use weft_tests::peer::Peer;
use weft_tests::site::{Site, mac};
use weft_tests::vm::Vm;
use weft_tests::wait;

use super::{LIMIT, flows};

/// The machine's clock; dropped, it is right again.
struct Clock {
    time: SystemTime,
    then: Instant,
}

impl Clock {
    fn take() -> Self {
        Self {
            time: SystemTime::now(),
            then: Instant::now(),
        }
    }

    /// Sets it so many hours wrong.
    fn set_off(&self, hours: i64) {
        let right = (self.time + self.then.elapsed()).duration_since(SystemTime::UNIX_EPOCH);
        let seconds = i64::try_from(right.unwrap().as_secs()).unwrap() + hours * 3600;
        run(&["date", "-s", &format!("@{seconds}")]).unwrap();
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.set_off(0);
    }
}

#[test]
fn an_hour_back_and_two_ahead_leases_watch_sync_plugs_dhcp_and_idle_flows_go_on() {
    let site = Site::start("clock").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let client = mac(0x11).to_string();
    cloud::dhcp_host(&site.rest, &network, &client, "10.0.0.17").unwrap();
    let port = cloud::port(&site.rest, &network).unwrap();
    site.plug_port(&port, "tap-vm").unwrap();
    let mut vm = Vm::boot("clock-vm", &client).unwrap();
    vm.attach("tap-vm").unwrap();
    let host = site.rest.get("/hosts").unwrap()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let is_alive = || site.rest.get(&format!("/hosts/{host}")).unwrap()["alive"] == true;

    let away = || site.agent.log().matches("is away").count();
    let before = away();
    let clock = Clock::take();
    for (hours, tap) in [(-1, "tap-b"), (2, "tap-c")] {
        clock.set_off(hours);
        let jumped = Instant::now();
        let mut peer: Peer = site
            .plug(&network, tap, mac(hours.unsigned_abs() as u8 + 1))
            .unwrap()
            .peer;
        site.reaches(&mut a.peer, &mut peer).unwrap();
        site.set_port_up(&a.port, false).unwrap();
        site.sync().unwrap();
        site.set_port_up(&a.port, true).unwrap();
        site.sync().unwrap();
        site.reaches(&mut a.peer, &mut peer).unwrap();
        site.reaches(&mut peer, &mut a.peer).unwrap();
        assert_eq!(vm.udhcpc().unwrap(), "10.0.0.17");
        vm.forget_address().unwrap();
        if hours < 0 {
            // They leave when they were idle for 10 s: neither at once nor an hour later.
            wait::until("idle flows to leave", LIMIT, || flows().is_empty()).unwrap();
            // Longer than a lease lives without being renewed.
            let lapsed = || jumped.elapsed() > Duration::from_secs(11);
            wait::until("a lease's time to pass", LIMIT, lapsed).unwrap();
        }
        assert!(is_alive(), "the host's lease lapsed");
    }
    assert_eq!(away(), before, "{}", site.agent.log());
}

//! A kernel without openvswitch.

use std::fs;

use weft_tests::command::{command, output, run};
use weft_tests::host::Daemon;
use weft_tests::site::{DATAPATH, Site, clean_up, mac};
use weft_tests::wait;

use super::LIMIT;

const REFUSAL: &str = "/etc/modprobe.d/weft-test.conf";

/// openvswitch is not loaded, and modprobe refuses to; dropped, all is as it was.
struct Refused;

impl Refused {
    fn new() -> Self {
        clean_up().unwrap();
        fs::write(REFUSAL, "install openvswitch /bin/false\n").unwrap();
        // A namespace of an earlier test may be on its way out, and its datapath with it.
        wait::until_ok("openvswitch to go", LIMIT, || {
            for module in ["vport_vxlan", "vport_geneve", "vport_gre"] {
                let _ = run(&["rmmod", module]);
            }
            run(&["rmmod", "openvswitch"])
        })
        .unwrap();
        Self
    }
}

impl Drop for Refused {
    fn drop(&mut self) {
        let _ = fs::remove_file(REFUSAL);
        let _ = run(&["modprobe", "openvswitch"]);
    }
}

#[test]
fn without_openvswitch_the_agent_ends_with_1_and_what_to_do_and_serves_once_it_can_be_loaded() {
    let mut site = Site::start("module").unwrap();
    let network = site.network("blue").unwrap();
    let port = site.plug(&network, "tap-a", mac(1)).unwrap();
    site.sync().unwrap();
    site.agent.stop().unwrap();
    let config = site.dir.join("agent.toml");
    let log = site.dir.join("agent-2.log");
    drop(port.peer);
    let refused = Refused::new();
    let mut agent = Daemon::start("weft-agent", &config, &log).unwrap();
    assert_eq!(agent.ends().unwrap().code(), Some(1));
    let said = agent.log();
    for wanted in [
        "openvswitch is not loaded",
        "modprobe openvswitch",
        "/etc/modprobe.d",
    ] {
        assert!(said.contains(wanted), "no '{wanted}' in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    // There is nothing to remove from such a kernel: a purge of the state alone does not need it.
    let mut purge = command(&["weft-agent", "--purge"]);
    purge.arg("--config").arg(&config);
    let purged = output(purge).unwrap();
    assert!(purged.status.success(), "{purged:?}");

    // Refused, and then not any more: the next start loads it by itself.
    drop(refused);
    let _ = run(&["rmmod", "openvswitch"]);
    site.agent.start_again().unwrap();
    site.agent_is_ready().unwrap();
    assert!(run(&["ip", "link", "show", DATAPATH]).is_ok());
    let mut a = site.plug(&network, "tap-a2", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
}

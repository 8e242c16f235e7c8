//! What others do to the datapath, and a second agent.

use std::process::Command;
use std::time::Duration;

use weft_tests::command::{output, program, run};
use weft_tests::site::{DATAPATH, Site, mac};
use weft_tests::wait;

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn ovs_dpctl_on_the_live_datapath_is_repaired() {
    let site = Site::start("dpctl").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    run(&["ovs-dpctl", "show", DATAPATH]).unwrap();
    // New flows: had the dispatch stayed flipped, no upcall would come.
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
}

#[test]
fn flows_deleted_behind_the_agents_back_come_again() {
    let site = Site::start("delflows").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    run(&["ovs-dpctl", "del-flows", DATAPATH]).unwrap();
    wait::until("the agent to notice", LIMIT, || {
        site.counter("flows_vanished")
            .is_ok_and(|vanished| vanished > 0)
    })
    .unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    assert!(!site.flows().unwrap().is_empty());
}

#[test]
fn a_foreign_flow_on_a_port_of_ours_does_not_stay() {
    let site = Site::start("foreign").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    let bindings = site.weft_json(&["show", "bindings"]).unwrap();
    let number = bindings.as_array().unwrap()[0]["number"].clone();
    let flow = format!("in_port({number}),eth(),eth_type(0x4242)");
    run(&[
        "ovs-dpctl",
        "add-flow",
        DATAPATH,
        &flow,
        &number.to_string(),
    ])
    .unwrap();
    wait::until("the foreign flow to go", LIMIT, || {
        site.flows()
            .is_ok_and(|flows| !flows.iter().any(|flow| flow.to_string().contains("0x4242")))
    })
    .unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
}

#[test]
fn a_datapath_that_somebody_deleted_is_made_anew_with_all_its_ports() {
    let site = Site::start("deldp").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    run(&["ovs-dpctl", "del-dp", &format!("system@{DATAPATH}")]).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    site.sync().unwrap();
    assert!(site.agent.log().contains("somebody deleted the datapath"));
}

#[test]
fn an_ovs_vswitchd_started_beside_the_agent_is_survived_and_named() {
    let site = Site::start("vswitchd").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    let _vswitchd = Vswitchd::start(&site.dir);
    wait::until("the datapath to be made anew", LIMIT, || {
        site.agent
            .log()
            .contains("ovs-vswitchd runs here (process ")
    })
    .unwrap_or_else(|error| panic!("{error}\n{}", site.agent.log()));
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
}

/// An ovs-vswitchd with a database and a bridge of its own.
struct Vswitchd(Vec<std::process::Child>);

impl Vswitchd {
    fn start(dir: &std::path::Path) -> Self {
        let (db, socket) = (dir.join("conf.db"), dir.join("db.sock"));
        let schema = "/usr/share/openvswitch/vswitch.ovsschema";
        run(&["ovsdb-tool", "create", db.to_str().unwrap(), schema]).unwrap();
        let spawn = |name: &str, words: &[String]| {
            let log = std::fs::File::create(dir.join(format!("{name}.log"))).unwrap();
            let mut command = Command::new(name);
            command.args(words).stderr(log).spawn().unwrap()
        };
        let at = format!("unix:{}", socket.display());
        let control = |name: &str| format!("--unixctl={}", dir.join(name).display());
        let server = spawn(
            "ovsdb-server",
            &[
                db.display().to_string(),
                format!("--remote=p{at}"),
                control("db.ctl"),
            ],
        );
        wait::until("ovsdb-server", LIMIT, || socket.exists()).unwrap();
        let switch = spawn("ovs-vswitchd", &[at.clone(), control("switch.ctl")]);
        // It looks at the datapaths that are there when it makes a bridge.
        let db = format!("--db={at}");
        run(&["ovs-vsctl", &db, "--no-wait", "init"]).unwrap();
        run(&["ovs-vsctl", &db, "--no-wait", "add-br", "br-x"]).unwrap();
        Self(vec![switch, server])
    }
}

impl Drop for Vswitchd {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_second_agent_on_the_same_datapath_is_refused_with_the_pid_of_the_first() {
    let site = Site::start("second").unwrap();
    let mut second = Command::new(program("weft-agent"));
    second.arg("--config").arg(site.dir.join("agent.toml"));
    let refused = output(second).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    let pid = site.agent.pid().unwrap().to_string();
    assert!(said.contains(&pid), "no {pid} in: {said}");
}

#[test]
fn purge_removes_the_datapath_and_the_state() {
    let mut site = Site::start("purge").unwrap();
    let network = site.network("blue").unwrap();
    site.plug(&network, "tap-a", mac(1)).unwrap();
    site.agent.stop().unwrap();
    let mut purge = Command::new(program("weft-agent"));
    purge
        .arg("--config")
        .arg(site.dir.join("agent.toml"))
        .arg("--purge");
    let purged = output(purge).unwrap();
    assert!(purged.status.success(), "{purged:?}");
    assert!(
        run(&["ip", "link", "show", DATAPATH]).is_err(),
        "the datapath is still there"
    );
    assert!(!site.dir.join("state").join("host-id").exists());
}

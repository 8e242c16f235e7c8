//! Each check on a machine out of files.

use std::collections::BTreeMap;
use std::fs;

use tempfile::TempDir;
use weft_wire::control::{BindingInfo, Status};
use weft_wire::host::BindingPhase;

use super::*;

struct Bench {
    dir: TempDir,
    told: Told,
}

impl Bench {
    /// A machine on which all is well, without an agent or a service asked.
    fn new() -> Self {
        let bench = Self {
            dir: tempfile::tempdir().unwrap(),
            told: Told::default(),
        };
        bench.put("/proc/sys/kernel/osrelease", "6.12.9-amd64\n");
        bench.put("/sys/module/openvswitch/refcnt", "0");
        bench.put("/proc/sys/net/netfilter/nf_conntrack_max", "1000");
        bench.put("/proc/sys/net/netfilter/nf_conntrack_count", "10");
        bench.put("/proc/sys/net/netfilter/nf_conntrack_tcp_loose", "1");
        bench.put("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
        bench.process(1, "systemd");
        bench.process(7, "chronyd");
        bench
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn process(&self, pid: u32, name: &str) {
        self.put(&format!("/proc/{pid}/comm"), &format!("{name}\n"));
    }

    fn remove(&self, path: &str) {
        let path = self.dir.path().join(path.trim_start_matches('/'));
        fs::remove_dir_all(&path)
            .or_else(|_| fs::remove_file(&path))
            .unwrap();
    }

    fn findings(&self) -> Vec<Finding> {
        let machine = Machine::below(self.dir.path());
        let places = Places {
            state_dir: "/".into(),
            ..Places::default()
        };
        examine(&machine, &places, &self.told)
    }

    #[track_caller]
    fn finds(&self, check: &str, severity: Severity, words: &str) {
        let findings = self.findings();
        let finding = findings.iter().find(|finding| finding.check == check);
        let finding = finding.unwrap_or_else(|| panic!("no {check} in {findings:#?}"));
        assert_eq!(finding.severity, severity, "{finding:?}");
        assert!(finding.found.contains(words), "{finding:?}");
        assert_eq!(
            finding.advice.is_some(),
            severity != Severity::Ok,
            "{finding:?}"
        );
    }

    fn agent(&mut self, change: impl FnOnce(&mut AgentSays)) {
        let mut says = AgentSays {
            pid: Some(9),
            status: Status {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                host_id: String::new(),
                host_name: String::new(),
                datapath: "weft".to_owned(),
                uptime_seconds: 5,
                api: Some("http://x".to_owned()),
                api_silence_seconds: Some(1),
                revision: 1,
                revision_in_force: 1,
                established: weft_topology::policy::Established::Sever,
                bindings_active: 1,
                bindings_pending: 0,
                flows: 0,
                counters: BTreeMap::new(),
            },
            bindings: vec![binding("tap-a", BindingPhase::Active, None)],
        };
        change(&mut says);
        self.put("/proc/9/status", "Name:\tx\nCapEff:\t0000000000003000\n");
        self.put(
            "/proc/9/limits",
            "Limit  Soft\nMax open files            1024                 4096                 files\n",
        );
        self.told.agent = Some(Ok(says));
    }
}

fn binding(interface: &str, state: BindingPhase, problem: Option<&str>) -> BindingInfo {
    BindingInfo {
        interface: interface.to_owned(),
        port: uuid::Uuid::from_u128(1).into(),
        state,
        number: (state == BindingPhase::Active).then_some(1),
        problem: problem.map(str::to_owned),
    }
}

use Severity::{Failure, Notice, Ok as Well, Warning};

#[test]
fn on_a_machine_that_is_well_nothing_is_to_be_done() {
    let mut bench = Bench::new();
    bench.agent(|_| {});
    bench.told.service = Some(Ok(ServiceSays {
        url: "http://x".to_owned(),
        ahead: Some(-1),
        networks: BTreeMap::new(),
    }));
    let findings = bench.findings();
    let bad: Vec<_> = findings
        .iter()
        .filter(|finding| finding.severity != Well)
        .filter(|finding| finding.check != "state directory")
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert!(findings.len() >= 14, "{findings:#?}");
}

#[test]
fn the_kernel_must_be_new_enough_and_have_its_module() {
    let bench = Bench::new();
    bench.finds("kernel version", Well, "6.12");
    for (release, severity) in [
        ("5.10.0-30-amd64", Failure),
        ("6.1.0", Well),
        ("x", Failure),
    ] {
        bench.put("/proc/sys/kernel/osrelease", release);
        bench.finds("kernel version", severity, release);
    }
    bench.put("/sys/module/openvswitch/version", "2.17.9");
    bench.finds("openvswitch module", Notice, "2.17.9");
    bench.put("/proc/sys/kernel/osrelease", "6.1.0");
    bench.remove("/sys/module/openvswitch");
    bench.finds("openvswitch module", Failure, "6.1.0");
    let listed = "kernel/net/openvswitch/openvswitch.ko.xz: kernel/x.ko";
    bench.put("/lib/modules/6.1.0/modules.dep", listed);
    bench.finds("openvswitch module", Notice, "not loaded");
}

#[test]
fn connection_tracking_must_have_room_and_be_loose() {
    let bench = Bench::new();
    let count = "/proc/sys/net/netfilter/nf_conntrack_count";
    for (connections, severity) in [("799", Well), ("800", Warning), ("950", Failure)] {
        bench.put(count, connections);
        bench.finds("connections", severity, connections);
    }
    bench.put("/proc/sys/net/netfilter/nf_conntrack_tcp_loose", "0");
    bench.finds("nf_conntrack_tcp_loose", Failure, "0");
    bench.remove("/proc/sys/net/netfilter");
    let findings = bench.findings();
    assert!(
        !findings
            .iter()
            .any(|finding| finding.check == "connections")
    );
    bench.put("/proc/sys/net/ipv4/conf/eth1/rp_filter", "1");
    bench.finds("rp_filter", Notice, "strict");
}

#[test]
fn programs_that_disturb_are_named() {
    let bench = Bench::new();
    bench.finds("ovs-vswitchd", Well, "not run");
    bench.process(77, "ovs-vswitchd");
    bench.finds("ovs-vswitchd", Failure, "77");
    bench.process(78, "NetworkManager");
    bench.finds("NetworkManager", Warning, "no file");
    let shipped = include_str!("../../../systemd/networkmanager/50-weft.conf");
    bench.put("/usr/lib/NetworkManager/conf.d/50-weft.conf", shipped);
    bench.finds("NetworkManager", Well, "leave taps alone");
    bench.process(79, "systemd-network");
    bench.finds("systemd-networkd", Warning, "no file");
    let shipped = include_str!("../../../systemd/network/05-weft.network");
    bench.put("/etc/systemd/network/05-weft.network", shipped);
    bench.finds("systemd-networkd", Well, "leave taps alone");
    bench.remove("/proc/7");
    bench.finds("time", Notice, "nothing");
}

#[test]
fn an_agent_that_does_not_answer_is_a_failure_with_a_way_on() {
    let mut bench = Bench::new();
    bench.told.agent = Some(Err("cannot reach it".to_owned()));
    bench.finds("agent", Failure, "cannot reach");
    let advice = |bench: &Bench| {
        let findings = bench.findings();
        let finding = findings
            .into_iter()
            .find(|finding| finding.check == "agent");
        finding.unwrap().advice.unwrap()
    };
    assert!(advice(&bench).contains("start it"));
    bench.process(9, "weft-agent");
    assert!(advice(&bench).contains("process 9"));
}

#[test]
fn what_the_agent_may_and_says_is_judged() {
    let mut bench = Bench::new();
    bench.agent(|_| {});
    bench.finds("agent's capabilities", Well, "CAP_NET_RAW");
    bench.put("/proc/9/status", "CapEff:\t0000000000001000\n");
    bench.finds("agent's capabilities", Notice, "capture");
    bench.put("/proc/9/status", "CapEff:\t0000000000000000\n");
    bench.finds("agent's capabilities", Failure, "CAP_NET_ADMIN");
    bench.put(
        "/proc/9/limits",
        "Max open files            256   256  files\n",
    );
    bench.finds("agent's open files", Warning, "256");
    bench.agent(|says| says.status.version = "0.0.1".to_owned());
    bench.finds("agent", Warning, "0.0.1");
    bench.agent(|says| says.status.api_silence_seconds = Some(31));
    bench.finds("agent follows the service", Warning, "31 s");
    bench.agent(|says| says.status.api = None);
    bench.finds("agent follows the service", Failure, "no");
    bench.agent(|says| {
        let problem = Some("it is a bridge's");
        says.bindings
            .push(binding("tap-b", BindingPhase::Failed, problem));
    });
    bench.finds("bindings", Warning, "tap-b: it is a bridge's");
    let line = "fe800000000000000000000000000001 03 40 20 80    tap-a\n";
    bench.put("/proc/net/if_inet6", line);
    bench.finds("host addresses on taps", Failure, "tap-a");
}

#[test]
fn the_service_its_clock_and_mtus_are_judged() {
    let mut bench = Bench::new();
    bench.told.service = Some(Err("refused".to_owned()));
    bench.finds("service", Failure, "refused");
    let says = |ahead| ServiceSays {
        url: "http://x".to_owned(),
        ahead: Some(ahead),
        networks: [(
            "net".to_owned(),
            vec!["tap-a".to_owned(), "eth1".to_owned()],
        )]
        .into(),
    };
    for (ahead, severity, words) in [
        (2, Well, "agree"),
        (-50, Notice, "50 s behind"),
        (3_600, Warning, "3600 s ahead"),
    ] {
        bench.told.service = Some(Ok(says(ahead)));
        bench.finds("clocks", severity, words);
    }
    bench.put("/sys/class/net/tap-a/mtu", "1500");
    bench.put("/sys/class/net/eth1/mtu", "1500");
    bench.finds("MTU", Well, "one");
    bench.put("/sys/class/net/eth1/mtu", "1450");
    bench.finds("MTU", Warning, "eth1 1450, tap-a 1500");
}

#[test]
fn a_configuration_says_where_the_state_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.toml");
    assert_eq!(Places::by(&path), Places::default());
    fs::write(&path, "state_dir = '/srv/weft'\n").unwrap();
    assert_eq!(
        Places::by(&path).state_dir,
        std::path::Path::new("/srv/weft")
    );
    fs::write(&path, "not toml").unwrap();
    assert_eq!(Places::by(&path), Places::default());
}

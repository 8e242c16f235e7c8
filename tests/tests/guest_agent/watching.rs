//! What an operator sees of an agent that runs: metrics, the doctor, the log.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use weft_tests::command::{output, program, run};
use weft_tests::site::{Site, mac};
use weft_tests::wait;

const LIMIT: Duration = Duration::from_secs(40);
const AGENT: &str = "127.0.0.1:9464";
const SERVICE: &str = "127.0.0.1:8181";

/// A page of metrics.
fn page(at: &str) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200"), "{head}");
    body.to_owned()
}

/// The sum of the series of a metric whose labels have this text.
fn value(page: &str, name: &str, label: &str) -> u64 {
    let samples = page.lines().filter(|line| {
        let series = line.strip_prefix(name);
        series.is_some_and(|rest| rest.starts_with(['{', ' ']) && rest.contains(label))
    });
    samples
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Metrics of which a page has a family, and those that a part of docs/metrics.md describes.
fn served_and_described(page: &str, part: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let served = types.filter_map(|line| line.split(' ').next());
    let docs = include_str!("../../../docs/metrics.md");
    let table = docs.split(&format!("<!-- {part}: ")).nth(1).unwrap();
    let table = table.split("<!-- end of").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let described = rows.filter_map(|row| row.split('`').next());
    (
        served.map(str::to_owned).collect(),
        described.map(str::to_owned).collect(),
    )
}

#[test]
fn metrics_are_what_prometheus_reads_and_the_docs_describe_and_rules_are_sound() {
    let site = Site::start("metrics").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    let pages = [("weft-agent", page(AGENT)), ("weft-api", page(SERVICE))];
    for (part, page) in &pages {
        let (served, described) = served_and_described(page, part);
        assert_eq!(served, described);
        let file = site.dir.join(part);
        std::fs::write(&file, page).unwrap();
        let mut promtool = Command::new("promtool");
        promtool.args(["check", "metrics"]);
        promtool.stdin(std::fs::File::open(&file).unwrap());
        let checked = output(promtool).unwrap();
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(checked.status.success(), "{part}: {said}\n{page}");
    }
    let agent = &pages[0].1;
    for (name, label) in [
        ("weft_upcall_seconds_count", ""),
        ("weft_port_rx_packets_total", "interface=\"tap-a\""),
        ("weft_port_upcalls_total", "interface=\"tap-a\""),
        ("weft_port_flows", "interface=\"tap-b\""),
        ("weft_flow_masks", ""),
        ("weft_starts_total", ""),
        ("weft_log_lines_total", "level=\"other\""),
    ] {
        assert!(value(agent, name, label) > 0, "{name} {label}\n{agent}");
    }
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../monitoring/prometheus");
    run(&[
        "promtool",
        "check",
        "rules",
        &format!("{rules}/weft.rules.yml"),
    ])
    .unwrap();
    run(&[
        "promtool",
        "test",
        "rules",
        &format!("{rules}/weft.rules.test.yml"),
    ])
    .unwrap();
}

#[test]
fn a_ports_counters_go_on_across_a_sigkill_with_nothing_lost_that_the_kernel_has() {
    let mut site = Site::start("counters").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let b = site.plug(&network, "tap-b", mac(2)).unwrap();
    // To itself: a drop with a flow, after the first has come up.
    let own = a.peer.mac;
    let mut drop_some = |count: usize| {
        (0..count).for_each(|_| a.peer.send(own, 0x88b5, b"to itself").unwrap());
    };
    let hairpin = "reason=\"hairpin\"";
    let dropped = || value(&page(AGENT), "weft_port_dropped_packets_total", hairpin);
    drop_some(1);
    wait::until("the flow that drops", LIMIT, || {
        site.flows()
            .is_ok_and(|flows| flows.iter().any(|flow| flow["actions"] == "drop"))
    })
    .unwrap();
    drop_some(100);
    wait::until("the drops to be counted", LIMIT, || dropped() == 101).unwrap();
    let noted = site.dir.join("state/counters.json");
    wait::until("the counters to be on disk", LIMIT, || {
        std::fs::read_to_string(&noted)
            .is_ok_and(|text| text.contains("hairpin") && text.contains("101"))
    })
    .unwrap();
    let before = page(AGENT);
    drop_some(50);
    site.agent.kill();
    drop_some(30);
    site.agent.start_again().unwrap();
    site.agent_is_ready().unwrap();
    wait::until("what the kernel counted to be taken over", LIMIT, || {
        dropped() == 181
    })
    .unwrap();
    let after = page(AGENT);
    let received = |page: &str| value(page, "weft_port_rx_packets_total", "interface=\"tap-a\"");
    assert_eq!(received(&after), received(&before) + 80);
    assert_eq!(value(&after, "weft_dropped_packets_total", hairpin), 181);
    assert_eq!(value(&after, "weft_starts_total", ""), 2);
    // A stop in order notes all, too.
    drop_some(9);
    wait::until("the drops to be counted", LIMIT, || dropped() == 190).unwrap();
    assert!(site.agent.stop().unwrap().success());
    site.agent.start_again().unwrap();
    site.agent_is_ready().unwrap();
    wait::until("the counters to be there again", LIMIT, || dropped() == 190).unwrap();
    drop(b);
}

#[test]
fn doctor_top_and_log_level_tell_of_a_running_agent_and_of_none() {
    let mut site = Site::start("doctor").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let config = site.dir.join("agent.toml");
    let doctor = |config: &Path| {
        let mut command = Command::new(program("weft"));
        command.args(["--json", "doctor", "--config"]).arg(config);
        let ended = output(command).unwrap();
        let findings: Vec<Value> = serde_json::from_slice(&ended.stdout).unwrap();
        let severities: BTreeMap<String, String> = findings
            .iter()
            .map(|finding| {
                let text = |key: &str| finding[key].as_str().unwrap().to_owned();
                (text("check"), text("severity"))
            })
            .collect();
        (ended.status.code(), severities)
    };
    site.sync().unwrap();
    let (status, findings) = doctor(&config);
    assert_eq!(status, Some(0), "{findings:?}");
    for check in [
        "kernel version",
        "openvswitch module",
        "ovs-vswitchd",
        "agent",
        "agent's capabilities",
        "agent follows the service",
        "bindings",
        "host addresses on taps",
        "service",
        "clocks",
        "MTU",
    ] {
        assert_eq!(
            findings.get(check).map(String::as_str),
            Some("ok"),
            "{check}: {findings:?}"
        );
    }

    let own = a.peer.mac;
    (0..50).for_each(|_| a.peer.send(own, 0x88b5, b"to itself").unwrap());
    let frame = site
        .weft_json(&["top", "--once", "--interval", "0.5"])
        .unwrap();
    assert_eq!(frame["ports"][0]["interface"], "tap-a");
    let text = site
        .weft(&[
            "top",
            "--count",
            "2",
            "--interval",
            "0.1",
            "--sort",
            "drops",
        ])
        .unwrap();
    assert_eq!(text.lines().count(), 4, "{text}");

    assert_eq!(site.weft(&["log-level"]).unwrap(), "info\n");
    let changed = site
        .weft(&["log-level", "info,weft_agent::control=debug"])
        .unwrap();
    assert!(
        changed.starts_with("was info, is info,weft_agent::control=debug"),
        "{changed}"
    );
    site.weft(&["status"]).unwrap();
    assert!(
        site.agent.log().contains("verb=\"Status\""),
        "{}",
        site.agent.log()
    );
    assert!(site.weft(&["log-level", "lowd"]).is_err());
    let of_service = site
        .weft_json(&["log-level", "--service", "debug"])
        .unwrap();
    assert_eq!(
        of_service,
        serde_json::json!({"before": "info", "now": "debug"})
    );

    run(&["sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_loose=0"]).unwrap();
    assert!(site.agent.stop().unwrap().success());
    let (status, findings) = doctor(&config);
    run(&["sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_loose=1"]).unwrap();
    assert_eq!(status, Some(1));
    assert_eq!(findings["agent"], "failure");
    assert_eq!(findings["nf_conntrack_tcp_loose"], "failure");
    assert_eq!(findings["service"], "ok");

    // It asks where the agent's configuration says that agent and service are.
    let text = std::fs::read_to_string(&config).unwrap();
    let elsewhere = site.dir.join("elsewhere.toml");
    let urls = "[api]\nurls = [\"http://127.0.0.1:1/midonet-api\"]\n";
    std::fs::write(&elsewhere, format!("{text}{urls}")).unwrap();
    let (_, findings) = doctor(&elsewhere);
    assert_eq!(findings["service"], "failure");
}

#[test]
fn metrics_are_served_as_soon_as_their_address_is_free() {
    let taken = TcpListener::bind(AGENT).unwrap();
    let site = Site::start("taken").unwrap();
    wait::until("the agent to say that the address is taken", LIMIT, || {
        site.agent
            .log()
            .contains("no metrics and no health are served")
    })
    .unwrap();
    drop(taken);
    wait::until("metrics to be served", LIMIT, || {
        TcpStream::connect(AGENT).is_ok()
    })
    .unwrap();
    assert_eq!(value(&page(AGENT), "weft_starts_total", ""), 1);
}

//! An agent that may open no more files.

use std::collections::BTreeSet;

use weft_tests::cloud;
use weft_tests::command::run;
use weft_tests::peer::Peer;
use weft_tests::site::{Site, mac};

use super::state;

/// The least number that a new descriptor of a process would have.
fn free_descriptor(pid: u32) -> u64 {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let open: BTreeSet<u64> = open
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    (0..).find(|number| !open.contains(number)).unwrap()
}

fn limit(pid: u32, descriptors: u64) {
    let soft = format!("--nofile={descriptors}:");
    run(&["prlimit", "--pid", &pid.to_string(), &soft]).unwrap();
}

#[test]
fn an_agent_without_a_free_descriptor_serves_what_it_has_and_goes_on_when_there_are_some() {
    let mut site = Site::start("descriptors").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    let port = cloud::port(&site.rest, &network).unwrap();
    site.sync().unwrap();
    let pid = site.agent.pid().unwrap();
    let soft = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let soft = soft.lines().find(|line| line.starts_with("Max open files"));
    let mut words = soft.unwrap().split_whitespace().skip(3);
    assert_eq!(
        words.next(),
        words.next(),
        "the agent has not raised its limit"
    );

    limit(pid, free_descriptor(pid));
    let words = [
        "plug",
        "--port",
        &port,
        "--interface",
        "tap-c",
        "--timeout",
        "2",
    ];
    let refused = site.vif(&words).unwrap();
    assert!(!refused.status.success(), "{refused:?}");
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    site.reaches(&mut b.peer, &mut a.peer).unwrap();
    assert!(site.agent.is_alive());

    limit(pid, 4096);
    site.plug_port(&port, "tap-c").unwrap();
    let mut c = Peer::open("tap-c", mac(3)).unwrap();
    site.reaches(&mut a.peer, &mut c).unwrap();
    for tap in ["tap-a", "tap-b", "tap-c"] {
        assert_eq!(state(&site, tap).as_deref(), Some("active"), "{tap}");
    }
}

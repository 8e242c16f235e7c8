//! `weft-vif` and `mm-ctl` with no agent about, or one that fails: what they make, leave on disk, and
//! take away again. Needs root and a network namespace of its own (`make test-netns`).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agent_fails;
mod support;

use std::fs;
use std::path::Path;

use weft_tests::command::{command, output, run};

use support::{OTHER, PORT, Place, code, is_up, link, said};

#[test]
fn a_tap_is_made_as_asked_and_a_second_plug_changes_nothing() {
    let place = Place::new("made");
    let words = [
        "plug",
        "--port",
        PORT,
        "--interface",
        "tap-w0",
        "--owner",
        "1000:1001",
        "--mtu",
        "1400",
        "--queues",
        "2",
        "--vnet-hdr",
    ];
    for _ in 0..2 {
        let plugged = place.vif(&words);
        assert_eq!(code(&plugged), 0, "{}", said(&plugged));
        let link = link("tap-w0").unwrap();
        assert!(!is_up("tap-w0"), "a guest could reach the host: {link}");
        for part in [
            "mtu 1400",
            "tun type tap pi off",
            "vnet_hdr on",
            "multi_queue",
            "persist on",
        ] {
            assert!(link.contains(part), "no '{part}' in {link}");
        }
        let flags = |name| fs::read_to_string(format!("/sys/class/net/tap-w0/{name}")).unwrap();
        assert_eq!(
            (flags("owner").trim(), flags("group").trim()),
            ("1000", "1001")
        );
        let ipv6 = Path::new("/proc/sys/net/ipv6/conf/tap-w0/disable_ipv6");
        if ipv6.exists() {
            assert_eq!(fs::read_to_string(ipv6).unwrap().trim(), "1");
        }
        assert_eq!(place.bindings().len(), 1);
    }
    assert!(said(&place.vif(&words)).contains("the agent binds it when it starts"));
}

#[test]
fn unplug_deletes_the_tap_that_plug_made_and_no_other() {
    let place = Place::new("unplug");
    place.vif(&["plug", "--port", PORT, "--interface", "tap-w0"]);
    run(&["ip", "tuntap", "add", "tap-w1", "mode", "tap"]).unwrap();
    place.vif(&["plug", "--port", OTHER, "--interface", "tap-w1"]);
    for tap in ["tap-w0", "tap-w1"] {
        let unplugged = place.vif(&["unplug", "--interface", tap]);
        assert_eq!(code(&unplugged), 0, "{}", said(&unplugged));
    }
    assert!(
        link("tap-w0").is_err(),
        "the tap that plug made is still there"
    );
    assert!(
        link("tap-w1").is_ok(),
        "a tap that was there before is gone"
    );
    assert!(
        place
            .bindings()
            .iter()
            .all(|text| text.contains("unplugged")),
        "{:?}",
        place.bindings()
    );
}

#[test]
fn unplug_of_an_interface_that_nobody_knows_succeeds() {
    let place = Place::new("unknown");
    assert_eq!(code(&place.vif(&["unplug", "--interface", "tap-w0"])), 0);
    assert_eq!(place.bindings(), Vec::<String>::new());
}

#[test]
fn a_port_plugged_here_already_is_refused_and_the_new_tap_rolled_back() {
    let place = Place::new("twice");
    assert_eq!(
        code(&place.vif(&["plug", "--port", PORT, "--interface", "tap-w0"])),
        0
    );
    let second = place.vif(&["plug", "--port", PORT, "--interface", "tap-w1"]);
    assert_eq!(code(&second), 1);
    assert!(
        said(&second).contains("already plugged as tap-w0"),
        "{}",
        said(&second)
    );
    assert!(
        link("tap-w1").is_err(),
        "the tap of the refused plug is still there"
    );
    assert!(link("tap-w0").is_ok());
}

#[test]
fn wrong_use_exits_with_2_and_says_what_is_wrong() {
    let place = Place::new("wrong");
    for words in [
        vec!["plug", "--port", "x", "--interface", "tap-w0"],
        vec!["plug", "--port", PORT],
        vec![
            "plug",
            "--port",
            PORT,
            "--interface",
            "tap-w0",
            "--mtu",
            "10",
        ],
        vec![
            "plug",
            "--port",
            PORT,
            "--interface",
            "tap-w0",
            "--owner",
            "root",
        ],
        vec!["frobnicate"],
    ] {
        let refused = place.vif(&words);
        assert_eq!(code(&refused), 2, "{words:?}: {}", said(&refused));
        assert!(!said(&refused).is_empty());
    }
    assert!(link("tap-w0").is_err());
    let refused = place.vif(&[
        "plug",
        "--port",
        PORT,
        "--interface",
        "a-name-too-long-for-it",
    ]);
    assert!(
        said(&refused).contains("1 to 15 bytes"),
        "{}",
        said(&refused)
    );
    assert_eq!(code(&refused), 2);
    // The kernel would make `tap0` of this, and nobody would know it by the name asked for.
    let before = run(&["ip", "-o", "link"]).unwrap();
    for verb in [&["plug", "--port", PORT][..], &["unplug"]] {
        let refused = place.vif(&[verb, &["--interface", "tap%d"]].concat());
        assert_eq!(code(&refused), 2, "{}", said(&refused));
    }
    assert_eq!(run(&["ip", "-o", "link"]).unwrap(), before);
    assert_eq!(place.bindings(), Vec::<String>::new());
}

#[test]
fn list_shows_what_waits_for_the_agent_and_an_empty_array_when_nothing_does() {
    let place = Place::new("list");
    let listed = |place: &Place| {
        let output = place.vif(&["list", "--json"]);
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    assert_eq!(listed(&place), serde_json::json!([]));
    place.vif(&["plug", "--port", PORT, "--interface", "tap-w0"]);
    let list = listed(&place);
    let entry = &list[0];
    assert_eq!(entry["interface"], "tap-w0");
    assert_eq!(entry["portId"], PORT);
    assert_eq!(entry["state"], "requested");
}

#[test]
fn mm_ctl_has_midonets_exit_codes() {
    let place = Place::new("mmctl");
    let mm_ctl = |words: &[&str]| {
        let mut command = command(&["mm-ctl"]);
        command
            .args(words)
            .env("WEFT_SOCKET", place.dir.join("agent.sock"));
        output(command).unwrap()
    };
    for words in [
        &["--bind-port", PORT][..],
        &["--bind-port", "x", "tap-w0"],
        &["--nonsense"],
        &[],
    ] {
        let refused = mm_ctl(words);
        assert_eq!(code(&refused), 1, "{words:?}");
        assert!(said(&refused).contains("usage:"), "{}", said(&refused));
    }
    assert_eq!(
        code(&mm_ctl(&["--bind-port", PORT, "tap-w0"])),
        255,
        "a device that is not there"
    );
    assert_eq!(code(&mm_ctl(&["--help"])), 0);
    let mut as_nobody = command(&["setpriv", "--reuid", "65534", "--clear-groups"]);
    as_nobody
        .arg(weft_tests::command::program("mm-ctl"))
        .args(["--unbind-port", PORT]);
    assert_eq!(code(&output(as_nobody).unwrap()), 13, "not root");
}

#[test]
fn with_api_and_no_service_the_tap_is_rolled_back() {
    let place = Place::new("api");
    fs::write(
        place.dir.join("host-id"),
        "7c1d2f6a-0f43-4a0c-8a6f-3a4f9a4d1b12\n",
    )
    .unwrap();
    let url = "http://127.0.0.1:9/midonet-api";
    let refused = place.vif(&[
        "plug",
        "--port",
        PORT,
        "--interface",
        "tap-w0",
        "--api",
        url,
    ]);
    assert_eq!(code(&refused), 1);
    assert!(
        said(&refused).contains("cannot bind by http://127.0.0.1:9/"),
        "{}",
        said(&refused)
    );
    assert!(link("tap-w0").is_err());
}

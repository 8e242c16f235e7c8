//! Captures of a port: to a file, in words, interrupted, refused, and onto a disk that is full.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use weft_tests::command::{program, run};
use weft_tests::site::{Site, mac};
use weft_tests::wait;

const LIMIT: Duration = Duration::from_secs(40);

/// `weft capture`, begun.
fn capture(site: &Site, words: &[&str]) -> Child {
    let mut command = Command::new(program("weft"));
    command.arg("--socket").arg(site.socket()).arg("capture");
    command
        .args(words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn a_capture_has_the_frames_of_both_ways_with_their_tags_and_ends_when_told() {
    let site = Site::start("capture").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let mut b = site.plug(&network, "tap-b", mac(2)).unwrap();
    site.reaches(&mut a.peer, &mut b.peer).unwrap();
    let file = site.dir.join("a.pcap");
    let capture = |words: &[&str]| capture(&site, words);
    let mut child = capture(&[&a.port, "-w", file.to_str().unwrap()]);
    wait::until("the capture to begin", LIMIT, || {
        site.agent.log().contains("a capture begins")
    })
    .unwrap();
    let (of_a, of_b) = (a.peer.mac, b.peer.mac);
    a.peer.send(of_b, 0x88b5, b"from a to b").unwrap();
    let tagged = [
        &of_b.octets()[..],
        &of_a.octets(),
        &[0x81, 0, 0, 5, 0x88, 0xb5, 1, 2],
    ]
    .concat();
    a.peer.send_raw(&tagged).unwrap();
    b.peer.send(of_a, 0x88b5, b"from b to a").unwrap();
    let text = || {
        let shown = run(&["tcpdump", "-e", "-n", "-r", file.to_str().unwrap()]);
        let shown = shown.unwrap_or_default();
        // Lines without an arrow are bytes of the frame above.
        let frames = shown.lines().filter(|line| line.contains(" > "));
        frames.collect::<Vec<_>>().join("\n")
    };
    wait::until("three frames", LIMIT, || text().lines().count() >= 3).unwrap();
    kill(
        Pid::from_raw(child.id().try_into().unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    let status = child.wait().unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(status.success(), "{said}");
    assert_eq!(
        said,
        "3 frames captured, 0 lost because they were not taken in time\n"
    );
    let text = text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].contains("02:00:00:00:00:01 > 02:00:00:00:00:02"),
        "{text}"
    );
    assert!(lines[1].contains("vlan 5"), "{text}");
    assert!(
        lines[2].contains("02:00:00:00:00:02 > 02:00:00:00:00:01"),
        "{text}"
    );
    wait::until("the capture to end at the agent", LIMIT, || {
        site.agent.log().contains("the capture ended")
    })
    .unwrap();

    // By the interface's name, in words, and bounded.
    let child = capture(&["tap-a", "--count", "2"]);
    wait::until("frames to be taken", LIMIT, || {
        a.peer.send(of_b, 0x88b5, b"from a to b").unwrap();
        site.agent.log().matches("the capture ended").count() == 2
    })
    .unwrap();
    let ended = child.wait_with_output().unwrap();
    let words = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success());
    assert_eq!(
        words.lines().filter(|line| line.contains(" in ")).count(),
        2,
        "{words}"
    );

    // What is gone ends it, and what is not carried is refused.
    let child = capture(&["tap-b"]);
    wait::until("the capture to begin", LIMIT, || {
        site.agent.log().matches("a capture begins").count() == 3
    })
    .unwrap();
    site.vif(&["unplug", "--interface", "tap-b"]).unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("the interface tap-b is gone"), "{said}");
    let refused = capture(&[&b.port]).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("is not carried by this host"), "{said}");
}

#[test]
fn a_refused_capture_keeps_the_earlier_file_and_a_full_disk_ends_one_that_says_so() {
    let site = Site::start("small").unwrap();
    let network = site.network("blue").unwrap();
    let mut a = site.plug(&network, "tap-a", mac(1)).unwrap();
    let disk = site.dir.join("disk");
    let disk = disk.to_str().unwrap();
    run(&["mkdir", "-p", disk]).unwrap();
    run(&["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]).unwrap();
    let file = format!("{disk}/a.pcap");
    std::fs::write(&file, "an earlier capture").unwrap();

    let refused = capture(&site, &["--snaplen", "0", "-w", &file, "tap-a"]);
    assert!(!refused.wait_with_output().unwrap().status.success());
    let refused = capture(
        &site,
        &["-w", &file, "00000000-0000-0000-0000-000000000001"],
    );
    assert_eq!(refused.wait_with_output().unwrap().status.code(), Some(1));
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "an earlier capture"
    );

    let mut child = capture(&site, &["-w", &file, "tap-a"]);
    let own = a.peer.mac;
    wait::until("the disk to be full", LIMIT, || {
        (0..20).for_each(|_| a.peer.send(own, 0x88b5, &[0; 1_400]).unwrap());
        child.try_wait().unwrap().is_some()
    })
    .unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    run(&["umount", disk]).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("write the capture: No space left"), "{said}");
}

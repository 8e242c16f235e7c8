//! Under a service manager: what systemd is told, by its protocol.

use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What the manager is told next.
fn heard(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 4096];
    let length = manager.recv(&mut buffer).expect("a word within 20 s");
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

/// A program that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_manager_hears_ready_then_that_it_works_then_that_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let config = folder.path().join("api.toml");
    let store = folder.path().join("topology.redb");
    std::fs::write(
        &config,
        format!("listen = \"127.0.0.1:0\"\n[store]\npath = {store:?}\n"),
    )
    .unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_weft-api"))
        .arg("--config")
        .arg(&config)
        .env("NOTIFY_SOCKET", &socket)
        .env("WATCHDOG_USEC", "250000")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = Ended(child);

    assert_eq!(heard(&manager), "READY=1\n");
    for _ in 0..3 {
        let word = heard(&manager);
        assert!(
            word.starts_with("WATCHDOG=1\nSTATUS=serves on 127.0.0.1:")
                && word.contains("; revision "),
            "{word}"
        );
    }
    kill(
        Pid::from_raw(i32::try_from(child.0.id()).unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    let mut word = heard(&manager);
    // One of the regular words may have been on its way.
    while word.starts_with("WATCHDOG=1") {
        word = heard(&manager);
    }
    assert_eq!(word, "STOPPING=1\n");
    assert!(child.0.wait().unwrap().success());
}

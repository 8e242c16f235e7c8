//! A state directory, an agent that fails, and looks at what the programs did.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Output;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;
use weft_tests::command::{command, output, run};

pub(crate) const PORT: &str = "2cd924c3-642a-4789-9620-208cd4979068";
pub(crate) const OTHER: &str = "7c1d2f6a-0f43-4a0c-8a6f-3a4f9a4d1b11";

/// A state directory with a configuration that names it; taps of earlier tests are gone.
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
}

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("weft-netns-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let text = format!("state_dir = {dir:?}\nrun_dir = {dir:?}\n");
        fs::write(dir.join("agent.toml"), text).unwrap();
        for tap in ["tap-w0", "tap-w1"] {
            let _ = run(&["ip", "link", "del", tap]);
        }
        Self { dir }
    }

    pub(crate) fn vif(&self, words: &[&str]) -> Output {
        let config = self.dir.join("agent.toml");
        let mut command = command(&["weft-vif"]);
        command
            .args(words)
            .arg("--config")
            .arg(config)
            .env_remove("WEFT_SOCKET");
        output(command).unwrap()
    }

    pub(crate) fn bindings(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.dir.join("bindings")) else {
            return Vec::new();
        };
        entries
            .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
            .collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
        for tap in ["tap-w0", "tap-w1"] {
            let _ = run(&["ip", "link", "del", tap]);
        }
    }
}

/// An agent that reads a request on one connection after the other, says one of the texts to each and
/// closes it, and then is gone. It gives the requests.
pub(crate) fn agent(
    place: &Place,
    texts: &'static [&'static str],
) -> JoinHandle<Vec<serde_json::Value>> {
    let listener = UnixListener::bind(place.dir.join("agent.sock")).unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        texts
            .iter()
            .map(|text| {
                let mut stream = accepted(&listener);
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line).unwrap();
                stream.write_all(text.as_bytes()).unwrap();
                serde_json::from_str(&line).unwrap()
            })
            .collect()
    })
}

fn accepted(listener: &UnixListener) -> UnixStream {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(false).unwrap();
            return stream;
        }
        assert!(Instant::now() < end, "nobody asked the agent");
        thread::sleep(Duration::from_millis(5));
    }
}

/// What a driver could have changed on a device.
pub(crate) fn state_of(name: &str) -> Vec<String> {
    let sys =
        ["flags", "mtu", "ifalias", "address"].map(|file| format!("/sys/class/net/{name}/{file}"));
    let ipv6 = format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6");
    let read = |path: &String| fs::read_to_string(path).unwrap_or_default();
    sys.iter().chain([&ipv6]).map(read).collect()
}

pub(crate) fn is_up(name: &str) -> bool {
    let flags = fs::read_to_string(format!("/sys/class/net/{name}/flags")).unwrap();
    u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).unwrap() & 1 == 1
}

pub(crate) const REFUSED: &str =
    "{\"error\":{\"code\":\"conflict\",\"message\":\"port is elsewhere\"}}\n";
pub(crate) const ACTIVE: &str = "{\"done\":{\"number\":7,\"mtu\":1400}}\n";

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn link(name: &str) -> Result<String> {
    run(&["ip", "-d", "link", "show", name])
}

//! The real program, run as an operator runs it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Answer, Connection};

/// How long the program may take to be ready, or to end.
const LIMIT: Duration = Duration::from_secs(20);

/// A service that runs.
pub(crate) struct Service {
    child: Child,
    pub(crate) addr: SocketAddr,
    /// Lines of its log.
    log: Mutex<Receiver<String>>,
    _folder: Option<TempDir>,
}

/// Its configuration file.
pub(crate) fn config(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("api.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// Begins the program.
pub(crate) fn spawn(config: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_weft-api"))
        .arg("--config")
        .arg(config)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

impl Service {
    /// A service with an empty store, on a port of its own.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut service = Self::start_in(folder.path(), "127.0.0.1:0");
        service._folder = Some(folder);
        service
    }

    /// A service whose store is in a folder.
    pub(crate) fn start_in(folder: &Path, listen: &str) -> Self {
        let store = folder.join("topology.redb");
        let text = format!(
            "listen = \"{listen}\"\n[store]\npath = \"{}\"\n",
            store.display()
        );
        let mut child = spawn(&config(folder, &text));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, log) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // The test may be over.
                let _ = sender.send(line);
            }
        });
        let mut service = Self {
            child,
            addr: "127.0.0.1:0".parse().unwrap(),
            log: Mutex::new(log),
            _folder: None,
        };
        let ready = service.logged(" ready ");
        let addr = ready.split("listen=").nth(1).expect("where it listens");
        service.addr = addr.split(' ').next().unwrap().parse().unwrap();
        service
    }

    /// The next line of its log that has a text in it.
    pub(crate) fn logged(&self, text: &str) -> String {
        let until = Instant::now() + LIMIT;
        let log = self.log.lock().unwrap();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match log.recv_timeout(left) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => eprintln!("{line}"),
                Err(_) => panic!("the log does not say '{text}' within {LIMIT:?}"),
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        let pid = nix::unistd::Pid::from_raw(self.pid().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        ended(&mut self.child)
    }

    /// Its memory that is not on disk, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.unwrap().parse::<usize>().unwrap() * 1024
    }

    /// One request on a connection of its own.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut connection = Connection::open(self.addr);
        connection.send(method, &full(path), headers, body);
        connection.answer().expect("an answer")
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], "")
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, &[], &body.to_string())
    }

    pub(crate) fn put(&self, path: &str, body: Value) -> Answer {
        self.call("PUT", path, &[], &body.to_string())
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, &[], "")
    }

    /// What a GET shows.
    #[track_caller]
    pub(crate) fn show(&self, path: &str) -> Value {
        self.get(path).expect(200).json()
    }

    /// Makes something. Returns its path below the base.
    #[track_caller]
    pub(crate) fn create(&self, path: &str, body: Value) -> String {
        let answer = self.post(path, body).expect(201);
        assert_eq!(answer.body, "");
        let location = answer.header("location").expect("where it is");
        let base = format!("http://{}/midonet-api", self.addr);
        location
            .strip_prefix(&base)
            .expect("below the base")
            .to_owned()
    }

    /// A bridge's path.
    pub(crate) fn bridge(&self) -> String {
        self.create("/bridges", json!({"name": "blue"}))
    }

    /// The path of a new port.
    pub(crate) fn port(&self, bridge: &str) -> String {
        self.create(&format!("{bridge}/ports"), json!({"type": "Bridge"}))
    }

    /// The path of a new chain.
    pub(crate) fn chain(&self, name: &str) -> String {
        self.create("/chains", json!({"name": name, "tenantId": "t1"}))
    }

    /// Registers a host. Returns its id.
    pub(crate) fn host(&self, name: &str) -> String {
        let id = uuid::Uuid::new_v4().to_string();
        let said = json!({"name": name, "version": "1", "protocol": 1});
        self.put(&format!("/weft/v1/hosts/{id}"), said).expect(200);
        id
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It has ended already in some tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that a service can have again after it ended: its port is not of those that the kernel gives
/// to whoever asks for any.
pub(crate) fn lasting_address() -> String {
    let given = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let first: u16 = given.split_whitespace().next().unwrap().parse().unwrap();
    let below = first.saturating_sub(1024);
    assert!(below > 1000, "too few ports are left to services: {given}");
    loop {
        let random = u16::from_le_bytes(*uuid::Uuid::new_v4().as_bytes().first_chunk().unwrap());
        let addr = format!("127.0.0.1:{}", 1024 + random % below);
        if std::net::TcpListener::bind(&addr).is_ok() {
            return addr;
        }
    }
}

/// Waits for the end of a program.
pub(crate) fn ended(child: &mut Child) -> ExitStatus {
    let until = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < until, "it does not end within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The last part of a path.
pub(crate) fn id_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

fn full(path: &str) -> String {
    const ROOTS: [&str; 3] = ["/weft/", "/midonet-api", "/metrics"];
    if ROOTS.iter().any(|root| path.starts_with(root)) {
        path.to_owned()
    } else {
        format!("/midonet-api{path}")
    }
}

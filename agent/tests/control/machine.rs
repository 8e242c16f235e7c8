//! A hypervisor with an agent's control side on it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use sd_notify::NotifyState;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use weft_agent::config::Config;
use weft_agent::control::{ControlSocket, Peers};
use weft_agent::core::{Machine, Message, Reopen, Started, start_on};
use weft_agent::identity::Identity;
use weft_agent::links::{Link, LinkChange, LinkError, SetLinks};
use weft_agent::supervision::Supervision;
use weft_agent::{metrics, worker};
use weft_ovs::{Datapath, MemoryDatapath};
use weft_topology::id::PortId;

use crate::hot::{self, Told};
use crate::until;

/// The host's name.
pub(crate) const NAME: &str = "hv1";

/// The machine, which outlives its agents.
pub(crate) struct Host {
    dir: TempDir,
    config: Config,
    pub(crate) told: Arc<Told>,
    datapath: Arc<Mutex<MemoryDatapath>>,
    links: BTreeMap<u32, Link>,
    last_index: u32,
    /// Whether packets are worked on, or the hot path only notes what it is told.
    pub(crate) works: bool,
    agent: Option<Agent>,
}

struct Agent {
    started: Started,
    peers: Arc<Peers>,
    runtime: Runtime,
}

impl Host {
    /// With an agent that asks a service there.
    pub(crate) fn new(url: &str) -> Self {
        let mut host = Self::without_agent(url);
        host.start();
        host
    }

    pub(crate) fn without_agent(url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config {
            host_name: NAME.to_owned(),
            state_dir: dir.path().join("state"),
            run_dir: dir.path().join("run"),
            ..Config::default()
        };
        config.api.urls = vec![url.to_owned()];
        for folder in [&config.state_dir, &config.run_dir] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let mut datapath = MemoryDatapath::new("weft");
        let last_index = datapath.info().unwrap().ifindex;
        Self {
            dir,
            config,
            told: Arc::default(),
            datapath: Arc::new(Mutex::new(datapath)),
            links: BTreeMap::new(),
            last_index,
            works: false,
            agent: None,
        }
    }

    pub(crate) fn start(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let datapath = self.datapath.clone();
        let machine = Machine {
            datapath: self.datapath().fork().unwrap(),
            reopen: Reopen::new(move || {
                let mut shared = datapath.lock().unwrap();
                *shared = MemoryDatapath::new("weft");
                shared.fork()
            }),
            setter: Box::new(Setter),
            links: self.links.values().cloned().collect(),
        };
        let identity = Identity::find(&self.config).unwrap();
        let told = self.told.clone();
        let works = self.works;
        let start_hot = |start| match works {
            true => worker::start(start),
            false => hot::start(&told, start),
        };
        let started =
            start_on(machine, &self.config, identity, runtime.handle(), start_hot).unwrap();
        let peers = Arc::new(Peers {
            core: started.sender.clone(),
            hot: started.hot.clone(),
            client: started.client.clone(),
            logs: None,
        });
        let entered = runtime.enter();
        let socket = ControlSocket::bind(&self.config.socket()).unwrap();
        drop(entered);
        runtime.spawn(socket.serve(peers.clone()));
        self.agent = Some(Agent {
            started,
            peers,
            runtime,
        });
    }

    /// Ends the agent; what is on disk and in the kernel stays.
    pub(crate) fn stop(&mut self) {
        if let Some(Agent {
            started, runtime, ..
        }) = self.agent.take()
        {
            // It may have ended already.
            let _ = started.sender.send(Message::Stop);
            started.thread.join().unwrap();
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
    }

    /// Serves metrics there, as long as the agent runs.
    pub(crate) fn serve_metrics(&self, listen: SocketAddr) {
        let agent = self.agent.as_ref().unwrap();
        let (peers, ready) = (agent.peers.clone(), agent.started.ready.clone());
        agent.runtime.spawn(metrics::serve(listen, peers, ready));
    }

    /// Puts the agent under a service manager, which is told there.
    pub(crate) fn supervise(&self, watchdog: Duration, told: mpsc::Sender<String>) -> Supervision {
        let agent = self.agent.as_ref().unwrap();
        let told = std::sync::Mutex::new(told);
        let tell = move |state: &[NotifyState<'_>]| {
            let words: Vec<String> = state.iter().map(ToString::to_string).collect();
            // The test may be over.
            let _ = told.lock().unwrap().send(words.join(" "));
        };
        let runtime = agent.runtime.handle();
        Supervision::begin_with(&agent.peers, runtime, Some(watchdog), tell).unwrap()
    }

    /// The control side ends, and what is around it goes on.
    pub(crate) fn end_core(&self) {
        let agent = self.agent.as_ref().unwrap();
        agent.started.sender.send(Message::Stop).unwrap();
        until("the control side to end", || {
            agent.started.thread.is_finished()
        });
    }

    pub(crate) fn restart(&mut self) {
        self.stop();
        self.start();
    }

    pub(crate) fn id(&self) -> String {
        let path = self.config.state_dir.join("host-id");
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.config.state_dir.clone()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.config.socket()
    }

    /// The folder that all its folders are in.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    // === the kernel ===

    /// An interface comes.
    pub(crate) fn add_tap(&mut self, name: &str) -> u32 {
        self.last_index += 1;
        self.name_tap(self.last_index, name);
        self.last_index
    }

    /// An interface comes or gets another name.
    pub(crate) fn name_tap(&mut self, index: u32, name: &str) {
        let link = Link {
            index,
            name: name.to_owned(),
            mtu: 1500,
            up: true,
            ..Link::default()
        };
        self.links.insert(index, link.clone());
        self.say(LinkChange::Here(link));
    }

    /// An interface goes, and its vport with it.
    pub(crate) fn remove_tap(&mut self, index: u32) {
        let link = self.links.remove(&index).unwrap();
        let mut datapath = self.datapath.lock().unwrap().clone();
        let ports = datapath.ports().unwrap();
        if let Some(port) = ports.iter().find(|port| port.name == link.name) {
            datapath.remove_device(port.port_no).unwrap();
        }
        self.say(LinkChange::Gone(index));
    }

    fn say(&self, change: LinkChange) {
        if let Some(agent) = &self.agent {
            agent.started.sender.send(Message::Link(change)).unwrap();
        }
    }

    pub(crate) fn datapath(&self) -> MemoryDatapath {
        self.datapath.lock().unwrap().clone()
    }

    /// The interfaces that have a vport.
    pub(crate) fn vports(&self) -> Vec<String> {
        let mut ports = self.datapath().ports().unwrap_or_default();
        ports.retain(|port| port.port_no != 0);
        let mut names: Vec<String> = ports.into_iter().map(|port| port.name).collect();
        names.sort();
        names
    }

    // === the control socket ===

    /// Sends a request; its answer is to be read from there.
    pub(crate) fn send(&self, request: &Value) -> BufReader<UnixStream> {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(crate::LIMIT)).unwrap();
        writeln!(stream, "{request}").unwrap();
        BufReader::new(stream)
    }

    /// Items of an answer, and how it ends.
    pub(crate) fn ask(&self, request: Value) -> (Vec<Value>, Result<Value, Refused>) {
        answer(self.send(&request))
    }

    pub(crate) fn plugging(
        &self,
        port: &str,
        interface: &str,
        timeout_ms: u64,
    ) -> BufReader<UnixStream> {
        self.send(&json!({
            "v": 1, "verb": "plug", "port": port, "interface": interface, "timeout_ms": timeout_ms,
        }))
    }

    pub(crate) fn plug(&self, port: &str, interface: &str) -> Result<Value, Refused> {
        answer(self.plugging(port, interface, 15_000)).1
    }

    #[track_caller]
    pub(crate) fn unplug(&self, interface: &str) {
        let request = json!({"v": 1, "verb": "unplug", "interface": interface});
        self.ask(request).1.unwrap();
    }

    /// State of an interface's binding.
    pub(crate) fn state(&self, interface: &str) -> Option<String> {
        let (bindings, done) = self.ask(json!({"v": 1, "verb": "bindings"}));
        done.unwrap();
        let of = bindings.iter().find(|of| of["interface"] == interface)?;
        Some(of["state"].as_str().unwrap().to_owned())
    }

    pub(crate) fn status(&self) -> Value {
        self.ask(json!({"v": 1, "verb": "status"})).1.unwrap()
    }

    /// Waits until the agent follows the service, or does not.
    #[track_caller]
    pub(crate) fn follows(&self, follows: bool) {
        until("the agent to see the service come or go", || {
            self.status()["api"].is_null() != follows
        });
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
        }
    }
}

/// A refusal by its code, with its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// Reads an answer to its end.
pub(crate) fn answer(stream: BufReader<UnixStream>) -> (Vec<Value>, Result<Value, Refused>) {
    let mut items = Vec::new();
    for line in stream.lines() {
        let mut reply: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let reply = reply.as_object_mut().unwrap();
        if let Some(item) = reply.remove("item") {
            items.push(item);
        } else if let Some(result) = reply.remove("done") {
            return (items, Ok(result));
        } else {
            let error = &reply["error"];
            let text = |key: &str| error[key].as_str().unwrap().to_owned();
            let (code, message) = (text("code"), text("message"));
            return (items, Err(Refused { code, message }));
        }
    }
    panic!("the answer has no end: {items:?}");
}

pub(crate) fn port_of(id: &str) -> PortId {
    id.parse().unwrap()
}

struct Setter;

impl SetLinks for Setter {
    fn prepare(&self, _: &Link, _: Option<u32>) -> Result<(), LinkError> {
        Ok(())
    }

    fn set_up(&self, _: &Link) -> Result<(), LinkError> {
        Ok(())
    }

    fn set_down(&self, _: &Link) -> Result<(), LinkError> {
        Ok(())
    }

    fn set_mtu(&self, _: &Link, _: u32) -> Result<(), LinkError> {
        Ok(())
    }
}

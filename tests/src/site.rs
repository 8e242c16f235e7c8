//! A whole site on one machine: the service, an agent and what they keep, all in a folder of the test's
//! own. What an earlier test left, a datapath and taps, goes first.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use weft_topology::MacAddr;

use crate::cloud::{self, Network};
use crate::command::{checked, output, program, run};
use crate::host::{Daemon, PATIENCE, agent_is_ready, status};
use crate::peer::Peer;
use crate::rest::Rest;
use crate::wait;

/// The datapath of every site; one at a time.
pub const DATAPATH: &str = "weft-test";

/// A running site. Dropped, its programs are killed; its datapath goes with the next site.
#[derive(Debug)]
pub struct Site {
    /// Where its files are.
    pub dir: PathBuf,
    /// The service.
    pub service: Daemon,
    /// The agent.
    pub agent: Daemon,
    /// A client of the service.
    pub rest: Rest,
}

/// A virtual port and the process that uses its tap.
#[derive(Debug)]
pub struct Plugged {
    /// The port's id.
    pub port: String,
    /// The tap's owner.
    pub peer: Peer,
}

impl Site {
    /// Starts a site in which nothing is.
    pub fn start(name: &str) -> Result<Self> {
        Self::start_with(name, "")
    }

    /// The same, with lines added to the agent's configuration.
    pub fn start_with(name: &str, agent_config: &str) -> Result<Self> {
        Self::start_with_both(name, agent_config, "")
    }

    /// The same, with lines added to the service's, too.
    pub fn start_with_both(name: &str, agent_config: &str, api_config: &str) -> Result<Self> {
        ensure!(
            std::env::var_os("WEFT_GUEST").is_some(),
            "this test needs a kernel with openvswitch to itself: run it by `make test-guest`, or \
             by tests/guest/run"
        );
        let dir = PathBuf::from(format!("/tmp/weft-site-{name}"));
        clean_up()?;
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir)?;
        let api = configure_service(&dir, api_config)?;
        let config = dir.join("agent.toml");
        let text = format!(
            "host_name = \"host1\"\nstate_dir = {:?}\nrun_dir = {:?}\ndatapath = \"{DATAPATH}\"\n{agent_config}",
            dir.join("state"),
            dir.join("run"),
        );
        std::fs::write(&config, text)?;
        let service = Daemon::start("weft-api", &api, &dir.join("api.log"))?;
        let agent = Daemon::start("weft-agent", &config, &dir.join("agent.log"))?;
        let rest = Rest::new("http://127.0.0.1:8181/midonet-api");
        let mut site = Self {
            dir,
            service,
            agent,
            rest,
        };
        site.service_is_ready()?;
        site.agent_is_ready()?;
        Ok(site)
    }

    /// Writes the service's configuration anew, with these lines added: it counts after a restart.
    pub fn configure_service(&self, lines: &str) -> Result<()> {
        configure_service(&self.dir, lines).map(drop)
    }

    /// The agent's control socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("run/agent.sock")
    }

    /// Waits for the service.
    pub fn service_is_ready(&self) -> Result<()> {
        wait::until_ok("the service to serve", PATIENCE, || {
            self.rest.get("").map(drop)
        })
        .with_context(|| self.service.log())
    }

    /// Waits for the agent.
    pub fn agent_is_ready(&mut self) -> Result<()> {
        let socket = self.socket();
        agent_is_ready(&mut self.agent, &socket)
    }

    /// Makes a bridge with the subnet 10.0.0.0/24.
    pub fn network(&self, name: &str) -> Result<Network> {
        cloud::network(&self.rest, name, "10.0.0")
    }

    /// Runs `weft-vif` with the agent's configuration.
    pub fn vif(&self, words: &[&str]) -> Result<Output> {
        let mut command = Command::new(program("weft-vif"));
        command
            .args(words)
            .arg("--config")
            .arg(self.dir.join("agent.toml"));
        output(command)
    }

    /// Makes a port of a network, plugs a tap and opens it.
    pub fn plug(&self, network: &Network, tap: &str, mac: MacAddr) -> Result<Plugged> {
        let port = cloud::port(&self.rest, network)?;
        self.plug_port(&port, tap)?;
        Ok(Plugged {
            port,
            peer: Peer::open(tap, mac)?,
        })
    }

    /// Plugs a tap into a port.
    pub fn plug_port(&self, port: &str, tap: &str) -> Result<()> {
        let plugged = self.vif(&["plug", "--port", port, "--interface", tap])?;
        let said = String::from_utf8_lossy(&plugged.stderr).into_owned();
        ensure!(
            plugged.status.success(),
            "plug {tap}: {said}\n{}",
            self.agent.log()
        );
        Ok(())
    }

    /// Runs `weft` for this site.
    pub fn weft(&self, words: &[&str]) -> Result<String> {
        let mut command = Command::new(program("weft"));
        command.arg("--socket").arg(self.socket()).args(words);
        checked(command)
    }

    /// Makes an address group of these members, in one transaction.
    pub fn address_group(&self, id: &str, members: &[IpAddr]) -> Result<()> {
        let quoted: Vec<String> = members.iter().map(|addr| format!("\"{addr}\"")).collect();
        let text = format!(
            "[address_group.\"{id}\"]\nname = \"members\"\naddresses = [{}]\n",
            quoted.join(", ")
        );
        let file = self.dir.join("members.toml");
        std::fs::write(&file, text)?;
        let file = file.to_str().context("the folder's name is no text")?;
        self.weft(&["apply", "--yes", file]).map(drop)
    }

    /// Runs `weft --json` for this site.
    pub fn weft_json(&self, words: &[&str]) -> Result<Value> {
        let mut all = vec!["--json"];
        all.extend(words);
        Ok(serde_json::from_str(&self.weft(&all)?)?)
    }

    /// Waits until what the service has is in force.
    pub fn sync(&self) -> Result<()> {
        self.weft(&["sync"])
            .map(drop)
            .with_context(|| self.agent.log())
    }

    /// The flows in the kernel.
    pub fn flows(&self) -> Result<Vec<Value>> {
        Ok(self
            .weft_json(&["show", "flows"])?
            .as_array()
            .cloned()
            .unwrap_or_default())
    }

    /// One of the agent's counters.
    pub fn counter(&self, name: &str) -> Result<u64> {
        let status = status(&self.socket())?;
        status["counters"][name]
            .as_u64()
            .with_context(|| format!("no counter {name} in {}", status["counters"]))
    }

    /// All writes to the kernel's flow table so far.
    pub fn flow_writes(&self) -> Result<u64> {
        let names = ["netlink_puts", "netlink_set_actions", "netlink_deletes"];
        names.iter().map(|name| self.counter(name)).sum()
    }

    /// Sets a port's administrative state.
    pub fn set_port_up(&self, port: &str, up: bool) -> Result<()> {
        let path = format!("/ports/{port}");
        let mut body = self.rest.get(&path)?;
        body["adminStateUp"] = json!(up);
        self.rest.update(&path, &body)
    }

    /// Waits for frames to be forwarded: `from` sends until `to` has one.
    pub fn reaches(&self, from: &mut Peer, to: &mut Peer) -> Result<()> {
        to.drain();
        let (source, destination) = (from.mac, to.mac);
        wait::until(
            &format!("a frame from {} to {}", from.tap, to.tap),
            PATIENCE,
            || {
                let _ = from.send(destination, 0x88b5, b"are you there");
                to.receive_where(Duration::from_millis(200), |frame| {
                    frame.get(6..12) == Some(&source.octets())
                })
                .is_some()
            },
        )
        .with_context(|| self.agent.log())
    }
}

fn configure_service(dir: &Path, lines: &str) -> Result<PathBuf> {
    let (api, store) = (dir.join("api.toml"), dir.join("topology.redb"));
    std::fs::write(&api, format!("[store]\npath = {store:?}\n{lines}"))?;
    Ok(api)
}

/// Deletes what an earlier site left in the kernel.
pub fn clean_up() -> Result<()> {
    let text = run(&["ip", "-o", "link"])?;
    let names = text.lines().filter_map(|line| line.split(": ").nth(1));
    for name in names.filter(|name| name.starts_with("tap")) {
        let _ = run(&["ip", "link", "del", name.split('@').next().unwrap_or(name)]);
    }
    // The second is what an ovs-vswitchd leaves.
    for datapath in [DATAPATH, "ovs-system"] {
        if Path::new("/sys/class/net").join(datapath).exists() {
            run(&["ovs-dpctl", "del-dp", &format!("system@{datapath}")])?;
        }
    }
    Ok(())
}

/// A MAC of the test's own.
pub fn mac(last: u8) -> MacAddr {
    MacAddr(2, 0, 0, 0, 0, last)
}

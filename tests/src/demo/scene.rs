//! What the demo plays with: the service, the agent, two networks and four machines.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::groups::Talk;
use crate::cloud::{self, Network};
use crate::command::run;
use crate::host::Daemon;
use crate::rest::Rest;
use crate::vm::Vm;

/// Where the shipped configuration has the agent's socket.
pub const SOCKET: &str = "/run/weft/agent.sock";
/// Where the shipped configuration has the service.
pub const API: &str = "http://127.0.0.1:8181/midonet-api";

/// A machine with its port.
#[derive(Debug)]
pub struct Guest {
    /// The machine.
    pub vm: Vm,
    /// Its virtual port.
    pub port: String,
    /// Its tap.
    pub tap: String,
    /// The address that DHCP shall give it.
    pub address: &'static str,
}

/// The whole scene.
#[derive(Debug)]
pub struct Scene {
    /// A client of the service.
    pub rest: Rest,
    /// The service.
    pub service: Daemon,
    /// The agent.
    pub agent: Daemon,
    /// Bridge *blue*.
    pub blue: Option<Network>,
    /// Bridge *red*, with the same subnet.
    pub red: Option<Network>,
    /// blue1, blue2, red1, red2.
    pub guests: Vec<Guest>,
    /// A connection through a group.
    pub talk: Option<Talk>,
}

/// Name, MAC and address of each machine: the same addresses on both bridges.
pub const CAST: [(&str, &str, &str); 4] = [
    ("blue1", "02:b1:0e:00:00:11", "10.0.0.11"),
    ("blue2", "02:b1:0e:00:00:12", "10.0.0.12"),
    ("red1", "02:4e:d0:00:00:11", "10.0.0.11"),
    ("red2", "02:4e:d0:00:00:12", "10.0.0.12"),
];

impl Scene {
    /// Starts service and agent from their shipped configuration.
    pub fn start() -> Result<Self> {
        let log = |name: &str| PathBuf::from(format!("/tmp/{name}.log"));
        let service = Daemon::start("weft-api", &shipped("api.toml")?, &log("weft-api"))?;
        let agent = Daemon::start("weft-agent", &shipped("agent.toml")?, &log("weft-agent"))?;
        Ok(Self {
            rest: Rest::new(API),
            service,
            agent,
            blue: None,
            red: None,
            guests: Vec::new(),
            talk: None,
        })
    }

    /// The networks, once they are made.
    pub fn networks(&self) -> Result<(&Network, &Network)> {
        self.blue
            .as_ref()
            .zip(self.red.as_ref())
            .context("the networks were not made")
    }

    /// A machine by name.
    pub fn guest(&self, name: &str) -> Result<&Guest> {
        self.guests
            .iter()
            .find(|guest| guest.vm.name == name)
            .with_context(|| format!("machine {name} was not made"))
    }

    /// A machine by name, to change it.
    pub fn guest_mut(&mut self, name: &str) -> Result<&mut Guest> {
        self.guests
            .iter_mut()
            .find(|guest| guest.vm.name == name)
            .with_context(|| format!("machine {name} was not made"))
    }

    /// Makes both bridges, a port for each machine and, but for red2, a DHCP host.
    pub fn make_topology(&mut self) -> Result<()> {
        let blue = cloud::network(&self.rest, "blue", "10.0.0")?;
        let red = cloud::network(&self.rest, "red", "10.0.0")?;
        for (name, mac, address) in CAST {
            let network = if name.starts_with("blue") {
                &blue
            } else {
                &red
            };
            let port = cloud::port(&self.rest, network)?;
            if name != "red2" {
                cloud::dhcp_host(&self.rest, network, mac, address)?;
            }
            let tap = format!("tap{}", port.get(..11).context("a port id cut short")?);
            self.guests.push(Guest {
                vm: Vm::boot(name, mac)?,
                port,
                tap,
                address,
            });
        }
        (self.blue, self.red) = (Some(blue), Some(red));
        Ok(())
    }

    /// The bindings as `weft-vif list` shows them: interface and state.
    pub fn bindings(&self) -> Result<Vec<(String, String)>> {
        let text = run(&["weft-vif", "list", "--json", "--socket", SOCKET])?;
        let list: Vec<Value> = serde_json::from_str(&text)?;
        let word = |item: &Value, key| {
            item.get(key)
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned()
        };
        Ok(list
            .iter()
            .map(|item| (word(item, "interface"), word(item, "state")))
            .collect())
    }
}

impl Guest {
    /// Plugs the machine's tap with `weft-vif`, then opens it as QEMU would.
    pub fn plug(&mut self) -> Result<()> {
        run(&[
            "weft-vif",
            "plug",
            "--port",
            &self.port,
            "--interface",
            &self.tap,
        ])?;
        self.vm.attach(&self.tap)
    }

    /// Unplugs it.
    pub fn unplug(&mut self) -> Result<()> {
        run(&["weft-vif", "unplug", "--interface", &self.tap])?;
        self.vm.detach();
        Ok(())
    }

    /// Checks the address that a DHCP client got.
    pub fn expect_address(&self, got: &str) -> Result<()> {
        ensure!(
            got == self.address,
            "{} got {got}, not {}",
            self.vm.name,
            self.address
        );
        Ok(())
    }
}

fn shipped(name: &str) -> Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../systemd")
        .join(name);
    path.canonicalize()
        .with_context(|| format!("no shipped configuration {}", path.display()))
}

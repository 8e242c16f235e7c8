//! Who plays in both acts: two machines that get their addresses by DHCP, and two ends of a stream.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use weft_topology::MacAddr;

use crate::cloud;
use crate::command::run;
use crate::demo::scene::API;
use crate::peer::Peer;
use crate::rest::Rest;
use crate::vm::Vm;

/// Where the cast is written down between the acts.
const PAPER: &str = "/root/cast.json";

/// What outlives the reboot: ids and names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cast {
    /// The machines that use DHCP.
    pub machines: [Part; 2],
    /// From where to where the stream goes.
    pub ends: [Part; 2],
}

/// A port and who is behind it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    /// The port's id.
    pub port: String,
    /// The interface.
    pub tap: String,
    /// Last byte of MAC and address.
    pub number: u8,
}

impl Cast {
    /// Makes their network and ports.
    pub fn engage() -> Result<Self> {
        let rest = Rest::new(API);
        let network = cloud::network(&rest, "blue", "10.0.0")?;
        let part = |number: u8| -> Result<Part> {
            let port = cloud::port(&rest, &network)?;
            let tap = format!("tap{}", port.get(..11).context("a port id cut short")?);
            let part = Part { port, tap, number };
            cloud::dhcp_host(&rest, &network, &part.mac().to_string(), &part.address())?;
            Ok(part)
        };
        let cast = Self {
            machines: [part(11)?, part(12)?],
            ends: [part(21)?, part(22)?],
        };
        std::fs::write(PAPER, serde_json::to_string(&cast)?)?;
        Ok(cast)
    }

    /// Those of the first act.
    pub fn again() -> Result<Self> {
        let text = std::fs::read_to_string(PAPER).context("the first act was not played")?;
        Ok(serde_json::from_str(&text)?)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Part> {
        self.machines.iter().chain(&self.ends)
    }
}

impl Part {
    /// Its MAC.
    pub fn mac(&self) -> MacAddr {
        MacAddr(2, 0, 0, 0, 0, self.number)
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("10.0.0.{}", self.number)
    }

    /// Plugs its tap by weft-vif.
    pub fn plug(&self) -> Result<()> {
        let words = [
            "/usr/bin/weft-vif",
            "plug",
            "--port",
            &self.port,
            "--interface",
            &self.tap,
            "--timeout",
            "10",
        ];
        run(&words).map(drop)
    }

    /// Plugs its tap as libvirt does: the tap is there, and libvirt's script is run with its name.
    pub fn plug_by_libvirt(&self) -> Result<()> {
        if !Path::new("/sys/class/net").join(&self.tap).exists() {
            run(&["ip", "tuntap", "add", &self.tap, "mode", "tap"])?;
        }
        run(&["/usr/libexec/weft/libvirt-script", &self.tap]).map(drop)
    }

    /// Boots a machine behind the tap, which gets its address.
    pub fn boot(&self) -> Result<Vm> {
        let mut vm = Vm::boot(&format!("vm{}", self.number), &self.mac().to_string())?;
        vm.attach(&self.tap)?;
        let got = vm.udhcpc()?;
        ensure!(got == self.address(), "{} got {got}", vm.name);
        Ok(vm)
    }

    /// Opens the tap.
    pub fn open(&self) -> Result<Peer> {
        Peer::open(&self.tap, self.mac())
    }
}

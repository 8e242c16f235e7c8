//! A virtual machine of the tests: a network namespace behind a tap, and a small process that holds
//! the tap's descriptor as QEMU would and carries frames between the tap and the namespace's `eth0`.

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::{command, command_in, output, run, run_in};
use crate::wait;

/// A running machine. Dropped, it is gone.
#[derive(Debug)]
pub struct Vm {
    /// Its name, which is its namespace's, too.
    pub name: String,
    /// The MAC of its `eth0`.
    pub mac: String,
    carrier: Option<Child>,
}

impl Vm {
    /// Boots a machine without a tap. What an earlier run left under this name goes first.
    pub fn boot(name: &str, mac: &str) -> Result<Self> {
        let _ = run(&["ip", "netns", "del", name]);
        run(&["ip", "netns", "add", name])?;
        run_in(name, &["ip", "link", "set", "lo", "up"])?;
        // Its own chatter (router solicitations, MLD) would blur what a test counts.
        run_in(
            name,
            &["sysctl", "-q", "-w", "net.ipv6.conf.default.disable_ipv6=1"],
        )?;
        Ok(Self {
            name: name.to_owned(),
            mac: mac.to_owned(),
            carrier: None,
        })
    }

    /// Opens a tap of the namespace that this process is in, and gives the machine its `eth0`.
    pub fn attach(&mut self, tap: &str) -> Result<()> {
        self.detach();
        let words = [
            "weft-test-vm",
            "--tap",
            tap,
            "--netns",
            &self.name,
            "--mac",
            &self.mac,
        ];
        let child = command(&words)
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start weft-test-vm")?;
        self.carrier = Some(child);
        wait::until(
            &format!("eth0 of {}", self.name),
            Duration::from_secs(10),
            || {
                run_in(&self.name, &["ip", "link", "show", "eth0", "up"])
                    .is_ok_and(|t| t.contains("UP"))
            },
        )
    }

    /// Lets the tap go; `eth0` goes with it.
    pub fn detach(&mut self) {
        if let Some(mut child) = self.carrier.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Runs a program in the machine; fails unless it exits with 0.
    pub fn run(&self, words: &[&str]) -> Result<String> {
        run_in(&self.name, words)
    }

    /// Whether a program in the machine exits with 0.
    pub fn succeeds(&self, words: &[&str]) -> bool {
        output(command_in(&self.name, words)).is_ok_and(|output| output.status.success())
    }

    /// Starts a program in the machine.
    pub fn spawn(&self, words: &[&str]) -> Result<Child> {
        command_in(&self.name, words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {words:?} in {}", self.name))
    }

    /// The first IPv4 address of `eth0`, without its prefix length.
    pub fn address(&self) -> Option<String> {
        let text = self
            .run(&["ip", "-4", "-o", "addr", "show", "dev", "eth0"])
            .ok()?;
        let address = text
            .split_whitespace()
            .skip_while(|word| *word != "inet")
            .nth(1)?;
        Some(address.split('/').next()?.to_owned())
    }

    /// How many frames its `eth0` has received.
    pub fn received(&self) -> Result<u64> {
        let text = self.run(&["cat", "/sys/class/net/eth0/statistics/rx_packets"])?;
        Ok(text.trim().parse()?)
    }

    /// Drops the machine's addresses and routes, as a reboot would.
    pub fn forget_address(&self) -> Result<()> {
        self.run(&["ip", "-4", "addr", "flush", "dev", "eth0"])
            .map(drop)
    }

    /// A script for either client, which sets the machine's address, MTU and default route.
    pub fn dhcp_script(&self) -> Result<String> {
        write_script(&self.name)
    }

    /// Gets an address with busybox's `udhcpc`, once.
    pub fn udhcpc(&self) -> Result<String> {
        let script = write_script(&self.name)?;
        let words = [
            "udhcpc",
            "-i",
            "eth0",
            "-n",
            "-q",
            "-f",
            "-t",
            "4",
            "-T",
            "2",
            "-s",
            script.as_str(),
        ];
        self.run(&words)?;
        self.address()
            .context("udhcpc ended well, but eth0 has no address")
    }

    /// Gets an address with ISC's `dhclient`, once.
    pub fn dhclient(&self) -> Result<String> {
        let lease = format!("/tmp/{}.leases", self.name);
        let pid = format!("/tmp/{}.dhclient", self.name);
        let script = write_script(&self.name)?;
        for file in [&lease, &pid] {
            let _ = std::fs::remove_file(file);
        }
        let words = [
            "dhclient", "-1", "-v", "-sf", &script, "-lf", &lease, "-pf", &pid, "eth0",
        ];
        self.run(&words)?;
        if let Ok(pid) = std::fs::read_to_string(&pid) {
            let _ = run(&["kill", pid.trim()]);
        }
        self.address()
            .context("dhclient ended well, but eth0 has no address")
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.detach();
        let _ = run(&["ip", "netns", "del", &self.name]);
    }
}

/// One script for both clients, which name their variables differently. Neither's own script will
/// do: they rewrite the machine's `/etc/resolv.conf`, which here is everybody's.
fn write_script(name: &str) -> Result<String> {
    use std::os::unix::fs::PermissionsExt;
    let path = format!("/tmp/{name}.dhcp-script");
    let text = r#"#!/bin/sh
event=${1:-$reason}
address=${ip:-$new_ip_address}
mask=${subnet:-$new_subnet_mask}
gateway=${router:-$new_routers}
size=${mtu:-$new_interface_mtu}
case $event in
bound|renew|BOUND|RENEW|REBIND|REBOOT)
    ip addr replace "$address/$mask" dev eth0
    [ -z "$size" ] || ip link set eth0 mtu "$size"
    [ -z "$gateway" ] || ip route replace default via "${gateway%% *}" dev eth0
    ;;
PREINIT|preinit|deconfig)
    ip link set eth0 up
    ;;
esac
exit 0
"#;
    std::fs::write(Path::new(&path), text)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

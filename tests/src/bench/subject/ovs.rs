//! Open vSwitch of the distribution: ovs-vswitchd with one learning bridge.
//!
//! Two traps: it starts no handler threads in the machine's first ten seconds, and flows that are deleted
//! behind its back come up for seconds after, so it is told to delete them itself.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_gettime};

use super::{FROM, Subject, TO};
use crate::bench::pair::{Pair, fresh_netns, tap};
use crate::command::{command_in, run, run_in};
use crate::wait;

const NETNS: &str = "bench-ovs";
const DIR: &str = "/tmp/weft-bench-ovs";
/// How long a machine must have been up.
const WARM: i64 = 11;

/// The two daemons and a bridge.
#[derive(Debug)]
pub struct Ovs {
    pair: Pair,
    daemons: Vec<Child>,
}

impl Ovs {
    /// Starts it, with two machines on one bridge.
    pub fn start(masks: super::Masks) -> Result<Self> {
        wait::until(
            "the machine to be up for a while",
            Duration::from_secs(20),
            || clock_gettime(ClockId::CLOCK_MONOTONIC).is_ok_and(|up| up.tv_sec() > WARM),
        )?;
        fresh_netns(NETNS)?;
        let mut ovs = Self {
            pair: Pair {
                from: tap(NETNS, "tap1", FROM)?,
                to: tap(NETNS, "tap2", TO)?,
            },
            daemons: Vec::new(),
        };
        ovs.start_daemons()?;
        ovs.vsctl(&["add-br", "br0"])?;
        for port in ["tap1", "tap2"] {
            ovs.vsctl(&["add-port", "br0", port])?;
        }
        if masks == super::Masks::Exact {
            ovs.appctl(&["upcall/disable-megaflows"])?;
        }
        Ok(ovs)
    }

    fn start_daemons(&mut self) -> Result<()> {
        let _ = std::fs::remove_dir_all(DIR);
        std::fs::create_dir_all(DIR)?;
        let (db, schema) = (
            format!("{DIR}/conf.db"),
            "/usr/share/openvswitch/vswitch.ovsschema",
        );
        run(&["ovsdb-tool", "create", &db, schema])?;
        let remote = format!("--remote=punix:{}", Self::socket());
        let own = |name: &str| {
            [
                format!("--log-file={DIR}/{name}.log"),
                format!("--pidfile={DIR}/{name}.pid"),
                format!("--unixctl={DIR}/{name}.ctl"),
            ]
        };
        let [log, pid, ctl] = own("ovsdb-server");
        self.spawn(&["ovsdb-server", &db, &remote, &log, &pid, &ctl])?;
        wait::until_ok("ovsdb-server", Duration::from_secs(20), || {
            self.vsctl(&["--no-wait", "init"])
        })?;
        let [log, pid, ctl] = own("ovs-vswitchd");
        self.spawn(&[
            "ovs-vswitchd",
            &format!("unix:{}", Self::socket()),
            &log,
            &pid,
            &ctl,
        ])
    }

    fn spawn(&mut self, words: &[&str]) -> Result<()> {
        let mut command: Command = command_in(NETNS, words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {words:?}"))?;
        self.daemons.push(child);
        Ok(())
    }

    fn socket() -> String {
        format!("{DIR}/db.sock")
    }

    /// Changes the configuration; returns when the daemon has taken it.
    pub fn vsctl(&self, words: &[&str]) -> Result<()> {
        let db = format!("--db=unix:{}", Self::socket());
        run_in(
            NETNS,
            &[&["ovs-vsctl", "--timeout=60", &db][..], words].concat(),
        )
        .map(drop)
    }

    fn appctl(&self, words: &[&str]) -> Result<()> {
        let target = format!("--target={DIR}/ovs-vswitchd.ctl");
        run_in(NETNS, &[&["ovs-appctl", &target][..], words].concat()).map(drop)
    }

    /// Process id of ovs-vswitchd.
    pub fn pid(&self) -> Result<u32> {
        let text = std::fs::read_to_string(PathBuf::from(DIR).join("ovs-vswitchd.pid"))?;
        text.trim()
            .parse()
            .context("the pid file of ovs-vswitchd holds no number")
    }

    /// Its namespace.
    pub const fn netns() -> &'static str {
        NETNS
    }
}

impl Subject for Ovs {
    fn name(&self) -> &'static str {
        "ovs"
    }

    fn pair(&mut self) -> &mut Pair {
        &mut self.pair
    }

    fn forget(&mut self) -> Result<()> {
        self.appctl(&["revalidator/purge"])
    }
}

impl Drop for Ovs {
    fn drop(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

//! The programs of Open vSwitch in a network namespace and a folder of their own.
//!
//! Two traps: ovs-vswitchd starts no handler threads in the machine's first ten seconds, and flows that are deleted
//! behind its back come up for seconds after, so it is told to delete them itself.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

use crate::bench::pair::fresh_netns;
use crate::command::{checked, command_in, run};
use crate::wait;

/// How long a machine must have been up.
const WARM: i64 = 11;
/// How long a program may take to start or to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Running programs. Dropped, they are killed, the last first.
#[derive(Debug)]
pub(super) struct Daemons {
    netns: &'static str,
    dir: &'static str,
    children: Vec<Child>,
}

impl Daemons {
    /// Starts ovsdb-server and ovs-vswitchd in an empty namespace; whatever was in the folder goes.
    pub(super) fn start(netns: &'static str, dir: &'static str) -> Result<Self> {
        wait::until("the machine to be up for a while", PATIENCE, || {
            clock_gettime(ClockId::CLOCK_MONOTONIC).is_ok_and(|up| up.tv_sec() > WARM)
        })?;
        fresh_netns(netns)?;
        let _ = std::fs::remove_dir_all(dir);
        std::fs::create_dir_all(dir)?;
        let mut daemons = Self {
            netns,
            dir,
            children: Vec::new(),
        };
        daemons.serve_database("conf", "/usr/share/openvswitch/vswitch.ovsschema")?;
        wait::until_ok("ovsdb-server", PATIENCE, || {
            daemons.vsctl(&["--no-wait", "init"])
        })?;
        let socket = daemons.socket("conf");
        daemons.spawn("ovs-vswitchd", &[&socket])?;
        Ok(daemons)
    }

    /// Makes a database and starts a server for it, named after it.
    pub(super) fn serve_database(&mut self, name: &str, schema: &str) -> Result<()> {
        let file = format!("{}/{name}.db", self.dir);
        run(&["ovsdb-tool", "create", &file, schema])?;
        let remote = format!("--remote=p{}", self.socket(name));
        self.spawn_as(name, "ovsdb-server", &[&remote, &file])
    }

    /// The socket of a database's server.
    pub(super) fn socket(&self, name: &str) -> String {
        format!("unix:{}/{name}.sock", self.dir)
    }

    /// Starts a program with log, pid file and control socket under its name.
    pub(super) fn spawn(&mut self, program: &str, words: &[&str]) -> Result<()> {
        self.spawn_as(program, program, words)
    }

    fn spawn_as(&mut self, name: &str, program: &str, words: &[&str]) -> Result<()> {
        let mut own = vec![("log-file", "log"), ("pidfile", "pid")];
        // ovn-controller has a control socket of a name of its own.
        if program != "ovn-controller" {
            own.push(("unixctl", "ctl"));
        }
        let file = |ending: &str| format!("{}/{name}.{ending}", self.dir);
        let options: Vec<String> = own
            .iter()
            .map(|(option, ending)| format!("--{option}={}", file(ending)))
            .collect();
        let mut all = vec![program];
        all.extend(words);
        all.extend(options.iter().map(String::as_str));
        let child = self
            .command(&all)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        self.children.push(child);
        let is_there = |(_, ending): &(&str, &str)| Path::new(&file(ending)).exists();
        wait::until(program, PATIENCE, || own.iter().all(is_there))
    }

    /// The control socket of a program.
    pub(super) fn control(&self, name: &str) -> String {
        format!("{}/{name}.ctl", self.dir)
    }

    /// Runs a program to its end.
    pub(super) fn run(&self, words: &[&str]) -> Result<String> {
        checked(self.command(words))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = command_in(self.netns, words);
        for name in ["OVS_RUNDIR", "OVN_RUNDIR", "OVS_LOGDIR", "OVN_LOGDIR"] {
            command.env(name, self.dir);
        }
        command
    }

    /// Changes the configuration; returns when ovs-vswitchd has taken it.
    pub(super) fn vsctl(&self, words: &[&str]) -> Result<()> {
        let db = format!("--db={}", self.socket("conf"));
        let all = [&["ovs-vsctl", "--timeout=60", &db][..], words].concat();
        self.run(&all).map(drop)
    }

    /// Tells ovs-vswitchd something.
    pub(super) fn appctl(&self, words: &[&str]) -> Result<()> {
        let target = format!("--target={}", self.control("ovs-vswitchd"));
        let all = [&["ovs-appctl", &target][..], words].concat();
        self.run(&all).map(drop)
    }

    /// Process id of a program.
    pub(super) fn pid(&self, name: &str) -> Result<u32> {
        let text = std::fs::read_to_string(format!("{}/{name}.pid", self.dir))?;
        let pid = text.trim().parse();
        pid.with_context(|| format!("the pid file of {name} holds no number"))
    }
}

impl Drop for Daemons {
    fn drop(&mut self) {
        // One that detached itself is no child.
        for file in std::fs::read_dir(self.dir).into_iter().flatten().flatten() {
            let path = file.path();
            if path.extension().is_some_and(|ending| ending == "pid")
                && let Ok(text) = std::fs::read_to_string(&path)
                && let Ok(pid) = text.trim().parse()
            {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        for child in self.children.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

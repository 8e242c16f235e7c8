//! The real programs as child processes: the topology service and an agent.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::command::{checked, program};
use crate::wait;

/// Longest time that a program may take to serve, or to stop. A guest on a busy machine is slow.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A program that is started with `--config`, killed and started again.
#[derive(Debug)]
pub struct Daemon {
    name: &'static str,
    config: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

impl Daemon {
    /// Starts a program; its log goes to a file beside others of its name.
    pub fn start(name: &'static str, config: &Path, log: &Path) -> Result<Self> {
        let mut daemon = Self {
            name,
            config: config.to_owned(),
            log: log.to_owned(),
            child: None,
        };
        let _ = std::fs::remove_file(log);
        daemon.start_again()?;
        Ok(daemon)
    }

    /// Starts it after it was killed or stopped, without any help.
    pub fn start_again(&mut self) -> Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("cannot write {}", self.log.display()))?;
        let child = Command::new(program(self.name))
            .arg("--config")
            .arg(&self.config)
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.name))?;
        self.child = Some(child);
        Ok(())
    }

    /// SIGKILL, at once.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGSTOP and SIGCONT: it does not run, and what it had open stays open, until it is continued.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self
            .pid()
            .with_context(|| format!("{} does not run", self.name))?;
        Ok(kill(Pid::from_raw(i32::try_from(pid)?), signal)?)
    }

    /// Waits for it to end by itself; its exit status.
    pub fn ends(&mut self) -> Result<ExitStatus> {
        let child = self
            .child
            .as_mut()
            .with_context(|| format!("{} does not run", self.name))?;
        let ended = wait::until_some(&format!("{} to end", self.name), PATIENCE, || {
            child.try_wait().ok().flatten()
        })?;
        self.child = None;
        Ok(ended)
    }

    /// Resident memory in KiB.
    pub fn memory(&self) -> Result<u64> {
        let pid = self.pid().context("it does not run")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.context("no VmRSS")?.parse()?)
    }

    /// SIGTERM; its exit status.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        let mut child = self
            .child
            .take()
            .with_context(|| format!("{} does not run", self.name))?;
        kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGTERM)?;
        let stopped = wait::until_some(&format!("{} to stop", self.name), PATIENCE, || {
            child.try_wait().ok().flatten()
        });
        if stopped.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
        stopped
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until an agent says that it serves.
pub fn agent_is_ready(agent: &mut Daemon, socket: &Path) -> Result<()> {
    wait::until_ok("the agent to serve", PATIENCE, || {
        if !agent.is_alive() {
            bail!("weft-agent ended:\n{}", agent.log());
        }
        status(socket).map(drop)
    })
}

/// What `weft status` says of the agent.
pub fn status(socket: &Path) -> Result<serde_json::Value> {
    let mut command = Command::new(program("weft"));
    command
        .arg("--socket")
        .arg(socket)
        .args(["--json", "status"]);
    Ok(serde_json::from_str(&checked(command)?)?)
}

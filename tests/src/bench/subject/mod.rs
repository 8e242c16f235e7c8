//! What is measured: something that answers upcalls, with two machines on it.

pub mod bound;
mod control;
mod daemons;
mod group;
mod hand;
mod messages;
mod netlink;
mod ovn;
mod ovs;
mod stateful;
mod weft;

pub use bound::{Bound, Program};
pub use group::{Group, SERVICES, Senders};
pub use hand::Hand;
pub use ovn::{MEMBERS, Ovn};
pub use ovs::Ovs;
pub use weft::{Masks, Weft};

use std::time::Duration;

use anyhow::{Context, Result};
use weft_ovs::DatapathInfo;
use weft_topology::MacAddr;

use super::pair::Pair;
use crate::command::{run, run_in};

/// One of the rivals.
pub trait Subject {
    /// Its name in results.
    fn name(&self) -> &'static str;

    /// The machines on it.
    fn pair(&mut self) -> &mut Pair;

    /// Takes all flows out of the kernel, as it would itself, so that the next run begins with none; and all
    /// connections, where it has any.
    fn forget(&mut self) -> Result<()>;

    /// How long the processors have run for what answers upcalls.
    fn processor_time(&self) -> Result<Duration> {
        anyhow::bail!("{}: nobody asked for its processor time", self.name())
    }

    /// What its datapath has counted.
    fn counts(&mut self) -> Result<DatapathInfo> {
        anyhow::bail!("{}: nobody asked for its counters", self.name())
    }
}

/// MAC of the machine that sends.
const FROM: MacAddr = MacAddr(2, 0, 0, 0, 0, 1);
/// MAC of the machine that receives.
const TO: MacAddr = MacAddr(2, 0, 0, 0, 0, 2);

/// How long the processors have run for a process: the first number of each thread's `schedstat`, in nanoseconds.
fn processor_time(pid: u32) -> Result<Duration> {
    let mut sum = 0_u64;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        let first = text
            .split_whitespace()
            .next()
            .context("schedstat is empty")?;
        sum += first.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(sum))
}

/// Empties the connection table of a namespace, the present one if none is named.
fn forget_connections(netns: Option<&str>) -> Result<()> {
    let words = ["conntrack", "-F"];
    match netns {
        Some(netns) => run_in(netns, &words),
        None => run(&words),
    }
    .map(drop)
}

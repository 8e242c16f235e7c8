//! Which processor what runs on. Traffic and what answers upcalls have one each: on one and the same, every packet
//! would cost two changes of address space, which the emulator makes as dear as all else together, and left to the
//! kernel's choice the figures of a case have two humps.

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

/// Where something runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The machines: who sends and receives.
    Traffic,
    /// What is measured.
    Subject,
}

/// From now on this thread runs there, and so does every program and thread that it starts.
pub fn run_as(part: Part) -> Result<()> {
    let processors = std::thread::available_parallelism()?.get();
    let mine = match part {
        Part::Traffic => 0,
        Part::Subject => 1,
    };
    let mut set = CpuSet::new();
    set.set(mine)?;
    sched_setaffinity(Pid::from_raw(0), &set)
        .with_context(|| format!("run on processor {mine} (of {processors}): the bench wants two"))
}

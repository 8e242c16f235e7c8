//! The datapath tells the truth, on a real kernel: what a trace says happens, what happens is counted once, what is
//! wrong is found, and what is in force is in force. Random topologies and packets; a failure prints `WEFT_SEED`, which
//! repeats the run.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod audit;
mod books;
mod changes;
mod masks;
mod packets;
mod stage;
mod topology;
mod trace;

use std::io::Write;
use std::time::Duration;

use weft_ovs::{Datapath, DumpedFlow, KernelDatapath, OpenMode};
use weft_tests::share::share;
use weft_tests::site::DATAPATH;

/// Longest time to wait for something that must happen.
const LIMIT: Duration = Duration::from_secs(60);

/// Says what was done, also where a test's output is kept back because it passed.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "\n  {what}");
}

/// What a test's random numbers begin with.
fn seed() -> u64 {
    share("WEFT_SEED", u64::from(std::process::id()))
}

/// The site's datapath, looked at beside the agent.
fn datapath() -> KernelDatapath {
    KernelDatapath::open(DATAPATH, OpenMode::Adopt).unwrap()
}

/// The flows in the kernel that can be read.
fn flows() -> Vec<DumpedFlow> {
    let mut found = Vec::new();
    let visit = &mut |flow: Result<_, _>| found.extend(flow.ok());
    datapath().flows(visit).unwrap();
    found
}

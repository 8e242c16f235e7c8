//! Faults: what is killed, taken away, damaged, full, hostile. Each kind has a file; each test a site of its own.
//!
//! `WEFT_KILLS` and `WEFT_AWAY_SECONDS` make two of them as long as is wanted (`make test-long`).

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod away;
mod clock;
mod damage;
mod datagram;
mod descriptors;
mod full;
mod hostile;
mod inherited;
mod killed;
mod module;
mod netlink;
mod removed;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use weft_flow::{Action, Field};
use weft_ovs::{Datapath, DumpedFlow, KernelDatapath, OpenMode};
use weft_tests::site::{DATAPATH, Site};

/// Longest time to wait for something that must happen.
const LIMIT: Duration = Duration::from_secs(30);

/// Says what was done, also where a test's output is kept back because it passed.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "\n  {what}");
}

/// Ends the threads of a test, however that ends.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The state of an interface's binding.
fn state(site: &Site, interface: &str) -> Option<String> {
    let bindings = site.weft_json(&["show", "bindings"]).ok()?;
    let mut all = bindings.as_array()?.iter();
    let of = all.find(|binding| binding["interface"] == interface)?;
    Some(of["state"].as_str()?.to_owned())
}

/// The number of an interface's vport.
fn number(site: &Site, interface: &str) -> Option<u32> {
    let bindings = site.weft_json(&["show", "bindings"]).ok()?;
    let mut all = bindings.as_array()?.iter();
    let of = all.find(|binding| binding["interface"] == interface)?;
    u32::try_from(of["number"].as_u64()?).ok()
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

/// Whether a flow's packets come in by a port, or leave by it alone.
fn names(flow: &DumpedFlow, number: u32) -> bool {
    flow.key.u32(Field::InPort) == Some(number) || flow.actions.contains(&Action::Output(number))
}

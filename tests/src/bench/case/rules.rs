//! (f) How long the walk of a packet through port security and 64 rules on each end takes, and how much memory it
//! asks for. Natively: it needs no kernel.

use std::hint::black_box;
use std::time::Duration;

use anyhow::Result;
use nix::time::{ClockId, clock_gettime};
use weft_flowsim::{Probe, Scratch, Time, simulate};

use super::number;
use crate::bench::report::Report;
use crate::demo::report::say;

#[path = "../../../../flowsim/tests/support/rules.rs"]
mod scene;

use scene::Groups;

/// Packets of one run.
const PACKETS: u64 = 200_000;
/// Packets a second and core that are expected.
const ENOUGH: f64 = 400_000.0;

/// Runs it so many times. `allocations` says how many this process has made so far.
pub fn run(report: &mut Report, runs: u32, allocations: impl Fn() -> usize) -> Result<()> {
    for groups in [Groups::Stateless, Groups::Stateful] {
        let (snapshot, key) = (scene::snapshot(groups), scene::datagram(groups));
        let mut scratch = Scratch::new();
        let mut walk = || {
            let mut probe = Probe::new(black_box(&key), &[], &scene::Known, Time(0), &mut scratch);
            let outcome = simulate(&snapshot, &mut probe);
            scratch.recycle(black_box(outcome));
        };
        walk();
        let (mut rates, mut asked) = (Vec::new(), Vec::new());
        for run in 0..=runs {
            let (before, began) = (allocations(), processor_time()?);
            (0..PACKETS).for_each(|_| walk());
            let (took, asks) = (processor_time()? - began, allocations() - before);
            if run > 0 {
                rates.push(number(PACKETS) / took.as_secs_f64());
                asked.push(number(u64::try_from(asks)?));
            }
        }
        let name = format!("{} rules on each end, {groups:?}", scene::RULES);
        let ns: Vec<f64> = rates.iter().map(|rate| 1e9 / rate).collect();
        let ns = report.add(&format!("simulate, {name}"), "weft", "ns", &ns);
        say(&format!("  {name}: {ns:.0} ns a packet"));
        report.judge(
            &format!("(f) simulate a second and core, {name}"),
            "1/s",
            &rates,
            "at least 400,000",
            |rate| rate >= ENOUGH,
        );
        report.judge(
            &format!("(f) allocations of {PACKETS} packets, {name}"),
            "allocations",
            &asked,
            "none",
            |asked| asked == 0.0,
        );
    }
    Ok(())
}

/// How long a processor has run for this thread: others may use it, too.
fn processor_time() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

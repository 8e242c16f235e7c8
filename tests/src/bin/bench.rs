//! `weft-bench`: the bench, run in the guest by `make bench`.

use std::alloc::System;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use weft_tests::bench::case::{change, flows, groups, hits, masks, plug, restart, rules, size};
use weft_tests::bench::report::Report;
use weft_tests::bench::subject::{Program, bound};
use weft_tests::demo::report::say;

/// Counts what the walk of a packet asks for.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Case {
    /// (a) new flows a second, (b) the first packet's delay.
    Flows,
    /// (c) from a plug to an active port, and to an address.
    Plug,
    /// (d) memory and start with many ports.
    Size,
    /// (e) packets that meet a flow.
    Hits,
    /// Security groups: (a) a miss, (b) new 5-tuples a second, (c) new connections that need no upcall.
    Groups,
    /// Security groups: (d) masks and flows of many remote addresses.
    Masks,
    /// Security groups: (e) from a change to its effect.
    Change,
    /// From the agent's start to the first new flow.
    Restart,
    /// Security groups: (f) the walk of a packet. Natively, in no guest.
    Rules,
}

/// Measures Weft beside the least that any program can do, and beside Open vSwitch.
#[derive(Debug, Parser)]
struct Cli {
    /// How often each case is run, after one run that does not count.
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// Only these cases.
    #[arg(long = "case", value_name = "CASE")]
    cases: Vec<Case>,
    /// Of flows and groups, only this subject (bound, weft, ovs or ovn), for a profiler to look at.
    #[arg(long, value_name = "SUBJECT")]
    only: Option<String>,
    /// Is the bound's loop, which the bench starts.
    #[arg(long, hide = true)]
    answer: Option<Program>,
    /// Where the figures go, as JSON.
    #[arg(long, default_value = "target/bench/results.json")]
    results: PathBuf,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if std::env::var_os("WEFT_GUEST").is_none() && cli.cases != [Case::Rules] {
        say("weft-bench: runs in the test guest, whose network it changes: type `make bench`");
        return ExitCode::from(2);
    }
    let done = match cli.answer {
        Some(program) => bound::serve(program),
        None => measure(&cli),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("weft-bench: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(cli: &Cli) -> Result<()> {
    let mut report = Report::default();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").context("which kernel")?;
    say(&format!(
        "kernel {}, {} processors{}",
        kernel.trim(),
        std::thread::available_parallelism()?,
        match std::env::var_os("WEFT_GUEST") {
            Some(_) => ", emulated: ratios count, not the figures",
            None => "",
        }
    ));
    let wanted = |case| match cli.cases.as_slice() {
        [] => case != Case::Rules,
        cases => cases.contains(&case),
    };
    for &case in Case::value_variants() {
        if wanted(case) {
            run(case, &mut report, cli)?;
        }
    }
    if let Some(folder) = cli.results.parent() {
        std::fs::create_dir_all(folder)?;
    }
    report.write(&cli.results)?;
    say(&format!("\n{}", report.tables()));
    Ok(())
}

fn run(case: Case, report: &mut Report, cli: &Cli) -> Result<()> {
    let runs = cli.runs;
    match case {
        Case::Flows => {
            say("(a) new flows a second, (b) the first packet of one");
            flows::run(report, runs, cli.only.as_deref())
        }
        Case::Plug => {
            say("(c) from a plug to an active port, and to an address");
            plug::run(report, runs)
        }
        Case::Size => {
            say("(d) memory and start with many ports");
            size::run(report, runs)
        }
        Case::Hits => {
            say("(e) packets that meet a flow");
            hits::run(report, runs)
        }
        Case::Groups => {
            say("security groups: (a) a miss, (b) new 5-tuples, (c) new connections");
            groups::run(report, runs, cli.only.as_deref())
        }
        Case::Masks => {
            say("security groups: (d) masks and flows of many remote addresses");
            masks::run(report)
        }
        Case::Change => {
            say("security groups: (e) from a change to its effect");
            change::run(report, runs)
        }
        Case::Restart => {
            say("from the agent's start to the first new flow");
            restart::run(report, runs)
        }
        Case::Rules => {
            say("security groups: (f) the walk of a packet");
            rules::run(report, runs, || {
                let so_far = ALLOCATOR.stats();
                so_far.allocations + so_far.reallocations
            })
        }
    }
}

//! (d) How much memory the agent holds with few and with many ports, and how long it takes to serve them again
//! after it was killed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use weft_vif_driver::tap::{self, TapOptions};

use crate::bench::pair::in_netns;
use crate::bench::report::Report;
use crate::bench::subject::{Masks, Ovs};
use crate::crowd::{AT_ONCE, plug_all};
use crate::demo::report::say;
use crate::host::Daemon;
use crate::site::Site;
use crate::wait;

/// How many ports.
const SIZES: [usize; 3] = [2, 100, 1000];
/// With this many ports the agent should hold less than [`LIMIT`].
const TYPICAL: usize = 100;
/// In MiB.
const LIMIT: f64 = 30.0;
/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Measures once a size: memory does not vary from run to run.
pub fn run(report: &mut Report, runs: u32) -> Result<()> {
    let mut site = Site::start("bench")?;
    let network = site.network("bench")?;
    let mut ports = 0;
    for size in SIZES {
        let began = Instant::now();
        plug_all(&site, &network, ports..size).with_context(|| site.agent.log())?;
        site.sync()?;
        say(&format!(
            "  {} ports were plugged, {AT_ONCE} at a time, in {:.1} s",
            size - ports,
            began.elapsed().as_secs_f64()
        ));
        ports = size;
        let held = resident(site.agent.pid())?;
        let mut starts = Vec::new();
        let mut after = Vec::new();
        for _ in 0..runs {
            starts.push(restart(&mut site, size)?.as_secs_f64() * 1e3);
            after.push(resident(site.agent.pid())?);
        }
        report.add(&format!("memory, {size} ports"), "weft", "MiB", &[held]);
        let case = format!("memory after a restart, {size} ports");
        report.add(&case, "weft", "MiB", &after);
        report.add(&format!("start, {size} ports"), "weft", "ms", &starts);
        if size == TYPICAL {
            let most = after.iter().copied().fold(held, f64::max);
            report.expect(
                "(d) memory with 100 ports: under 30 MiB",
                most,
                "MiB",
                most < LIMIT,
            );
        }
    }
    drop(site);
    let mut ports = 0;
    let ovs = Ovs::start(Masks::Wide)?;
    for size in SIZES {
        let names: Vec<String> = (ports..size).map(|n| format!("tapz{n}")).collect();
        ports = size;
        in_netns(Ovs::netns(), || {
            for name in &names {
                tap::create(name, TapOptions::default())?;
            }
            Ok(())
        })?;
        let mut words = vec!["--"];
        for name in &names {
            words.extend(["add-port", "br0", name, "--"]);
        }
        words.pop();
        ovs.vsctl(&words)?;
        let held = resident(Some(ovs.pid()?))?;
        report.add(&format!("memory, {size} ports"), "ovs", "MiB", &[held]);
    }
    Ok(())
}

/// SIGKILL and a start; how long until the agent serves, with all its ports.
fn restart(site: &mut Site, ports: usize) -> Result<Duration> {
    site.agent.kill();
    let began = Instant::now();
    site.agent.start_again()?;
    wait::until_ok("the agent to serve again", PATIENCE, || ready(&site.agent))?;
    let took = began.elapsed();
    let bindings = site.weft_json(&["show", "bindings"])?;
    let active = bindings.as_array().into_iter().flatten();
    let active = active
        .filter(|binding| binding["state"] == "active")
        .count();
    ensure!(active == ports, "{active} of {ports} ports are carried");
    Ok(took)
}

fn ready(agent: &Daemon) -> Result<()> {
    ureq::get("http://127.0.0.1:9464/readyz")
        .call()
        .map(drop)
        .with_context(|| agent.log())
}

/// Memory that a process holds, in MiB (`VmRSS`).
fn resident(pid: Option<u32>) -> Result<f64> {
    let pid = pid.context("it does not run")?;
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kilobytes: f64 = kilobytes.context("no VmRSS")?.trim().parse()?;
    Ok(kilobytes / 1024.0)
}

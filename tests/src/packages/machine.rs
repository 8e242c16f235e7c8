//! The machine as its operator sees it: dpkg and systemctl.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::command::{checked, run};
use crate::wait;

/// How long a unit may take for anything.
pub const LIMIT: Duration = Duration::from_secs(60);
/// The daemon's unit.
pub const AGENT: &str = "weft-agent.service";
/// The service's unit.
pub const API: &str = "weft-api.service";
/// The packages, in an order in which they can be removed.
pub const PACKAGES: [&str; 4] = ["weft-agent", "weft-vif", "weft-api", "weft"];

/// Installs all packages of a folder.
pub fn install(folder: &Path) -> Result<()> {
    let mut command = Command::new("dpkg");
    // Without a sync a file: the disk is the test's own.
    command.args(["--force-unsafe-io", "--install"]);
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|name| name == "deb") {
            command.arg(path);
        }
    }
    checked(command).map(drop)
}

/// The version of a package that is installed.
pub fn version(package: &str) -> Result<String> {
    run(&["dpkg-query", "--show", "--showformat=${Version}", package])
}

/// A property of a unit.
pub fn property(unit: &str, name: &str) -> Result<String> {
    let text = run(&["systemctl", "show", "--value", "--property", name, unit])?;
    Ok(text.trim().to_owned())
}

/// The process of a unit.
pub fn pid(unit: &str) -> Result<u32> {
    Ok(property(unit, "MainPID")?.parse()?)
}

/// Waits until a unit runs in another process than before.
pub fn replaced(unit: &str, before: u32) -> Result<u32> {
    wait::until_some(&format!("{unit} to be started again"), LIMIT, || {
        let now = pid(unit).ok().filter(|pid| *pid != before && *pid != 0)?;
        let active = property(unit, "ActiveState").ok()? == "active";
        active.then_some(now)
    })
}

/// Fails unless the unit runs.
pub fn is_active(unit: &str) -> Result<()> {
    let state = property(unit, "ActiveState")?;
    ensure!(state == "active", "{unit} is {state}:\n{}", journal(unit));
    Ok(())
}

/// What a unit, and systemd about it, said in this boot.
pub fn journal(unit: &str) -> String {
    let words = [
        "journalctl",
        "--boot",
        "--output=cat",
        "--no-pager",
        "--unit",
        unit,
    ];
    run(&words).unwrap_or_default()
}

/// Restarts a unit with these lines of a `[Service]` section over its own.
pub fn restart_with(unit: &str, settings: &str) -> Result<()> {
    let folder = settings_of(unit);
    std::fs::create_dir_all(&folder)?;
    let text = format!("[Service]\n{settings}\n");
    std::fs::write(format!("{folder}/50-test.conf"), text)?;
    restart(unit)
}

/// Restarts a unit without what [`restart_with`] gave it.
pub fn restart_as_shipped(unit: &str) -> Result<()> {
    std::fs::remove_dir_all(settings_of(unit))?;
    restart(unit)
}

fn settings_of(unit: &str) -> String {
    format!("/run/systemd/system/{unit}.d")
}

fn restart(unit: &str) -> Result<()> {
    run(&["systemctl", "daemon-reload"])?;
    let restarted = run(&["systemctl", "restart", unit]);
    restarted.map(drop).with_context(|| journal(unit))
}

/// What systemd makes of a unit's sandbox: from 0, nothing may go wrong, to 10.
pub fn exposure(unit: &str) -> Result<f32> {
    let text = run(&["systemd-analyze", "security", "--no-pager", unit])?;
    let line = text
        .lines()
        .find(|line| line.contains("Overall exposure level"))
        .with_context(|| format!("no overall exposure in:\n{text}"))?;
    let words = line.split_whitespace();
    words
        .filter_map(|word| word.parse().ok())
        .next_back()
        .with_context(|| format!("no figure in: {line}"))
}

/// The bindings: interface and state.
pub fn bindings() -> Result<Vec<(String, String)>> {
    let text = run(&["/usr/bin/weft-vif", "list", "--json"])?;
    let list: Vec<Value> = serde_json::from_str(&text)?;
    let word = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
    let mut all: Vec<_> = list
        .iter()
        .map(|item| (word(item, "interface"), word(item, "state")))
        .collect();
    all.sort();
    Ok(all)
}

/// Waits until an interface's binding has this state.
pub fn binding_becomes(interface: &str, state: &str) -> Result<()> {
    wait::until(&format!("{interface} to be {state}"), LIMIT, || {
        bindings().is_ok_and(|all| {
            all.iter()
                .any(|(name, now)| name == interface && now == state)
        })
    })
    .with_context(|| format!("bindings: {:?}\n{}", bindings(), journal(AGENT)))
}

/// The number of the datapath's own device: another one would be another datapath.
pub fn datapath() -> Result<String> {
    let text = std::fs::read_to_string("/sys/class/net/weft/ifindex").context("no datapath")?;
    Ok(text.trim().to_owned())
}

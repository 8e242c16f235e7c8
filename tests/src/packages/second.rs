//! The second act: the machine has rebooted; then the packages go.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::cast::Cast;
use super::first::pings;
use super::machine::{self, AGENT, API, PACKAGES};
use crate::command::run;
use crate::demo::report::{Report, say};
use crate::stream::Stream;
use crate::vm::Vm;

/// Who is on the stage.
#[derive(Debug, Default)]
struct Stage {
    vms: Vec<Vm>,
    stream: Option<Stream>,
}

/// Plays it; whether all held.
pub fn play() -> bool {
    let mut report = Report::default();
    let stage = &mut Stage::default();
    report.step(
        "the machine has booted again",
        "service, agent and every binding are there without help",
        bindings_are_there,
    );
    report.step(
        "the other taps are made again, by QEMU, libvirt and weft-vif",
        "every port is carried as before the reboot, and machines talk",
        || machines_talk_again(stage),
    );
    report.step(
        "the packages are removed under a stream",
        "machines keep their network; configuration and state stay",
        || removal_keeps_the_network(stage),
    );
    report.step(
        "the packages are purged",
        "no file, no datapath is left; users stay, as Debian's policy has it",
        purge_leaves_nothing,
    );
    let held = report.close();
    if !held {
        say(&format!(
            "\n== weft-agent\n{}\n== weft-api\n{}",
            machine::journal(AGENT),
            machine::journal(API)
        ));
    }
    held
}

fn bindings_are_there() -> Result<String> {
    machine::is_active(AGENT)?;
    machine::is_active(API)?;
    let cast = Cast::again()?;
    let [one, two] = &cast.machines;
    machine::binding_becomes(&one.tap, "active")?;
    let bindings = machine::bindings()?;
    for part in [two].into_iter().chain(&cast.ends) {
        let waits = (part.tap.clone(), "waiting_for_interface".to_owned());
        ensure!(
            bindings.contains(&waits),
            "{} does not wait: {bindings:?}",
            part.tap
        );
    }
    ensure!(bindings.len() == 4, "{bindings:?}");
    Ok("4 bindings: one active on a tap that a unit made, 3 wait for theirs".to_owned())
}

fn machines_talk_again(stage: &mut Stage) -> Result<String> {
    let cast = Cast::again()?;
    let [one, two] = &cast.machines;
    two.plug_by_libvirt()?;
    machine::binding_becomes(&two.tap, "active")?;
    stage.vms = vec![one.boot()?, two.boot()?];
    pings(one, two)?;
    let [from, to] = &cast.ends;
    from.plug()?;
    // QEMU opens a tap by its name, which makes it.
    let (from, opened) = (from.open()?, to.open()?);
    machine::binding_becomes(&to.tap, "active")?;
    stage.stream = Some(Stream::begin(from, opened));
    Ok("4 ports active, addresses by DHCP as before, 5 of 5 pings".to_owned())
}

fn removal_keeps_the_network(stage: &mut Stage) -> Result<String> {
    let stream = stage.stream.take().context("no stream")?;
    stream.flows(100)?;
    let datapath = machine::datapath()?;
    run(&[&["dpkg", "--remove"], &PACKAGES[..]].concat())?;
    for unit in [AGENT, API] {
        let state = machine::property(unit, "ActiveState")?;
        ensure!(state == "inactive", "{unit} is {state}");
    }
    ensure!(
        !Path::new("/usr/bin/weft-agent").exists(),
        "the program is still there"
    );
    ensure!(
        machine::datapath()? == datapath,
        "the datapath is another one"
    );
    for kept in [
        "/etc/weft/agent.toml",
        "/etc/weft/api.toml",
        "/var/lib/weft/host-id",
        "/var/lib/weft/topology.redb",
    ] {
        ensure!(Path::new(kept).exists(), "{kept} is gone");
    }
    stream.flows(100)?;
    let (_, _, sent) = stream.finish()?;
    Ok(format!(
        "{sent} of {sent} frames arrived; datapath, state, store and configuration are there"
    ))
}

fn purge_leaves_nothing() -> Result<String> {
    let said = run(&[&["dpkg", "--purge"], &PACKAGES[..]].concat())?;
    ensure!(
        machine::datapath().is_err(),
        "the datapath is still there:\n{said}"
    );
    let left = run(&[
        "find", "/etc", "/usr", "/var", "/run", "-xdev", "-iname", "*weft*",
    ])?;
    let left: Vec<&str> = left
        .lines()
        .filter(|path| !path.contains("weft-guest"))
        .collect();
    ensure!(left.is_empty(), "left: {left:?}\n{said}");
    let user = run(&["getent", "passwd", "weft-api"])?;
    let up = run(&["ip", "-o", "link", "show", "up"])?;
    let taps: Vec<&str> = up.lines().filter(|line| line.contains(": tap")).collect();
    ensure!(taps.is_empty(), "taps are still up: {taps:?}");
    Ok(format!("nothing is left but the user: {}", user.trim()))
}

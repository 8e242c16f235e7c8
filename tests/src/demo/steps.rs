//! The steps, each with what it saw.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::scene::{API, CAST, SOCKET, Scene};
use crate::cloud;
use crate::command::{output, run};
use crate::host::{agent_is_ready, status};
use crate::wait;

/// Longest wait for one thing.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// Both programs serve.
pub fn programs_serve(scene: &mut Scene) -> Result<String> {
    wait::until_ok("the service to serve", LIMIT, || {
        scene.rest.get("").map(drop)
    })?;
    agent_is_ready(&mut scene.agent, Path::new(SOCKET))?;
    let kernel = run(&["uname", "-r"])?;
    Ok(format!(
        "weft-api and weft-agent serve, on Linux {}",
        kernel.trim()
    ))
}

/// The topology is there.
pub fn topology_is_made(scene: &mut Scene) -> Result<String> {
    scene.make_topology()?;
    let ports = scene.rest.get("/ports")?;
    let count = ports.as_array().map_or(0, Vec::len);
    ensure!(count == CAST.len(), "the service lists {count} ports");
    Ok(format!("2 bridges, {count} ports, 10.0.0.0/24 on both"))
}

/// All machines are plugged, and the kernel carries them.
pub fn machines_are_plugged(scene: &mut Scene) -> Result<String> {
    for guest in &mut scene.guests {
        guest.plug()?;
    }
    let bindings = scene.bindings()?;
    ensure!(bindings.len() == CAST.len(), "bindings: {bindings:?}");
    ensure!(
        bindings.iter().all(|(_, state)| state == "active"),
        "bindings: {bindings:?}"
    );
    Ok("4 taps made by weft-vif, all active".to_owned())
}

/// Three machines get their addresses from two real clients, the fourth is not known and gets none.
pub fn addresses_are_given(scene: &mut Scene) -> Result<String> {
    for (name, client) in [
        ("blue1", "udhcpc"),
        ("blue2", "dhclient"),
        ("red1", "dhclient"),
    ] {
        let guest = scene.guest(name)?;
        let got = match client {
            "udhcpc" => guest.vm.udhcpc(),
            _ => guest.vm.dhclient(),
        };
        guest.expect_address(&got.with_context(|| format!("{client} on {name}"))?)?;
    }
    let stranger = scene.guest("red2")?;
    ensure!(
        stranger.vm.udhcpc().is_err(),
        "red2 is no DHCP host, but got an address"
    );
    Ok("blue1 (udhcpc), blue2 and red1 (dhclient) have theirs; red2, unknown, has none".to_owned())
}

/// Neighbours talk.
pub fn neighbours_talk(scene: &mut Scene) -> Result<String> {
    let blue1 = &scene.guest("blue1")?.vm;
    let text = blue1.run(&["ping", "-c", "10", "-i", "0.1", "-W", "2", "10.0.0.12"])?;
    ensure!(text.contains(" 0% packet loss"), "{text}");
    Ok("10 of 10 pings from blue1 to blue2 answered".to_owned())
}

/// What is sent on blue, broadcast included, never reaches red.
pub fn bridges_are_apart(scene: &mut Scene) -> Result<String> {
    let count = |name| scene.guest(name)?.vm.received();
    let before = (count("red1")?, count("red2")?, count("blue2")?);
    let blue1 = &scene.guest("blue1")?.vm;
    ensure!(
        !blue1.succeeds(&["arping", "-c", "3", "-w", "3", "-I", "eth0", "10.0.0.77"]),
        "an address that nobody has was answered"
    );
    ensure!(
        blue1.succeeds(&["ping", "-c", "5", "-i", "0.1", "-W", "2", "10.0.0.12"]),
        "no ping"
    );
    let after = (count("red1")?, count("red2")?, count("blue2")?);
    ensure!(
        after.2 >= before.2 + 3 + 5,
        "blue2 saw {} frames of blue1's 3 broadcasts and 5 pings",
        after.2 - before.2
    );
    ensure!(
        (after.0, after.1) == (before.0, before.1),
        "red saw frames of blue: {before:?} {after:?}"
    );
    Ok(format!(
        "blue2 received {} frames of it, red1 and red2 none",
        after.2 - before.2
    ))
}

/// A machine moves to another tap.
pub fn replug_under_another_tap(scene: &mut Scene) -> Result<String> {
    let guest = scene.guest_mut("blue2")?;
    guest.unplug()?;
    let old = std::mem::replace(&mut guest.tap, "tap-blue2-new".to_owned());
    let text = run(&["weft-vif", "list", "--json", "--socket", SOCKET])?;
    ensure!(!text.contains(&old), "{old} is still listed after unplug");
    let guest = scene.guest_mut("blue2")?;
    guest.plug()?;
    let got = guest.vm.udhcpc()?;
    guest.expect_address(&got)?;
    let blue1 = &scene.guest("blue1")?.vm;
    ensure!(
        blue1.succeeds(&["ping", "-c", "5", "-i", "0.1", "-W", "2", "10.0.0.12"]),
        "no ping"
    );
    Ok(format!(
        "blue2 left {old}, is back on tap-blue2-new, and answers"
    ))
}

/// A DHCP host added while everything runs is served.
pub fn host_is_added_live(scene: &mut Scene) -> Result<String> {
    let (_, red) = scene.networks()?;
    let red2 = scene.guest("red2")?;
    cloud::dhcp_host(&scene.rest, red, &red2.vm.mac, red2.address)?;
    run(&["weft", "--api", API, "sync"])?;
    let got = red2.vm.dhclient()?;
    red2.expect_address(&got)?;
    Ok(format!("after weft sync red2 got {got} at its first try"))
}

/// The agent dies under traffic and comes back.
pub fn agent_dies_and_comes_back(scene: &mut Scene) -> Result<String> {
    let before = pid_of(scene)?;
    let blue1 = &scene.guest("blue1")?.vm;
    let ping = blue1.spawn(&[
        "ping",
        "-q",
        "-c",
        "800",
        "-i",
        "0.01",
        "-W",
        "2",
        "10.0.0.12",
    ])?;
    // Neighbours that know each other and have not talked: the first packet of what they begin is a miss.
    let (red1, red2) = (scene.guest("red1")?, scene.guest("red2")?);
    for (of, other) in [(red1, red2), (red2, red1)] {
        let words = [
            "ip",
            "neigh",
            "replace",
            other.address,
            "lladdr",
            &other.vm.mac,
        ];
        of.vm.run(&[&words[..], &["dev", "eth0"]].concat())?;
    }
    let server = red2
        .vm
        .spawn(&["timeout", "30", "nc", "-l", "-N", "7777"])?;
    let flowing = scene.guest("blue2")?.vm.received()? + 50;
    wait::until("the ping to flow", LIMIT, || {
        scene
            .guest("blue2")
            .and_then(|guest| guest.vm.received())
            .is_ok_and(|n| n > flowing)
    })?;

    scene.agent.kill();
    let script = "echo begun while it was dead | nc -N -w 20 10.0.0.12 7777";
    let client = scene.guest("red1")?.vm.spawn(&["sh", "-c", script])?;
    let dead = scene.guest("blue2")?.vm.received()? + 100;
    wait::until("the ping to go on without an agent", LIMIT, || {
        scene
            .guest("blue2")
            .and_then(|guest| guest.vm.received())
            .is_ok_and(|n| n > dead)
    })?;
    scene.agent.start_again()?;
    agent_is_ready(&mut scene.agent, Path::new(SOCKET))?;

    let said = server.wait_with_output().context("the server on red2")?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    ensure!(
        said.contains("begun while it was dead"),
        "red2 heard {said:?}"
    );
    ensure!(
        client.wait_with_output()?.status.success(),
        "red1's connection failed"
    );
    let text = String::from_utf8_lossy(&ping.wait_with_output()?.stdout).into_owned();
    ensure!(text.contains("800 received"), "a reply was lost:\n{text}");
    ensure!(pid_of(scene)? != before, "the agent was not replaced");
    Ok("800 of 800 replies across SIGKILL; a connection begun in between got through".to_owned())
}

/// Everything is taken away again, and nothing is left.
pub fn nothing_is_left(scene: &mut Scene, links_before: &str) -> Result<String> {
    for guest in &mut scene.guests {
        guest.unplug()?;
    }
    let ports: Vec<String> = scene.guests.drain(..).map(|guest| guest.port).collect();
    for port in ports {
        scene.rest.delete(&format!("/ports/{port}"))?;
    }
    for network in [scene.blue.take(), scene.red.take()].into_iter().flatten() {
        scene.rest.delete(&format!("/bridges/{}", network.bridge))?;
    }
    run(&["weft", "--api", API, "sync"])?;
    let flows = run(&["weft", "--socket", SOCKET, "--json", "show", "flows"])?;
    let flows: Vec<serde_json::Value> = serde_json::from_str(&flows)?;
    ensure!(
        flows.is_empty(),
        "{} flows are left: {flows:?}",
        flows.len()
    );

    let stopped = scene.agent.stop()?;
    ensure!(stopped.success(), "weft-agent ended with {stopped}");
    let stopped = scene.service.stop()?;
    ensure!(stopped.success(), "weft-api ended with {stopped}");
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd/agent.toml");
    let mut purge = std::process::Command::new(crate::command::program("weft-agent"));
    purge.arg("--config").arg(config).arg("--purge");
    let purged = output(purge)?;
    ensure!(
        purged.status.success(),
        "purge: {}",
        String::from_utf8_lossy(&purged.stderr)
    );
    let links = links()?;
    ensure!(
        links == links_before,
        "links before:\n{links_before}\nand after:\n{links}"
    );
    Ok("no flow, no vport, no datapath, no namespace, no link".to_owned())
}

/// The machine's links and namespaces, by name.
pub fn links() -> Result<String> {
    let text = run(&["ip", "-o", "link"])?;
    let mut names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    names.sort_unstable();
    Ok(format!(
        "{}\n{}",
        names.join(" "),
        run(&["ip", "netns"])?.trim()
    ))
}

fn pid_of(scene: &Scene) -> Result<u32> {
    status(Path::new(SOCKET))?;
    scene.agent.pid().context("the agent does not run")
}

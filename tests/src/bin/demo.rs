//! `weft-demo`: the demo, run in the guest by `make demo`.

use std::process::{Command, ExitCode};

use anyhow::Result;
use weft_tests::demo::groups;
use weft_tests::demo::report::{Report, say};
use weft_tests::demo::scene::Scene;
use weft_tests::demo::steps;

fn main() -> ExitCode {
    let keep = std::env::args().any(|word| word == "--keep");
    if std::env::var_os("WEFT_GUEST").is_none() {
        say("weft-demo: runs in the test guest, whose network it may change: type `make demo`");
        return ExitCode::from(2);
    }
    match play(keep) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("weft-demo: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn play(keep: bool) -> Result<bool> {
    say("Weft: VMs on a hypervisor come up, get addresses and talk.");
    let mut report = Report::default();
    let links_before = steps::links()?;
    let mut scene = Scene::start()?;
    let scene = &mut scene;
    report.step(
        "service and agent start from their shipped configuration",
        "a fresh machine needs no settings",
        || steps::programs_serve(scene),
    );
    report.step(
        "two bridges with the same subnet, by the REST API",
        "tenants may use the same addresses",
        || steps::topology_is_made(scene),
    );
    report.step(
        "four VMs are plugged with weft-vif",
        "a plug returns when the kernel carries the port",
        || steps::machines_are_plugged(scene),
    );
    report.step(
        "DHCP with udhcpc and dhclient",
        "known MACs get their address, unknown ones no answer",
        || steps::addresses_are_given(scene),
    );
    report.step(
        "blue1 pings blue2",
        "frames are bridged by kernel flows",
        || steps::neighbours_talk(scene),
    );
    report.step(
        "blue1 floods and pings; red is watched",
        "bridges are apart, even with equal addresses",
        || steps::bridges_are_apart(scene),
    );
    report.step(
        "blue2 is unplugged and plugged under another tap",
        "a port is not bound to a device's name",
        || steps::replug_under_another_tap(scene),
    );
    report.step(
        "red2 becomes a DHCP host while all runs",
        "a change is in force when weft sync returns",
        || steps::host_is_added_live(scene),
    );
    report.step(
        "a topology file's security group is put before blue2",
        "one port is open, nothing else",
        || groups::group_opens_one_port(scene),
    );
    report.step(
        "what would closing it cut?",
        "weft impact tells before anything is done",
        || groups::impact_is_told(scene),
    );
    report.step(
        "the group is closed under a running connection",
        "what a rule allowed ends with it, and the drop has a name",
        || groups::group_is_closed(scene),
    );
    report.step(
        "the group is opened again",
        "the connection goes on where it was",
        || groups::group_is_opened_again(scene),
    );
    report.step(
        "SIGKILL of the agent under a running ping",
        "flows outlive the agent, and it serves again at once",
        || steps::agent_dies_and_comes_back(scene),
    );
    if keep {
        leave_a_shell(scene);
    }
    report.step(
        "everything is taken away again",
        "nothing is left behind in the kernel",
        || steps::nothing_is_left(scene, &links_before),
    );
    let held = report.close();
    if !held {
        say(&format!(
            "\n== weft-agent's log\n{}",
            tail(&scene.agent.log())
        ));
        say(&format!(
            "\n== weft-api's log\n{}",
            tail(&scene.service.log())
        ));
    }
    Ok(held)
}

fn leave_a_shell(scene: &Scene) {
    say(
        "\nThe system is running. Try: weft status; weft show flows; ip netns exec blue1 ping 10.0.0.12",
    );
    for guest in &scene.guests {
        say(&format!(
            "  {:<6} {} port {} on {}",
            guest.vm.name, guest.address, guest.port, guest.tap
        ));
    }
    say("Leave the shell (exit) to take it down.");
    let programs = weft_tests::command::program("weft");
    let folder = programs
        .parent()
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let _ = Command::new("bash").arg("-i").env("PATH", path).status();
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(60)..)
        .unwrap_or_default()
        .join("\n")
}

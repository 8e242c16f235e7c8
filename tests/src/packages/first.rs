//! The first act: installed, at work in the sandbox, restarted, hung, upgraded, and left for a reboot.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::cast::{Cast, Part};
use super::machine::{self, AGENT, API, PACKAGES};
use super::managers;
use crate::command::{run, run_in};
use crate::demo::report::Report;
use crate::demo::scene::{API as URL, SOCKET};
use crate::host::status;
use crate::stream::Stream;
use crate::vm::Vm;
use crate::wait;

/// What `systemd-analyze security` may find at most, of ten.
const CEILINGS: [(&str, f32); 2] = [(AGENT, 2.4), (API, 1.2)];
/// Makes the first machine's tap when the hypervisor boots, as others' units do.
const TAPS_UNIT: &str = "/etc/systemd/system/taps.service";

/// Who is on the stage.
#[derive(Debug, Default)]
struct Stage {
    cast: Option<Cast>,
    vms: Vec<Vm>,
    stream: Option<Stream>,
}

/// Plays it, all of it or what is most worth its time; whether all held.
pub fn play(packages: &Path, next: &Path, all: bool) -> bool {
    let mut report = Report::default();
    let stage = &mut Stage::default();
    report.step(
        "the packages are installed on a machine with systemd",
        "units are enabled and started; the configuration needs no edit",
        || are_installed(packages),
    );
    report.step(
        "systemd judges the sandboxes",
        "they stay as tight as they are",
        sandboxes_are_tight,
    );
    if all {
        report.step(
            "each thing that the agent's sandbox grants is taken away",
            "none is granted that is not needed",
            grants_are_needed,
        );
    }
    report.step(
        "two machines are plugged, one by libvirt's script, and talk",
        "the agent works in its sandbox: binding, DHCP, flows",
        || machines_talk(stage),
    );
    if all {
        report.step(
            "a configuration with a mistake",
            "the unit stops with what is wrong, and is not started again and again",
            mistakes_stop_the_unit,
        );
    }
    report.step(
        "agent and service restart under a stream",
        "a restart keeps the datapath and loses nothing",
        || restart_loses_nothing(stage),
    );
    report.step(
        "agent and service hang (SIGSTOP)",
        "their watchdogs start them again; flows go on meanwhile and after",
        || hung_daemons_are_started_again(stage),
    );
    report.step(
        "the packages are upgraded under the stream",
        "an upgrade loses no packet and keeps the datapath",
        || upgrade_loses_nothing(stage, next),
    );
    if all {
        report.step(
            "systemd-networkd and NetworkManager are told to manage everything",
            "taps, datapath and named uplinks are left alone",
            || {
                let taps: Vec<&str> = stage.cast()?.all().map(|part| part.tap.as_str()).collect();
                managers::leave_alone(&taps)
            },
        );
    }
    report.step(
        "the machine is made ready for its reboot",
        "bindings are in the store and on the disk",
        || ready_for_reboot(stage),
    );
    let held = report.close();
    if !held {
        crate::demo::report::say(&format!(
            "\n== weft-agent\n{}\n== weft-api\n{}",
            machine::journal(AGENT),
            machine::journal(API)
        ));
    }
    held
}

impl Stage {
    fn cast(&self) -> Result<&Cast> {
        self.cast.as_ref().context("nobody is plugged")
    }
}

fn are_installed(packages: &Path) -> Result<String> {
    let before = run(&["find", "/etc", "/usr", "/var", "-iname", "*weft*"])?;
    ensure!(
        before.lines().all(|path| path.contains("weft-guest")),
        "the root is not clean:\n{before}"
    );
    machine::install(packages)?;
    for unit in [AGENT, API] {
        machine::is_active(unit)?;
        let enabled = run(&["systemctl", "is-enabled", unit])?;
        ensure!(enabled.trim() == "enabled", "{unit} is {enabled}");
    }
    let user = run(&["ps", "-o", "user=", "-p", &machine::pid(API)?.to_string()])?;
    ensure!(user.trim() == "weft-api", "weft-api runs as {user}");
    let socket = fs::metadata(SOCKET)?;
    let group = run(&["stat", "--format=%U:%G", SOCKET])?;
    let mode = socket.permissions().mode() & 0o777;
    ensure!(
        group.trim() == "root:weft" && mode == 0o660,
        "the socket is {group} {mode:o}"
    );
    let list = ["/usr/bin/weft-vif", "list", "--json"];
    let as_group = |group: &str| {
        let user = [
            "setpriv",
            "--reuid=65534",
            "--clear-groups",
            "--regid",
            group,
        ];
        run(&[&user[..], &list].concat())
    };
    as_group("weft").context("a user in the group weft is refused")?;
    ensure!(
        as_group("nogroup").is_err(),
        "a user who is not in the group weft may list"
    );
    let said = machine::property(AGENT, "StatusText")?;
    ensure!(
        said.contains("ports active"),
        "the agent's status is '{said}'"
    );
    Ok(format!(
        "{} {}; enabled, active, socket root:weft 660; \"{said}\"",
        PACKAGES.join(", "),
        machine::version("weft-agent")?
    ))
}

fn sandboxes_are_tight() -> Result<String> {
    let mut seen = Vec::new();
    for (unit, ceiling) in CEILINGS {
        let exposure = machine::exposure(unit)?;
        ensure!(
            exposure <= ceiling,
            "{unit}: {exposure}, more than {ceiling}"
        );
        seen.push(format!("{unit} {exposure} of at most {ceiling}"));
    }
    Ok(seen.join(", "))
}

fn grants_are_needed() -> Result<String> {
    let cast = Cast::engage()?;
    let tap = Part {
        tap: "tap-x".to_owned(),
        ..cast.machines[0].clone()
    };
    run(&["ip", "tuntap", "add", &tap.tap, "mode", "tap"])?;
    let refused = |needs: &str| match tap.plug() {
        Ok(()) => bail!("a plug succeeds without {needs}"),
        Err(error) => Ok(format!("{error:#}")),
    };

    machine::restart_with(AGENT, "CapabilityBoundingSet=")?;
    let said = refused("CAP_NET_ADMIN")?;
    ensure!(
        said.contains("not permitted"),
        "without CAP_NET_ADMIN: {said}"
    );

    let less = "SupplementaryGroups=\nReadWritePaths=\nReadWritePaths=/var/lib/weft";
    machine::restart_with(AGENT, less)?;
    let owner = fs::metadata(SOCKET)?.gid();
    ensure!(
        owner == 0,
        "root gives the socket away without being in the group weft"
    );
    let said = refused("/proc/sys/net/ipv6/conf")?;
    ensure!(
        said.contains("turn IPv6 off"),
        "without /proc/sys/net/ipv6/conf: {said}"
    );

    machine::restart_with(
        AGENT,
        "CapabilityBoundingSet=\nCapabilityBoundingSet=CAP_NET_ADMIN",
    )?;
    tap.plug()?;
    let capture = || {
        let words = [
            "/usr/bin/weft",
            "capture",
            &tap.port,
            "--seconds",
            "1",
            "--write",
            "/dev/null",
        ];
        run(&words)
    };
    let said = capture()
        .err()
        .context("a capture succeeds without CAP_NET_RAW")?;
    ensure!(
        format!("{said:#}").contains("not permitted"),
        "without CAP_NET_RAW: {said:#}"
    );

    machine::restart_as_shipped(AGENT)?;
    capture()?;
    run(&["/usr/bin/weft-vif", "unplug", "--interface", &tap.tap])?;
    run(&["ip", "link", "del", &tap.tap])?;
    Ok("CAP_NET_ADMIN, CAP_NET_RAW, the group weft, /proc/sys/net/ipv6/conf: something fails without each".to_owned())
}

fn machines_talk(stage: &mut Stage) -> Result<String> {
    let cast = Cast::engage()?;
    let [one, two] = &cast.machines;
    // The agent knows ports that it is asked for; libvirt's script has the beginning of an id only.
    one.plug_by_libvirt()?;
    two.plug()?;
    for end in &cast.ends {
        end.plug()?;
    }
    stage.vms = vec![one.boot()?, two.boot()?];
    stage.cast = Some(cast.clone());
    pings(one, two)?;
    let ipv6 = fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{}/disable_ipv6", two.tap))?;
    ensure!(ipv6.trim() == "1", "IPv6 is on at {}", two.tap);
    Ok("4 ports active, two addresses by DHCP, 5 of 5 pings".to_owned())
}

/// The one's machine pings the other's.
pub(super) fn pings(one: &Part, two: &Part) -> Result<()> {
    let netns = format!("vm{}", one.number);
    let text = run_in(
        &netns,
        &[
            "ping",
            "-q",
            "-c",
            "5",
            "-i",
            "0.1",
            "-W",
            "5",
            &two.address(),
        ],
    )?;
    ensure!(text.contains("5 received"), "{text}");
    Ok(())
}

fn mistakes_stop_the_unit() -> Result<String> {
    let path = "/etc/weft/api.toml";
    let text = fs::read_to_string(path)?;
    fs::write(path, format!("lisen = \"127.0.0.1:8181\"\n{text}"))?;
    let restarted = run(&["systemctl", "restart", API]);
    fs::write(path, text)?;
    ensure!(restarted.is_err(), "the unit starts with an unknown key");
    let (state, status) = (
        machine::property(API, "ActiveState")?,
        machine::property(API, "ExecMainStatus")?,
    );
    ensure!(
        state == "failed" && status == "2",
        "{state}, status {status}"
    );
    let said = machine::journal(API);
    ensure!(
        said.contains("did you mean") || said.contains("listen"),
        "{said}"
    );
    run(&["systemctl", "start", API])?;
    Ok("weft-api failed with status 2, named the key, and started when it was mended".to_owned())
}

fn restart_loses_nothing(stage: &mut Stage) -> Result<String> {
    let [from, to] = &stage.cast()?.ends;
    let stream = Stream::begin(from.open()?, to.open()?);
    stream.flows(100)?;
    let (datapath, agent) = (machine::datapath()?, machine::pid(AGENT)?);
    run(&["systemctl", "restart", AGENT, API])?;
    ensure!(machine::pid(AGENT)? != agent, "it was not restarted");
    ensure!(
        machine::datapath()? == datapath,
        "the datapath was made anew"
    );
    stream.flows(100)?;
    stage.stream = Some(stream);
    Ok("both restarted in order; the datapath is the same, the stream goes on".to_owned())
}

fn hung_daemons_are_started_again(stage: &mut Stage) -> Result<String> {
    let stream = stage.stream.as_ref().context("no stream")?;
    let before = [(AGENT, machine::pid(AGENT)?), (API, machine::pid(API)?)];
    for (_, pid) in before {
        kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGSTOP)?;
    }
    stream.flows(100)?;
    for (unit, pid) in before {
        machine::replaced(unit, pid)?;
        let said = machine::journal(unit);
        ensure!(
            said.contains("Watchdog timeout"),
            "{unit} was restarted, but not by its watchdog:\n{said}"
        );
    }
    stream.flows(100)?;
    // Answered by the agent itself, not by a flow.
    let vm = stage.vms.first().context("no machine")?;
    vm.forget_address()?;
    vm.udhcpc()?;
    run(&["weft", "--api", URL, "sync"])?;
    Ok("both restarted by their watchdogs; the agent answers DHCP again".to_owned())
}

fn upgrade_loses_nothing(stage: &mut Stage, next: &Path) -> Result<String> {
    let stream = stage.stream.take().context("no stream")?;
    let (old, datapath, agent) = (
        machine::version("weft-agent")?,
        machine::datapath()?,
        machine::pid(AGENT)?,
    );
    machine::install(next)?;
    machine::is_active(AGENT)?;
    machine::is_active(API)?;
    let new = machine::version("weft-agent")?;
    run(&["dpkg", "--compare-versions", &new, "gt", &old])?;
    let folder = run(&["stat", "-c", "%a %U:%G", "/var/lib/weft"])?;
    ensure!(
        folder.trim() == "1775 root:weft-api",
        "the service cannot make files beside the store any more: {folder}"
    );
    ensure!(machine::pid(AGENT)? != agent, "the old agent still runs");
    ensure!(
        machine::datapath()? == datapath,
        "the datapath was made anew"
    );
    let adopted = wait::until_some("the flows to be adopted", Duration::from_secs(30), || {
        let counters = &status(Path::new(SOCKET)).ok()?["counters"];
        counters["flows_adopted"]
            .as_u64()
            .filter(|flows| *flows > 0)
    })?;
    stream.flows(200)?;
    let (_, _, sent) = stream.finish()?;
    let [one, two] = &stage.cast()?.machines;
    pings(two, one)?;
    Ok(format!(
        "{old} to {new}: {sent} of {sent} frames arrived over restarts, hang and upgrade; {adopted} flows adopted"
    ))
}

fn ready_for_reboot(stage: &mut Stage) -> Result<String> {
    let first = &stage.cast()?.machines[0].tap;
    fs::write(
        TAPS_UNIT,
        format!(
            "[Service]\nType=oneshot\nExecStart=ip tuntap add {first} mode tap\n[Install]\nWantedBy=multi-user.target\n"
        ),
    )?;
    run(&["systemctl", "enable", "taps.service"])?;
    let bindings = machine::bindings()?;
    let active = bindings
        .iter()
        .filter(|(_, state)| state == "active")
        .count();
    ensure!(active == 4, "{bindings:?}");
    stage.vms.clear();
    Ok(format!("{} bindings, {active} active", bindings.len()))
}

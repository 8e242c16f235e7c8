//! (c) How long a plug takes until the kernel carries the port, and until the machine has its address.
//!
//! The bound is the same work in one process with nothing to decide: a tap, its vport, the link up. A program's
//! start costs some milliseconds on a real machine and a quarter of a second in an emulated one, so it is shown by
//! itself: `weft-vif --version` does nothing else.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use weft_ovs::{Datapath, KernelDatapath, NewVport, OpenMode, VportKind};
use weft_topology::MacAddr;
use weft_vif_driver::agent::{Asked, ask};
use weft_vif_driver::tap::{self, TapOptions};
use weft_wire::control::Verb;

use crate::bench::pair::{fresh_netns, in_netns};
use crate::bench::report::Report;
use crate::bench::subject::{Masks, Ovs};
use crate::cloud;
use crate::command::run as run_command;
use crate::demo::report::say;
use crate::dhcp;
use crate::peer::Peer;
use crate::site::Site;

const NETNS: &str = "bench-plug";
const LIMIT: Duration = Duration::from_secs(20);
/// Plugs in one run.
const PLUGS: u32 = 5;

/// Samples in milliseconds.
#[derive(Debug, Default)]
struct Samples {
    /// `weft-vif plug`, from its start to its end.
    whole: Vec<f64>,
    /// From its start to the acknowledgement of an address.
    lease: Vec<f64>,
    /// A request by the control socket, on a tap that is there.
    agent: Vec<f64>,
    /// `weft-vif --version`.
    start: Vec<f64>,
    /// The same work with nothing to decide.
    bound: Vec<f64>,
    /// `ovs-vsctl add-port` of a tap that is there.
    ovs: Vec<f64>,
}

/// Runs all in turn.
pub fn run(report: &mut Report, runs: u32) -> Result<()> {
    let site = Site::start("bench")?;
    let network = site.network("bench")?;
    let ovs = Ovs::start(Masks::Wide)?;
    fresh_netns(NETNS)?;
    let mut datapath = in_netns(NETNS, || {
        Ok(KernelDatapath::open("plug", OpenMode::Create)?)
    })?;
    let mut samples = Samples::default();
    let mut last = 0;
    for n in 0..=runs * PLUGS {
        // The first warms everything, and does not count.
        if n == 1 {
            samples = Samples::default();
        }
        last += 1;
        let mac = MacAddr(2, 0, 0, 1, 0, u8::try_from(last % 250)?);
        cloud::dhcp_host(
            &site.rest,
            &network,
            &mac.to_string(),
            &format!("10.0.0.{}", 3 + last),
        )?;
        // What the agent does of these changes is no part of a plug.
        let port = cloud::port(&site.rest, &network)?;
        site.sync()?;
        plug_by_program(&site, &port, mac, &mut samples)?;
        let port = cloud::port(&site.rest, &network)?;
        site.sync()?;
        samples.agent.push(plug_by_socket(&site, &port)?);
        samples
            .start
            .push(milliseconds(|| run_command(&["weft-vif", "--version"]))?);
        samples.bound.push(in_netns(NETNS, || bare(&mut datapath))?);
        in_netns(Ovs::netns(), || {
            Ok(tap::create("tapo", TapOptions::default())?)
        })?;
        samples
            .ovs
            .push(milliseconds(|| ovs.vsctl(&["add-port", "br0", "tapo"]))?);
        ovs.vsctl(&["del-port", "br0", "tapo"])?;
        run_command(&["ip", "-n", Ovs::netns(), "link", "del", "tapo"])?;
    }
    judge(report, &samples);
    Ok(())
}

fn judge(report: &mut Report, of: &Samples) {
    let mut add =
        |case: &str, subject: &str, samples: &[f64]| report.add(case, subject, "ms", samples);
    let whole = add("plug to active, weft-vif", "weft", &of.whole);
    let lease = add("plug to first DHCP ACK", "weft", &of.lease);
    let agent = add("plug to active, by socket", "weft", &of.agent);
    let bound = add("plug to active, by socket", "bound", &of.bound);
    let start = add("start of a program", "weft", &of.start);
    add("plug to active, weft-vif", "ovs", &of.ovs);
    say(&format!(
        "  weft-vif {whole:.1} ms, {lease:.1} ms to the ACK; agent {agent:.1} ms, bound {bound:.1} ms"
    ));
    let own = (whole - agent).max(0.0);
    report.expect("(c) plug to active: under 20 ms", whole, "ms", whole < 20.0);
    report.expect("(c) weft-vif itself: under 10 ms", own, "ms", own < 10.0);
    report.add("weft-vif without the agent", "weft", "ms", &[own]);
    report.add(
        "weft-vif without agent and start",
        "weft",
        "ms",
        &[(own - start).max(0.0)],
    );
}

fn milliseconds<T>(work: impl FnOnce() -> Result<T>) -> Result<f64> {
    let began = Instant::now();
    work()?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

/// As libvirt does; then the machine starts and asks for its address.
fn plug_by_program(site: &Site, port: &str, mac: MacAddr, samples: &mut Samples) -> Result<()> {
    let began = Instant::now();
    site.plug_port(port, "tapp")?;
    samples.whole.push(began.elapsed().as_secs_f64() * 1e3);
    let mut peer = Peer::open("tapp", mac)?;
    dhcp::lease(&mut peer).with_context(|| site.agent.log())?;
    samples.lease.push(began.elapsed().as_secs_f64() * 1e3);
    drop(peer);
    let unplugged = site.vif(&["unplug", "--interface", "tapp"])?;
    ensure!(unplugged.status.success(), "unplug failed: {unplugged:?}");
    Ok(())
}

/// What the agent does of it.
fn plug_by_socket(site: &Site, port: &str) -> Result<f64> {
    tap::create("taps", TapOptions::default())?;
    let plug = Verb::Plug {
        port: port.parse()?,
        interface: "taps".to_owned(),
        mtu: None,
        timeout_ms: 10_000,
    };
    let took = milliseconds(|| match ask(&site.socket(), plug, LIMIT)? {
        Asked::Answered(_) => Ok(()),
        other => anyhow::bail!("the agent did not plug: {other:?}"),
    })?;
    let unplug = Verb::Unplug {
        interface: "taps".to_owned(),
    };
    ask(&site.socket(), unplug, LIMIT)?;
    run_command(&["ip", "link", "del", "taps"])?;
    Ok(took)
}

/// A tap, its vport, the link up; and all of it away again, which does not count.
fn bare(datapath: &mut KernelDatapath) -> Result<f64> {
    let mut number = 0;
    let took = milliseconds(|| {
        tap::create("tapb", TapOptions::default())?;
        let port = datapath.add_port(&NewVport {
            name: "tapb".to_owned(),
            kind: VportKind::Netdev,
            port_no: None,
            upcall_pids: Vec::new(),
        })?;
        number = port.port_no;
        tap::set_up("tapb")?;
        Ok(())
    })?;
    datapath.delete_port(number)?;
    weft_vif_driver::link::delete("tapb")?;
    Ok(took)
}

//! The agent: whether it answers, what it may do, and what it says of itself.

use std::collections::BTreeSet;

use weft_wire::control::{BindingInfo, Status};
use weft_wire::host::BindingPhase;

use super::{Finding, Machine};

/// `CAP_NET_ADMIN` and `CAP_NET_RAW`, by their bits.
const NET_ADMIN: u64 = 1 << 12;
const NET_RAW: u64 = 1 << 13;
/// Silence of the service that is normal, in seconds: heartbeats come every few.
const SILENCE: u64 = 30;
/// Descriptors that the agent needs beside one a port.
const SPARE: u64 = 256;

/// What an agent says.
#[derive(Clone, Debug)]
pub struct AgentSays {
    /// Its process.
    pub pid: Option<u32>,
    /// Its state.
    pub status: Status,
    /// Its bindings.
    pub bindings: Vec<BindingInfo>,
}

pub(super) fn findings(machine: &Machine, agent: &Result<AgentSays, String>) -> Vec<Finding> {
    const CHECK: &str = "agent";
    let says = match agent {
        Ok(says) => says,
        Err(problem) => {
            let advice = match machine.process("weft-agent") {
                Some(pid) => format!(
                    "weft-agent runs (process {pid}): name its socket by --socket, run this as root or in group \
                     weft, or look at its log: journalctl -u weft-agent"
                ),
                None => {
                    "start it: systemctl start weft-agent; why it ended: journalctl -u weft-agent"
                        .to_owned()
                }
            };
            return vec![Finding::failure(CHECK, problem.clone(), advice)];
        }
    };
    let status = &says.status;
    let own = env!("CARGO_PKG_VERSION");
    let mut findings = vec![match status.version == own {
        true => Finding::ok(
            CHECK,
            format!("version {own}, up {} s", status.uptime_seconds),
        ),
        false => Finding::warning(
            CHECK,
            format!("has version {}, this program {own}", status.version),
            "after an upgrade restart it (no packet is lost): systemctl restart weft-agent",
        ),
    }];
    findings.extend(says.pid.and_then(|pid| rights(machine, pid)));
    findings.extend(says.pid.and_then(|pid| descriptors(machine, pid, says)));
    findings.push(follows(status));
    findings.push(carries(&says.bindings));
    findings.extend(addresses(machine, &says.bindings));
    findings
}

fn rights(machine: &Machine, pid: u32) -> Option<Finding> {
    const CHECK: &str = "agent's capabilities";
    let has = machine.capabilities(&pid.to_string())?;
    Some(match (has & NET_ADMIN != 0, has & NET_RAW != 0) {
        (true, true) => Finding::ok(CHECK, "CAP_NET_ADMIN, CAP_NET_RAW"),
        (true, false) => Finding::notice(
            CHECK,
            "no CAP_NET_RAW: weft capture does not work",
            "add it to CapabilityBoundingSet of weft-agent.service",
        ),
        (false, _) => Finding::failure(
            CHECK,
            "no CAP_NET_ADMIN: the kernel refuses flows and interfaces",
            "run it as root with CAP_NET_ADMIN, as weft-agent.service does",
        ),
    })
}

fn descriptors(machine: &Machine, pid: u32, says: &AgentSays) -> Option<Finding> {
    const CHECK: &str = "agent's open files";
    let limits = machine.read(&format!("/proc/{pid}/limits"))?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    let most: u64 = line.split_whitespace().nth(3)?.parse().ok()?;
    let ports = u64::try_from(says.bindings.len()).unwrap_or(u64::MAX);
    Some(
        match ports.saturating_mul(2).saturating_add(SPARE) <= most {
            true => Finding::ok(CHECK, format!("at most {most}, for {ports} ports")),
            false => Finding::warning(
                CHECK,
                format!(
                    "at most {most}, for {ports} ports: each takes one, and more while it is plugged"
                ),
                "raise LimitNOFILE of weft-agent.service",
            ),
        },
    )
}

fn follows(status: &Status) -> Finding {
    const CHECK: &str = "agent follows the service";
    let advice = "is weft-api up, and are api.urls of agent.toml right? What runs goes on meanwhile; changes \
        wait";
    match (&status.api, status.api_silence_seconds) {
        (Some(url), Some(silence)) if silence <= SILENCE => {
            Finding::ok(CHECK, format!("{url}, heard {silence} s ago"))
        }
        (Some(url), Some(silence)) => {
            Finding::warning(CHECK, format!("{url} was heard {silence} s ago"), advice)
        }
        (_, Some(silence)) => {
            Finding::failure(CHECK, format!("no: it was heard {silence} s ago"), advice)
        }
        (_, None) => Finding::failure(CHECK, "no: it was never heard of", advice),
    }
}

fn carries(bindings: &[BindingInfo]) -> Finding {
    const CHECK: &str = "bindings";
    let failed: Vec<String> = bindings
        .iter()
        .filter(|binding| binding.state != BindingPhase::Active)
        .filter_map(|binding| {
            let problem = binding.problem.as_deref()?;
            Some(format!("{}: {problem}", binding.interface))
        })
        .collect();
    match failed.is_empty() {
        true => Finding::ok(CHECK, format!("{}, none with a problem", bindings.len())),
        false => Finding::warning(
            CHECK,
            failed.join("; "),
            "weft show bindings lists them; what is mended is tried again by itself",
        ),
    }
}

/// A carried interface must not have addresses of the host's: machines would reach the host by them.
fn addresses(machine: &Machine, bindings: &[BindingInfo]) -> Option<Finding> {
    const CHECK: &str = "host addresses on taps";
    let text = machine.read("/proc/net/if_inet6")?;
    let with_address: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    let carried = bindings.iter().filter(|binding| binding.number.is_some());
    let open: Vec<&str> = carried
        .map(|binding| binding.interface.as_str())
        .filter(|interface| with_address.contains(interface))
        .collect();
    Some(match open.is_empty() {
        true => Finding::ok(CHECK, "none (IPv6)"),
        false => Finding::failure(
            CHECK,
            format!("{}: machines behind them reach the host", open.join(", ")),
            "who sets net.ipv6.conf.IF.disable_ipv6 back to 0? Find and stop it; by hand: \
             sysctl net.ipv6.conf.IF.disable_ipv6=1",
        ),
    })
}

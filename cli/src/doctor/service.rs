//! The topology service: whether it answers, its clock, and the MTUs of its networks on this host; the
//! machine's own clock.

use std::collections::BTreeMap;

use super::{Finding, Machine};

/// Seconds that two clocks may be apart: the service tells whole ones.
const APART: i64 = 2;
/// Seconds at which logs of two hosts cannot be put side by side any more.
const FAR_APART: i64 = 60;

/// What the service says.
#[derive(Clone, Debug, Default)]
pub struct ServiceSays {
    /// Its address.
    pub url: String,
    /// Seconds that its clock is ahead of this host's, where it told.
    pub ahead: Option<i64>,
    /// Of this host's bound interfaces, by network: the network's name or id, and its interfaces.
    pub networks: BTreeMap<String, Vec<String>>,
}

pub(super) fn findings(machine: &Machine, service: &Result<ServiceSays, String>) -> Vec<Finding> {
    const CHECK: &str = "service";
    let says = match service {
        Ok(says) => says,
        Err(problem) => {
            return vec![Finding::failure(
                CHECK,
                problem.clone(),
                "is weft-api up (systemctl status weft-api on its machine), is --api or WEFT_API right, and does \
                 a firewall stand between?",
            )];
        }
    };
    let mut findings = vec![Finding::ok(CHECK, format!("{} answers", says.url))];
    findings.extend(says.ahead.map(clocks));
    findings.extend(mtus(machine, &says.networks));
    findings
}

fn clocks(ahead: i64) -> Finding {
    const CHECK: &str = "clocks";
    let advice = "synchronise both clocks (chrony, systemd-timesyncd); Weft itself does not need it, but logs, \
        certificates and captures do";
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    let found = format!("the service's is {} s {way} this host's", ahead.abs());
    match ahead.abs() {
        apart if apart <= APART => Finding::ok(CHECK, "the service's and this host's agree"),
        apart if apart <= FAR_APART => Finding::notice(CHECK, found, advice),
        _ => Finding::warning(CHECK, found, advice),
    }
}

/// Interfaces of one network have one MTU: a longer frame is lost where a lower one stands.
fn mtus(machine: &Machine, networks: &BTreeMap<String, Vec<String>>) -> Option<Finding> {
    const CHECK: &str = "MTU";
    if networks.is_empty() {
        return None;
    }
    let mut odd = Vec::new();
    for (network, interfaces) in networks {
        let mtus: BTreeMap<u64, &String> = interfaces
            .iter()
            .filter_map(|interface| {
                let mtu = machine.number(&format!("/sys/class/net/{interface}/mtu"))?;
                Some((mtu, interface))
            })
            .collect();
        if mtus.len() > 1 {
            let each: Vec<String> = mtus
                .iter()
                .map(|(mtu, interface)| format!("{interface} {mtu}"))
                .collect();
            odd.push(format!("{network}: {}", each.join(", ")));
        }
    }
    Some(match odd.is_empty() {
        true => Finding::ok(CHECK, "one on each network's interfaces here"),
        false => Finding::warning(
            CHECK,
            format!(
                "differs on one network ({}): longer frames are lost on the way",
                odd.join("; ")
            ),
            "an uplink needs the MTU of its network or more, plus 58 bytes where it carries tunnels: \
             ip link set IF mtu N; for taps plug again without --mtu",
        ),
    })
}

/// Something keeps the machine's clock.
pub(super) fn time_is_kept(machine: &Machine) -> Finding {
    const CHECK: &str = "time";
    let daemons = ["chronyd", "ntpd", "openntpd", "systemd-timesyn"];
    let running = daemons.iter().find(|name| machine.process(name).is_some());
    match running {
        Some(_) if machine.has("/run/systemd/timesync/synchronized") => {
            Finding::ok(CHECK, "synchronised")
        }
        Some(name) => Finding::ok(CHECK, format!("{name} runs")),
        None => Finding::notice(
            CHECK,
            "nothing that keeps the clock runs here (chrony, ntpd, systemd-timesyncd)",
            "apt install chrony, unless the hypervisor below keeps it",
        ),
    }
}

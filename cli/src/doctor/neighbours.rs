//! Other programs on the machine that touch what is the agent's.

use super::{Finding, Machine};

pub(super) fn programs(machine: &Machine) -> Vec<Finding> {
    let mut findings = vec![vswitchd(machine)];
    let managers = [
        (
            "NetworkManager",
            "NetworkManager",
            &[
                "/etc/NetworkManager/conf.d",
                "/usr/lib/NetworkManager/conf.d",
            ][..],
            "unmanaged-devices",
            "50-weft.conf in /etc/NetworkManager/conf.d (in the package), then systemctl reload NetworkManager",
        ),
        (
            "systemd-networkd",
            // The kernel keeps 15 characters of a name.
            "systemd-network",
            &["/etc/systemd/network", "/usr/lib/systemd/network"][..],
            "Unmanaged=yes",
            "05-weft.network in /etc/systemd/network (in the package), then networkctl reload",
        ),
    ];
    for (check, program, folders, words, file) in managers {
        if machine.process(program).is_some() {
            findings.push(manager(machine, check, folders, words, file));
        }
    }
    findings
}

fn vswitchd(machine: &Machine) -> Finding {
    const CHECK: &str = "ovs-vswitchd";
    match machine.process(CHECK) {
        None => Finding::ok(CHECK, "does not run"),
        Some(pid) => Finding::failure(
            CHECK,
            format!(
                "runs (process {pid}): when it starts it deletes datapaths that it does not know, and all \
                connections on this host are interrupted until the agent has made its own anew"
            ),
            "systemctl disable --now openvswitch-switch, or keep its machines off this host",
        ),
    }
}

/// Whether a network manager is told to leave taps alone, by any file that names Weft's.
fn manager(
    machine: &Machine,
    check: &'static str,
    folders: &[&str],
    words: &str,
    file: &str,
) -> Finding {
    let is_told = folders.iter().any(|folder| {
        machine.names(folder).iter().any(|name| {
            let text = machine.read(&format!("{folder}/{name}"));
            text.is_some_and(|text| text.contains(words) && text.contains("tap"))
        })
    });
    match is_told {
        true => Finding::ok(check, "runs, and is told to leave taps alone"),
        false => Finding::warning(
            check,
            "runs, and no file of its configuration tells it to leave taps alone: it may give them host \
             addresses, set them down, or hold up the boot for them",
            format!("add {file}"),
        ),
    }
}

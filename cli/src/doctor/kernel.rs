//! The kernel: its version, its openvswitch module, connection tracking, reverse-path filter.

use super::{Finding, Machine};

/// The lowest version that is tested.
const LOWEST: (u32, u32) = (6, 1);
/// Of 100 connections that fit, so many are many.
const MANY: u64 = 80;
/// Of 100, so many are all: new ones are refused in bursts.
const FULL: u64 = 95;

const RELEASE: &str = "/proc/sys/kernel/osrelease";

pub(super) fn version(machine: &Machine) -> Finding {
    const CHECK: &str = "kernel version";
    let Some(release) = machine.read(RELEASE) else {
        return Finding::warning(CHECK, "the kernel does not say its version", "mount /proc");
    };
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next().and_then(|text| text.parse::<u32>().ok());
    match (number(), number()) {
        (Some(major), Some(minor)) if (major, minor) >= LOWEST => Finding::ok(CHECK, release),
        _ => Finding::failure(
            CHECK,
            format!(
                "{release} is older than {}.{}, the lowest supported",
                LOWEST.0, LOWEST.1
            ),
            "boot a newer kernel",
        ),
    }
}

pub(super) fn module(machine: &Machine) -> Finding {
    const CHECK: &str = "openvswitch module";
    if machine.has("/sys/module/openvswitch") {
        let of_its_own = machine.read("/sys/module/openvswitch/version");
        return match of_its_own {
            // The kernel's own has none.
            None => Finding::ok(CHECK, "loaded, the kernel's own"),
            Some(version) => Finding::notice(
                CHECK,
                format!("loaded, version {version}, which is not the kernel's own"),
                "Weft is tested with the module of the kernel: remove the other one if networks misbehave",
            ),
        };
    }
    let release = machine.read(RELEASE).unwrap_or_default();
    let listed = ["modules.dep", "modules.builtin"].iter().any(|list| {
        let path = format!("/lib/modules/{release}/{list}");
        machine
            .read(&path)
            .is_some_and(|text| text.contains("/openvswitch.ko"))
    });
    match listed {
        true => Finding::notice(
            CHECK,
            "not loaded",
            "the agent loads it when it starts; by hand: modprobe openvswitch",
        ),
        false => Finding::failure(
            CHECK,
            format!("there is none for the running kernel {release}"),
            "install the kernel's modules (Debian: linux-image-…, not -cloud without extra modules), or \
             reboot if the kernel was upgraded since the last boot",
        ),
    }
}

/// Connection tracking; without its module there is nothing to say of it.
pub(super) fn tracking(machine: &Machine) -> Vec<Finding> {
    const SIZE: &str = "connections";
    const LOOSE: &str = "nf_conntrack_tcp_loose";
    let folder = "/proc/sys/net/netfilter";
    let most = machine.number(&format!("{folder}/nf_conntrack_max"));
    let count = machine.number(&format!("{folder}/nf_conntrack_count"));
    let mut findings = Vec::new();
    if let (Some(most), Some(count)) = (most, count) {
        let found = format!("{count} of nf_conntrack_max {most}");
        let advice = "raise it: sysctl net.netfilter.nf_conntrack_max; each connection takes some 400 bytes. \
            A guest that opens connections without end is found by weft top";
        findings.push(match count.saturating_mul(100) / most.max(1) {
            FULL.. => Finding::failure(
                SIZE,
                format!("{found}: new connections are refused"),
                advice,
            ),
            MANY..FULL => Finding::warning(SIZE, found, advice),
            _ => Finding::ok(SIZE, found),
        });
    }
    match machine.number(&format!("{folder}/nf_conntrack_tcp_loose")) {
        None => {}
        Some(1) => findings.push(Finding::ok(LOOSE, "1")),
        Some(other) => findings.push(Finding::failure(
            LOOSE,
            format!("{other}: connections that are not seen from their beginning (after a migration or restart) are cut"),
            "sysctl net.netfilter.nf_conntrack_tcp_loose=1, and a line in /etc/sysctl.d",
        )),
    }
    findings
}

pub(super) fn reverse_path(machine: &Machine) -> Finding {
    const CHECK: &str = "rp_filter";
    let folder = "/proc/sys/net/ipv4/conf";
    let strict: Vec<String> = machine
        .names(folder)
        .into_iter()
        .filter(|name| machine.number(&format!("{folder}/{name}/rp_filter")) == Some(1))
        .filter(|name| !matches!(name.as_str(), "lo" | "default"))
        .collect();
    match strict.len() {
        0 => Finding::ok(CHECK, "strict nowhere"),
        count => Finding::notice(
            CHECK,
            format!(
                "strict (1) on {count} of the interfaces or on all: what comes in by another uplink than \
                its answer leaves by is dropped by the host before Weft sees it"
            ),
            "with several uplinks set it to 2 (loose) on them: sysctl net.ipv4.conf.IF.rp_filter=2",
        ),
    }
}

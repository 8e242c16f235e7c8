//! The page of `/metrics`: what the control side and the hot path said, as samples.

use std::collections::BTreeMap;

use weft_observe::logs::Lines;
use weft_observe::metrics::Page;
use weft_ovs::{Vport, VportStats};
use weft_topology::id::PortId;
use weft_wire::control::BindingInfo;

use super::families as is;
use crate::core::CoreMeasures;
use crate::measures::{Measures, PortMeasures};

/// A port that the kernel carries.
struct Port<'a> {
    id: PortId,
    label: String,
    interface: &'a str,
    stats: VportStats,
    is: PortMeasures,
}

/// The page. Without the hot path's numbers its metrics are absent, which says more than zeros.
pub(super) fn page(
    kernel: &str,
    lines: Option<Lines>,
    core: &CoreMeasures,
    hot: Option<&Measures>,
) -> String {
    let mut page = Page::default();
    agent(&mut page, kernel, lines, core);
    topology(&mut page, core);
    if let Some(hot) = hot {
        flows(&mut page, hot);
        upcalls(&mut page, hot);
        let ports = ports(&core.bindings, hot);
        dropped(&mut page, hot, &ports);
        of_ports(&mut page, &ports);
    }
    page.text()
}

fn agent(page: &mut Page, kernel: &str, lines: Option<Lines>, core: &CoreMeasures) {
    let status = &core.status;
    page.of(&is::BUILD).add(&[&status.version, kernel], 1);
    page.one(&is::UPTIME, status.uptime_seconds);
    page.one(&is::STARTS, core.starts);
    if let Some(lines) = lines {
        page.of(&is::LOG_LINES)
            .add(&["error"], lines.errors)
            .add(&["warn"], lines.warnings)
            .add(&["other"], lines.others);
        page.one(&is::LOG_LEFT_OUT, lines.left_out);
    }
    page.one(&is::CORE_INBOX, core.inbox);
    page.of(&is::SETTLE).distribution(&[], &core.settle);
    page.of(&is::REPAIRS)
        .add(&["dispatch_restored"], core.repairs.dispatch_restored)
        .add(&["rebuilt"], core.repairs.rebuilt)
        .add(&["events_lost"], core.repairs.events_lost);
}

fn topology(page: &mut Page, core: &CoreMeasures) {
    let status = &core.status;
    page.one(&is::CONNECTED, u8::from(status.api.is_some()));
    if let Some(silence) = status.api_silence_seconds {
        page.one(&is::SILENCE, silence);
    }
    page.one(&is::REVISION, status.revision);
    page.one(&is::IN_FORCE, status.revision_in_force);
    page.one(&is::ACTIVE, status.bindings_active);
    page.one(&is::PENDING, status.bindings_pending);
}

fn flows(page: &mut Page, hot: &Measures) {
    page.one(&is::FLOWS, hot.flows);
    page.one(&is::KERNEL_FLOWS, hot.datapath.flows);
    page.one(&is::MASKS, hot.datapath.masks);
    page.one(&is::MASK_LOOKUPS, hot.datapath.mask_hits);
    page.one(&is::KERNEL_HITS, hot.datapath.hits);
    page.one(&is::KERNEL_MISSES, hot.datapath.missed);
    let of_ports = || hot.ports.values().map(|port| port.flows);
    page.one(&is::LIMIT, hot.flow_limit);
    page.one(&is::HIGHEST, of_ports().max().unwrap_or(0));
    let full = of_ports().filter(|flows| *flows >= hot.flow_limit);
    page.one(&is::AT_LIMIT, full.count());
    page.one(&is::MACS, hot.macs);
}

fn upcalls(page: &mut Page, hot: &Measures) {
    page.of(&is::UPCALL).distribution(&[], &hot.upcall_delay);
    page.one(&is::UPCALLS_LOST, hot.datapath.lost);
    page.one(&is::PARKED_PACKETS, hot.parked_packets);
    page.one(&is::PARKED_BYTES, hot.parked_bytes);
    let mut inboxes = page.of(&is::WORKER_INBOX);
    for (worker, waiting) in hot.inboxes.iter().enumerate() {
        inboxes.add(&[&worker.to_string()], waiting);
    }
    for (family, value) in &hot.counters {
        page.one(family, value);
    }
    page.of(&is::WRITES)
        .add(&["put"], hot.writes.puts)
        .add(&["set_actions"], hot.writes.set_actions)
        .add(&["delete"], hot.writes.deletes)
        .add(&["execute"], hot.writes.executes)
        .add(&["port"], hot.writes.ports)
        .add(&["datapath"], hot.writes.datapath);
    page.one(&is::BATCHES, hot.writes.batches);
}

/// The ports that the kernel carries: there are never series of others, so their number is bounded.
fn ports<'a>(bindings: &'a [BindingInfo], hot: &Measures) -> Vec<Port<'a>> {
    let vports: BTreeMap<u32, &Vport> = hot
        .vports
        .iter()
        .map(|vport| (vport.port_no, vport))
        .collect();
    let carried = bindings.iter().filter_map(|binding| {
        let vport = vports.get(&binding.number?)?;
        Some(Port {
            id: binding.port,
            label: binding.port.to_string(),
            interface: &binding.interface,
            stats: vport.stats,
            is: hot.ports.get(&binding.port).copied().unwrap_or_default(),
        })
    });
    carried.collect()
}

fn dropped(page: &mut Page, hot: &Measures, ports: &[Port<'_>]) {
    let mut by_reason: BTreeMap<&str, u64> = BTreeMap::new();
    for drop in &hot.drops {
        *by_reason.entry(&drop.reason).or_default() += drop.packets;
    }
    let mut samples = page.of(&is::DROPPED);
    for (reason, packets) in by_reason {
        samples.add(&[reason], packets);
    }
    let ports: BTreeMap<PortId, &Port<'_>> = ports.iter().map(|port| (port.id, port)).collect();
    let mut samples = page.of(&is::PORT_DROPPED);
    for drop in &hot.drops {
        if let Some(port) = drop.port.and_then(|port| ports.get(&port)) {
            samples.add(&[&port.label, port.interface, &drop.reason], drop.packets);
        }
    }
}

fn of_ports(page: &mut Page, ports: &[Port<'_>]) {
    type Value = fn(&Port<'_>) -> u64;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let families: [(_, Value); 8] = [
        (&is::PORT_RX_PACKETS, |port| port.stats.rx_packets),
        (&is::PORT_TX_PACKETS, |port| port.stats.tx_packets),
        (&is::PORT_RX_BYTES, |port| port.stats.rx_bytes),
        (&is::PORT_TX_BYTES, |port| port.stats.tx_bytes),
        (&is::PORT_RX_LOST, |port| {
            port.stats.rx_errors + port.stats.rx_dropped
        }),
        (&is::PORT_TX_LOST, |port| {
            port.stats.tx_errors + port.stats.tx_dropped
        }),
        (&is::PORT_UPCALLS, |port| port.is.upcalls),
        (&is::PORT_OVERFLOWS, |port| port.is.overflows),
    ];
    for (family, value) in families {
        let mut samples = page.of(family);
        for port in ports {
            samples.add(&[&port.label, port.interface], value(port));
        }
    }
    let mut samples = page.of(&is::PORT_FLOWS);
    for port in ports {
        samples.add(&[&port.label, port.interface], count(port.is.flows));
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

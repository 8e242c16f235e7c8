//! What a change costs does not depend on the size of the snapshot. Memory is counted, not time; this
//! binary counts, so it has one test only.

mod common;
mod large;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use weft_topology::bridge::{ArpEntry, MacEntry};
use weft_topology::{Change, Snapshot};

use common::*;
use large::{addr, snapshot, station};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The bytes that applying changes allocates.
fn cost(snapshot: &Snapshot, changes: &[Change]) -> usize {
    let region = Region::new(ALLOCATOR);
    let (after, tags) = snapshot.apply(2, changes);
    let bytes = region.change().bytes_allocated;
    assert!(!after.same_content(snapshot) && tags.len() < 10);
    bytes
}

#[test]
fn a_change_costs_much_the_same_in_a_snapshot_a_hundred_times_as_large() {
    let (small, large) = (snapshot(80), snapshot(8000));
    let port_moves = port(20, 2);
    let entry_moves = MacEntry::new(bridge_id(1), 0, station(20), port_id(21));
    let neighbour_changes = ArpEntry::new(bridge_id(1), addr(20).into(), station(21));
    let host_goes = dhcp_host_id(20);
    for change in [
        put(entry_moves),
        put(neighbour_changes),
        Change::Gone(host_goes),
        Change::Gone(port_id(20).into()),
        put(port_moves),
    ] {
        // The list of a bridge's local ports is copied when one of them comes or goes.
        let list = if change.id() == port_id(20).into() {
            8000 * 8 * 3
        } else {
            0
        };
        let (few, many) = (
            cost(&small, std::slice::from_ref(&change)),
            cost(&large, std::slice::from_ref(&change)),
        );
        assert!(many <= 4 * few + list, "{change:?}: {few} and {many} bytes");
    }
}

fn dhcp_host_id(n: u16) -> weft_topology::ObjectId {
    let subnet = large::subnet_id();
    weft_topology::dhcp::DhcpHost::id_of(subnet, station(n)).into()
}

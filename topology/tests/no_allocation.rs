//! What a frame's look-ups ask of a large snapshot allocates nothing. This binary counts, so it has one
//! test only.

mod common;
mod large;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use common::bridge_id;
use large::{addr, snapshot, station};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const COUNT: u16 = 5000;

#[test]
fn look_ups_in_a_large_snapshot_allocate_nothing() {
    let snapshot = snapshot(COUNT);
    let bridge = bridge_id(1);
    let region = Region::new(ALLOCATOR);
    for n in (1..=COUNT).step_by(7) {
        let local = snapshot.local_by_number(n.into()).expect("a local port");
        let port = snapshot.port(local.port).here().expect("a port");
        assert!(snapshot.bridge(bridge).here().is_some() && port.bridge() == Some(bridge));
        assert_eq!(snapshot.local_by_port(port.id), Some(local));
        assert_eq!(snapshot.mac_entry(bridge, 0, station(n)), Some(port.id));
        assert_eq!(snapshot.arp_entry(bridge, addr(n).into()), Some(station(n)));
        assert!(snapshot.dhcp_host(bridge, station(n)).is_some());
        assert!(snapshot.dhcp_host_by_addr(bridge, addr(n)).is_some());
        let server = addr(COUNT + 1);
        let subnet = snapshot
            .dhcp_server_by_addr(bridge, server)
            .expect("a server");
        assert_eq!(snapshot.dhcp_server(subnet.id), Some(server));
        assert!(snapshot.dhcp_host(bridge, station(COUNT + 1)).is_none());
    }
    assert_eq!(snapshot.local_ports_of(bridge).count(), COUNT.into());
    assert_eq!(region.change().allocations, 0);
}

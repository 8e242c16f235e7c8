//! The agent allocates nothing for a packet once it is warm, also not for one that makes a new flow while the
//! oldest goes. This binary counts, so it has one test only.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "support/scene.rs"]
mod scene;
#[path = "support/sink.rs"]
mod sink;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// New flows in one measurement.
const PACKETS: u64 = 5_000;

#[test]
fn a_new_flow_in_the_place_of_the_oldest_allocates_nothing() {
    let sink = sink::Sink::start();
    // Twice over the quota: tables have their size, and what is used again has been used.
    sink.pass(PACKETS);
    assert_eq!(sink.flows(), 500);
    // Others of this process are counted, too, so the least of several rounds is taken.
    let round = |_| {
        let region = Region::new(ALLOCATOR);
        sink.pass(PACKETS);
        let counted = region.change();
        counted.allocations + counted.reallocations
    };
    let least = (0..5).map(round).fold(usize::MAX, usize::min);
    assert_eq!(least, 0, "allocations for {PACKETS} new flows");
}

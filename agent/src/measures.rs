//! What the hot path says of itself in numbers: what metrics and `weft top` are made of.

use std::collections::BTreeMap;

use weft_observe::metrics::{Distribution, Family};
use weft_ovs::{DatapathInfo, Vport, Writes};
use weft_topology::id::PortId;
use weft_wire::control::DropInfo;

/// Upper bounds of the buckets of an upcall's delay, in microseconds.
pub static UPCALL_BOUNDS: &[u64] = &[
    50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000,
];

/// All numbers of the hot path at about one time.
#[derive(Clone, Debug)]
pub struct Measures {
    /// The kernel's counters of the datapath.
    pub datapath: DatapathInfo,
    /// Its ports with their counters.
    pub vports: Vec<Vport>,
    /// What the workers say of their ports.
    pub ports: BTreeMap<PortId, PortMeasures>,
    /// Packets dropped, by port and reason.
    pub drops: Vec<DropInfo>,
    /// The workers' counters.
    pub counters: Vec<(&'static Family, u64)>,
    /// What was written to the kernel.
    pub writes: Writes,
    /// From the time that an upcall is read until what came of it is in the kernel.
    pub upcall_delay: Distribution,
    /// Messages that wait in each worker's inbox.
    pub inboxes: Vec<usize>,
    /// Packets that wait for objects.
    pub parked_packets: usize,
    /// Their bytes.
    pub parked_bytes: usize,
    /// Flows in the kernel that the workers know.
    pub flows: usize,
    /// Flows that a port may have.
    pub flow_limit: usize,
    /// Learned MAC addresses.
    pub macs: usize,
}

/// What a worker says of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortMeasures {
    /// Flows whose packets come in by it.
    pub flows: usize,
    /// Its upcalls that were read since the agent started.
    pub upcalls: u64,
    /// How often its upcall socket overflowed since the agent started.
    pub overflows: u64,
}

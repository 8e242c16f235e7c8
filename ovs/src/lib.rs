//! The Open vSwitch datapath, in the kernel and in memory.
//!
//! Purpose: create or adopt a datapath, keep its ports, write its flows in batches, receive its
//! upcalls, notice when somebody else meddles with it, meter packets, limit connections; and look at, mark and
//! delete single entries of the table of connections that its flows commit.
//!
//! Place in the flow: an upcall's key goes from an [`UpcallSource`] to the simulation; the
//! simulation's outcome comes back as [`Op`]s for [`Datapath::apply`]. Threads own a handle each
//! ([`Datapath::fork`]) and share no lock.
//!
//! What it does not do: no policy, no links or addresses (that is rtnetlink), no retries beyond a dump that the
//! kernel calls interrupted.

mod bytes;
pub mod conntrack;
mod counters;
pub mod datapath;
pub mod error;
pub mod extract;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod kernel;
pub mod limit;
pub mod memory;
pub mod meter;
pub mod monitor;
mod nl;
pub mod upcall;
pub mod vport;

pub use conntrack::Conntrack;
pub use datapath::{
    BadFlow, Datapath, DatapathInfo, DumpedFlow, FlowName, FlowStats, FlowUsage, Op, OpReply,
    PutMode, Writes,
};
pub use error::{Attempt, Error};
pub use extract::extract;
pub use kernel::{Capabilities, KernelConntrack, KernelDatapath, OpenMode};
pub use limit::{ConnectionLimits, Limit, Limited};
pub use memory::MemoryDatapath;
pub use meter::{Meter, MeterStats, Meters};
pub use monitor::{DatapathEvent, DatapathMonitor};
pub use upcall::{Upcall, UpcallBuffer, UpcallKind, UpcallSource};
pub use vport::{NewVport, Vport, VportKind, VportStats};

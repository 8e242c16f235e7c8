//! The daemon on each hypervisor.
//!
//! Purpose: make the kernel's Open vSwitch datapath do what the virtual topology says, for the interfaces
//! of this host.
//!
//! Place in the flow: it follows `weft-api` (messages in `weft-wire`), keeps a `Snapshot` of what this host
//! needs (`weft-topology`), judges packets by it (`weft-flowsim`) and writes the verdicts into the
//! kernel (`weft-ovs`); `weft-vif` and `weft` ask it by its control socket.
//!
//! ```text
//!  tokio runtime (2 threads)                        plain threads
//!  ┌ service: stream, reporter, questions ┐         ┌ core ────────────────────────┐
//!  │ control: one task a connection       │──inbox─▶│ knows what is wanted and so  │
//!  │ links, datapath: what others do      │         └──┬───────────────▲───────────┘
//!  │ metrics                              │            │ publish, …    │ events
//!  └──────────────────────────────────────┘         ┌──▼───────────────┴───────────┐
//!                                                   │ worker 0 … N-1, sweeper      │◀─▶ kernel
//!                                                   └──────────────────────────────┘
//! ```
//!
//! What it does not do: it keeps no topology but what this host needs, and decides nothing about who has
//! a port: the store does.

pub mod accounts;
pub mod args;
pub mod bindings;
pub mod capture;
pub mod config;
pub mod control;
pub mod core;
pub mod files;
pub mod flows;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod hot;
pub mod identity;
pub mod links;
pub mod lock;
pub mod measures;
pub mod metrics;
pub mod purge;
pub mod service;
pub mod snapshot;
pub mod supervision;
mod sync;
pub mod worker;

//! The bench in the guest: Weft beside the least that any program can do, and beside Open vSwitch.
//!
//! Purpose: figures that mean something on a slow, noisy machine. Each case runs its subjects in turn, several
//! times, in one guest; what is judged is the ratio of two of them in the same turn.
//!
//! Place in the flow: `make bench` builds everything for release and runs `weft-bench` in the guest.
//!
//! ```text
//!   traffic ─ write ─▶ tap a ─▶ datapath of the subject ─▶ tap b ─ read ─▶ traffic     one thread, a window
//!                                   │        ▲
//!                                upcall    flow, packet
//!                                   ▼        │
//!              weft-agent  |  the bound: one loop  |  ovs-vswitchd                     a namespace each
//! ```
//!
//! What it does not do: nothing here is a test; a figure that is missed is told, and fails nothing.

pub mod case;
mod frames;
pub mod pair;
pub mod processors;
pub mod report;
pub mod subject;
mod traffic;

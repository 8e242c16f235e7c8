//! The hot path: threads that answer the kernel's upcalls, keep their flows right, and nothing else.
//!
//! ```text
//!               attach, detach, publish, queries                  (control side: tokio)
//!                        │ inbox + eventfd          ▲ events (missing objects, epoch in force)
//!                        ▼                          │
//!   ┌─────────────── worker 0 ────────────┐  ┌── worker N-1 ──┐        plain threads, one per core
//!   │ epoll ─ inbox                       │  │                │
//!   │       └ upcall socket of each port  │  │ inbox ◀──tags──┼── a learned MAC moved: every worker's
//!   │ simulate ─▶ batch ≤ 50 ─▶ netlink   │  │                │   inbox, its own too
//!   │ flow table: flows of its ports      │  │                │
//!   └─────────────▲───────────────────────┘  └──────▲─────────┘
//!                 │ statistics, unknown flows       │
//!              sweeper: dumps the kernel's flow table now and again
//!              warden: whose connections the flows enter; cuts those that a change denies ([`connections`])
//! ```
//!
//! A port has one upcall socket, owned by one worker: a guest that floods fills its own socket, and
//! sockets are read in turn, a quantum each. A flow belongs to the worker of the port it comes in by.
//!
//! Races:
//! - *The topology changes while a packet is judged.* A snapshot comes by the inbox, together with the
//!   tags of what it changed, and the inbox is read between two batches only. A flow judged by the old
//!   snapshot is in the table by then, and is judged again if it has one of the tags.
//! - *A learned MAC moves in another worker*: see [`crate::flows::learned`].
//! - *A flow is dumped while it is deleted.* The worker remembers what it deleted since the dump
//!   began, and does not take it for an unknown flow.
//! - *A flow is audited while something changes*: see [`audit`].
//! - *A number is used again by another port.* Detaching deletes the flows of the number before it
//!   returns; only then may the control side give the number away.
//!
//! What it does not do: it knows no service, no file and no configuration file; it never waits but in
//! `epoll_wait`.

mod adopt;
mod audit;
mod batch;
pub(crate) mod connections;
mod foresee;
mod history;
mod impact;
mod inbox;
mod judge;
mod limit;
mod measure;
mod meters;
mod park;
mod passes;
mod pool;
mod ports;
mod query;
mod rule_log;
mod run;
mod shared;
mod stats;
mod sweep;
mod tally;
mod trace;
mod upcall;
mod why;
mod words;

pub use pool::start;
pub(crate) use tally::FAMILIES;

#[cfg(test)]
mod tests;

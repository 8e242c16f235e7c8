//! The topology service: MidoNet's REST API for operators and clouds, and the watch that agents follow.
//!
//! Purpose: the one place where the topology is changed. A request is checked against the topology in
//! memory, becomes one transaction of the store, and is answered when that is durable.
//!
//! ```text
//!  client ─REST─▶ resources ─▶ service ─▶ store
//!  agent ─watch─▶ weft ◀─ streams ◀─ service ◀─ store's watch
//! ```
//! Place in the flow: it imports `store`, `topology` and `wire`; only its own program imports it.
//!
//! What it does not do: it never looks at a packet or a kernel; what a host says of itself (interfaces,
//! which ports its kernel carries) is passed on as reported.

mod backup;
mod error;
mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod http;
mod metrics;
mod model;
mod resources;
mod service;
mod weft;

pub mod args;
pub mod config;
pub mod server;
pub mod supervision;

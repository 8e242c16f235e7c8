//! `weft`, the operator's command line.
//!
//! Purpose: ask the service (REST) and this host's agent (control socket), and show it: a table for
//! people, JSON for programs.
//!
//! ```text
//!  weft status, show flows|drops|macs|bindings, trace ──▶ control socket ──▶ agent
//!  weft why ────────────────────────────────────────────▶ control socket ──▶ agent
//!  weft top, capture, log-level ────────────────────────▶ control socket ──▶ agent
//!  weft show hosts|bridges|ports|files|chains|rules, ───▶ REST ────────────▶ service
//!    show port-groups|address-groups, sync ─────────────▶ REST ────────────▶ service
//!  weft apply, diff, export, forget, backup, restore ───▶ REST ────────────▶ service
//! ```
//!
//! `weft doctor` asks both, and looks at the machine itself ([`doctor`]).
//!
//! What it does not do: it keeps no state and decides nothing. A blocking program: one question, one
//! answer.

pub mod agent;
pub mod api;
pub mod args;
pub mod capture_file;
pub mod confirm;
pub mod doctor;
pub mod error;
pub mod files;
pub mod frame;
pub mod frame_text;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod output;
pub mod pcap;
pub mod progress;
pub mod verbs;

pub use error::Error;

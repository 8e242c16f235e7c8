//! The host's network interfaces: which there are, and making one ready to carry a port.
//!
//! ```text
//!  rtnetlink groups ─▶ monitor task ── LinkChange ─▶ core ─▶ LinkTable
//!  core ─▶ LinkSetter ─▶ rtnetlink: up, MTU; /proc: IPv6 off
//! ```
//!
//! What it does not do: it makes no interface and removes none; it knows no port.

mod monitor;
mod set;
mod table;

pub use monitor::{list, watch};
pub use set::{LinkError, LinkSetter, SetLinks};
pub use table::{Link, LinkChange, LinkTable};

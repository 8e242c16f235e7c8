//! The control socket: what `weft`, `weft-vif` and people ask of this agent ([`weft_wire::control`]).
//!
//! ```text
//!  accept ─▶ one task a connection: one line in ─▶ core (bindings, status)       ─▶ lines out
//!                                               ─▶ hot path (flows, drops, trace)
//!                                               ─▶ service (a port by its prefix)
//!                                               ─▶ an interface (capture)
//! ```
//!
//! What it does not do: it decides nothing.

pub(crate) mod socket;
pub(crate) mod verbs;
mod watching;

pub use socket::{ControlSocket, SocketError};
pub use verbs::Peers;

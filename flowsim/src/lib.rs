//! The simulation: what becomes of a packet, and what that depended on.
//!
//! Purpose: one pure function, [`simulate`], from a [`Snapshot`](weft_topology::Snapshot) and a
//! packet's kernel key to an [`Outcome`]: actions, mask, tags, effects and a reason.
//!
//! Place in the flow: the agent's worker calls it for every upcall, and again for a flow when a tag of
//! its outcome changed, when it adopts flows after a restart and when it audits them; `weft trace` calls
//! the same function with a collector of steps.
//!
//! ```text
//!                     ┌────────────── Probe ──────────────┐
//!  key, packet ──────▶│ reading a field is what masks it  │
//!  learned tables ───▶│ asking a table leaves its tag     │──▶ simulate ──▶ Outcome ──▶ flow, effects
//!  snapshot ─────────▶│ reading the time sets its end     │       │
//!                     └───────────────────────────────────┘       └─ userspace(class) ──▶ serve ──▶ answer
//! ```
//!
//! A verdict on forwarded traffic is made from the key alone. Only a local service needs a packet's
//! bytes (DHCP, ARP): `simulate` yields a flow that brings such packets up, and [`serve`] answers one,
//! or hands it back to be forwarded like any other.
//!
//! What it does not do: no I/O, no clock, no lock, no memory of its own. Effects are for the caller to
//! carry out, parking for what is not loaded, too. Routers and tunnels are not here yet.

#![forbid(unsafe_code)]

mod arp;
mod bridge;
mod connection;
mod dhcp;
mod effect;
mod ethernet;
mod filter;
mod flood;
mod kept;
mod learned;
mod logged;
mod mark;
mod message;
mod metered;
mod outcome;
mod pass;
mod port;
mod probe;
mod punt;
mod reason;
mod reject;
mod scratch;
mod security;
mod simulate;
mod stages;
mod trace;
mod vlan;
mod walk;

pub use connection::CUT;
pub use effect::{Effect, Unanswered};
pub use learned::{Learned, NothingLearned, Time};
pub use logged::{Logged, Said};
pub use mark::Conversation;
pub use metered::Metered;
pub use outcome::{Held, Install, Outcome};
pub use pass::Pass;
pub use probe::Probe;
pub use punt::PuntClass;
pub use reason::Reason;
pub use scratch::Scratch;
pub use security::Violation;
pub use simulate::{serve, simulate};
pub use trace::{Step, What};

#[cfg(fuzzing)]
pub use tests::fuzz;
#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, allow(dead_code, missing_docs, unused_imports))]
#[allow(unreachable_pub, reason = "fuzzers reach it")]
#[allow(clippy::unwrap_used, reason = "they are tests")]
mod tests;

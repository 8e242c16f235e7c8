//! What this host knows of the topology: followed, kept on disk, and handed to the hot path.
//!
//! ```text
//!  watch lines ─▶ Builder ── at `complete` ──▶ Snapshot, tags ─▶ hot path
//!                    ▲  │
//!       what is wanted  └─ followed objects ─▶ disk ─▶ the next run's Builder
//!       (interest.rs)
//!  Frontier: which revision is in force, from what was published and what the workers are past
//! ```
//!
//! What it does not do: no netlink, no HTTP. Only `disk` touches files.

mod builder;
pub(crate) mod disk;
mod frontier;
mod interest;

#[cfg(test)]
mod tests;

pub use builder::Builder;
pub use disk::{Stored, load, save};
pub use frontier::Frontier;
pub use interest::wanted;

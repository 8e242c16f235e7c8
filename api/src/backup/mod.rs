//! Backup and restore of what the store holds, while the service runs.
//!
//! ```text
//!  store: all documents as of one revision ─▶ format ─▶ text with a checksum
//!  text ─▶ format: whole? known? ─▶ restore: what it makes of the topology ─▶ one transaction
//! ```
//! A restore is a change like any other: the revision counts on, so watches follow it without being told.
//!
//! What it does not do: no file. The client keeps the text.

mod format;
mod restore;
#[cfg(test)]
mod tests;

#[cfg(any(test, fuzzing))]
pub(crate) use format::with_sum;
pub(crate) use format::{BackupError, read, write};
pub(crate) use restore::{Plan, plan};

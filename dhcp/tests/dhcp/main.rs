//! Tests of the crate by its public interface. `walker` reads replies by code of its own, so that
//! what is written is not judged by what wrote it.

// Lengths in tests are small, and helpers may unwrap as the tests do.
#![allow(clippy::cast_possible_truncation, clippy::unwrap_used, unreachable_pub)]

mod clients;
mod frames;
mod hostile;
mod network;
mod options;
mod packing;
mod properties;
mod refusals;
mod selection;
mod states;
mod walker;

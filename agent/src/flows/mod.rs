//! What the workers keep of the kernel's flows and of what packets taught them.
//!
//! It does not talk to the kernel: that is the worker's.

pub mod learned;
pub mod table;
mod tags;

//! The agent on a real kernel: what only a kernel can prove. Each test starts a site of its own.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod accounts;
mod bindings;
mod captures;
mod change;
mod dhcp;
mod forwarding;
mod groups;
mod metering;
mod restart;
mod survival;
mod watching;

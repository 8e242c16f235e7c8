//! The crate `weft-ovs` on a kernel that has openvswitch.
//!
//! A datapath belongs to a network namespace: each test has its own, which goes with all that is in it
//! when the test's thread has left it.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod conformance;
mod datapath;
mod dpctl;
mod extraction;
mod flows;
mod guard;
mod ports;
mod support;
mod upcalls;

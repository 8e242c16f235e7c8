//! Stateful filtering on a kernel that has openvswitch: the programs of the design's section 4 as flows, before
//! any of it is in the simulation.
//!
//! Each test names what a program does, or what a kernel does that is the program's reason. Frames are sent one
//! at a time ([`stage`]); connections are looked at, marked and deleted by `weft-ovs`.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod across;
mod connection;
mod crossing;
mod cutting;
mod fragments;
mod healing;
mod host;
mod keeping;
mod neighbours;
mod packet;
mod programs;
mod raw;
mod same_host;
mod stage;
mod table;

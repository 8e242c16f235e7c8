//! The service as clients see it: the real program, real HTTP, a store in a folder of the test's own.

#![recursion_limit = "256"] // a rule has many fields
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod after_ten_seconds;
mod bindings;
mod bridges;
mod chains;
mod client;
mod crash;
mod dhcp;
mod files;
mod filter_watch;
mod groups;
mod hostile;
mod hosts;
mod manager;
mod media;
mod metrics;
mod midonet_cli;
mod port_security;
mod ports;
mod root;
mod rules;
mod rules_refused;
mod service;
mod slow;
mod start;
mod sync;
mod tables;
mod watch;

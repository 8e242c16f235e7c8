//! Tests that look inside.

mod against_evaluator;
mod bridging;
mod connections;
mod contract;
mod dhcp;
mod extract;
mod frame;
mod keeping;
mod look_alikes;
mod masks;
mod net;
mod probe;
mod random;
mod random_filters;
mod rejecting;
mod run;
mod securing;
mod tags;

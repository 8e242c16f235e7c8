//! Tests that look inside.

mod against_evaluator;
mod bridging;
mod connections;
mod contract;
mod dhcp;
mod extract;
mod frame;
pub mod fuzz;
mod keeping;
mod logging;
mod look_alikes;
mod masks;
mod net;
mod probe;
mod random;
mod random_filters;
mod random_frames;
mod rejecting;
mod run;
mod securing;
mod tags;

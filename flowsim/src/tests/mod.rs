//! Tests that look inside.

mod against_evaluator;
mod bridging;
mod contract;
mod dhcp;
mod extract;
mod frame;
mod look_alikes;
mod masks;
mod net;
mod probe;
mod random;
mod run;
mod tags;

//! Tests that look inside.

mod against_evaluator;
mod bridging;
mod dhcp;
mod extract;
mod frame;
mod look_alikes;
mod masks;
mod net;
mod random;
mod run;
mod tags;

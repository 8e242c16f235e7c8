//! Tests that look inside.

mod bridging;
mod dhcp;
mod extract;
mod frame;
mod look_alikes;
mod net;
mod run;

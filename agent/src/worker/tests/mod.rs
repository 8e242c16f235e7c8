//! The hot path on a datapath in memory, with a clock that stands until it is moved.

mod accounts;
mod adoption;
mod changes;
mod impact;
mod learning;
mod limits;
mod parking;
mod ports;
mod stage;
mod sweeping;
mod topology;

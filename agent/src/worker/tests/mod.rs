//! The hot path on a datapath in memory, with a clock that stands until it is moved.

mod accounts;
mod adoption;
mod auditing;
mod changes;
mod impact;
mod learning;
mod limits;
mod logging;
mod metering;
mod parking;
mod ports;
mod races;
mod stage;
mod sweeping;
mod topology;

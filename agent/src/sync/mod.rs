//! What the threads of the hot path share, and how they wait and begin, behind one door.
//!
//! In a program all of it is the standard library's and crossbeam's, by other names. In tests each operation is also a
//! point at which a model checker may let another thread go on: the tests in `worker/tests/races` run the hot path as it
//! is, under thousands of schedules.

#[cfg(not(test))]
mod real;
#[cfg(test)]
pub(crate) mod scheduled;

#[cfg(not(test))]
pub(crate) use real::*;
#[cfg(test)]
pub(crate) use scheduled::*;

pub(crate) use crossbeam_channel::RecvTimeoutError;

//! The datapath of the running kernel.
//!
//! A [`KernelDatapath`] owns one socket for requests. Upcalls and events come by sockets of their own
//! ([`KernelUpcalls`], [`KernelMonitor`]): the kernel would mix them with the answers. The table of connections
//! ([`KernelConntrack`]) is another netlink protocol's, so it has a socket of its own, too.

mod batch;
mod conntrack;
mod datapath;
mod families;
mod flow;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod limit;
mod meter;
mod monitor;
mod object;
mod packet;
mod probe;
mod uapi;
mod upcall;
mod vport;

pub(crate) use batch::what;
pub use conntrack::KernelConntrack;
pub use datapath::{KernelDatapath, OpenMode};
pub use families::Families;
pub(crate) use flow::to_check_actions;
pub use monitor::KernelMonitor;
pub use probe::{Capabilities, OptionalAction};
pub use upcall::KernelUpcalls;

use crate::error::{Attempt, Error, What};
use crate::nl::requests::Failure;

/// Which datapath it is, shared by all its handles.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) name: String,
    /// Of its own internal device, by which the kernel finds it.
    pub(crate) ifindex: u32,
    pub(crate) families: Families,
}

impl Identity {
    pub(crate) fn attempt(&self, what: What) -> Attempt {
        Attempt {
            datapath: self.name.clone(),
            what,
        }
    }

    pub(crate) fn error(&self, what: What, failure: Failure) -> Error {
        Error::from_failure(self.attempt(what), failure)
    }
}

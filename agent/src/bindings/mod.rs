//! Which interface carries which port: what is wanted, what is so, and the steps between the two.
//!
//! ```text
//!  snapshot: ports bound to this host ┐
//!  wishes: plugs of this host, on disk┴▶ desired ─┐
//!  links: interfaces that are there ──────────────┼▶ plan ─▶ steps ─▶ Carrier ─▶ datapath, hot path
//!  carried: vports of this host ──────────────────┘
//! ```
//!
//! It is level-triggered: nothing is done because of an event, everything because of a difference
//! between what is wanted and what is so. A tap that comes late, goes, changes its index or comes
//! back needs no code of its own.

mod adopt;
mod answers;
mod carrier;
mod desired;
mod fitness;
mod plan;
mod plug_files;
mod wish;
mod wishes;

#[cfg(test)]
mod tests;

pub use carrier::Carrier;
pub use desired::{Desired, Situation, desired};
pub use plan::{Step, phase, plan};
pub use plug_files::RELEASES;
pub use wish::{Ask, Questions, Release, Wish};
pub use wishes::Wishes;

/// A port that the datapath carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The interface.
    pub interface: String,
    /// The interface's index: another one of the same name is another interface.
    pub ifindex: u32,
    /// The vport's number.
    pub number: u32,
    /// The MTU that the interface was given, in bytes.
    pub mtu: Option<u32>,
    /// The MTU that it had when it was given that one, until it has been seen with it: what the kernel
    /// refuses once is not asked of it again and again.
    pub mtu_before: Option<u32>,
}

//! The virtual topology: what the operator wants the network to be.
//!
//! Purpose: the objects (bridges, routers, ports, chains of rules, …) with their validation; the
//! *snapshot*, one immutable version of the part of the topology that a host knows; and the step from
//! a change to the *tags* of the facts that it changed.
//!
//! Place in the flow: the service stores [`Object`]s and streams [`Change`]s; an agent applies them
//! to a [`Snapshot`] and hands it to the simulation, which reads nothing else of the topology.
//!
//! ```text
//!  REST ─▶ validate ─▶ store ─▶ watch ─▶ Change ─▶ Snapshot::apply ─▶ (Snapshot, tags) ─▶ simulation
//! ```
//!
//! What it does not do: no I/O, no clock, no packet. Learned tables (MAC, ARP, ND) are not topology.

pub mod bridge;
pub mod chain;
pub mod dhcp;
pub mod host;
pub mod id;
pub mod object;
pub mod port;
pub mod reference;
pub mod router;
pub mod snapshot;
pub mod tag;
pub mod topology;
pub mod validate;

pub use id::{Kind, ObjectId};
pub use object::{Change, Object};
pub use pnet_base::MacAddr;
pub use snapshot::{Epoch, Known, LocalPort, Snapshot};
pub use tag::Tag;
pub use topology::Topology;
pub use validate::{Problem, ValidationError, Violation};

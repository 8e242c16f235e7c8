//! The virtual topology: what the operator wants the network to be.
//!
//! Purpose: the objects (bridges, routers, ports, chains of rules, …); the [`Topology`], all of them
//! together, changed by transactions that are valid as a whole; the [`Snapshot`], one immutable version
//! of the part that a host knows; and the step from a change to the [`Tag`]s of the facts it changed.
//!
//! Place in the flow: the service keeps a [`Topology`], stores its [`Object`]s and streams
//! [`Change`]s; an agent applies them to a [`Snapshot`] and hands that to the simulation, which reads
//! nothing else of the topology.
//!
//! ```text
//!  REST ─▶ Topology::apply ─▶ store ─▶ watch ─▶ Change ─▶ Snapshot::apply ─▶ simulation
//!             │                                                └─▶ tags ─▶ flows to look at again
//!             └─▶ violations
//! ```
//!
//! What it does not do: no I/O, no clock, no packet. Learned tables (MAC, ARP, ND) are not topology.

pub mod bridge;
pub mod chain;
pub mod dhcp;
pub mod follow;
pub mod host;
pub mod id;
pub mod in_words;
pub mod object;
pub mod policy;
pub mod port;
pub mod reference;
pub mod router;
pub mod snapshot;
pub mod tag;
pub mod text;
pub mod topology;
pub mod validate;

pub use id::{Kind, ObjectId};
pub use object::{Change, Object};
pub use pnet_base::MacAddr;
pub use snapshot::{Epoch, Known, LocalPort, Snapshot};
pub use tag::Tag;
pub use topology::Topology;
pub use validate::{Problem, ValidationError, Violation};

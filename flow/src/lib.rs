//! The kernel's language of flows: key, mask and actions.
//!
//! Purpose: the types, a strict decoder and an encoder of their netlink attributes, and their text
//! form, the one that OVS's tools print.
//!
//! Place in the flow: an upcall's key is decoded here and given to the simulation; the simulation's
//! mask and actions are encoded here and written to the kernel.
//!
//! What it does not do: no socket (that is `ovs`), no packet bytes, no policy.

pub mod action;
pub mod attr;
pub mod field;
pub mod key;
pub mod mask;

pub use action::Action;
pub use field::Field;
pub use key::FlowKey;
pub use mask::FlowMask;

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
pub mod codec;
pub mod dictionary;
pub mod field;
pub mod fuzz;
pub mod header;
pub mod key;
pub mod mask;
pub mod present;
mod read;
pub mod text;
pub mod ufid;
pub mod validate;
mod words;

pub use action::Action;
pub use codec::{
    DecodeError, EncodeError, decode_actions, decode_key, decode_mask, decode_tunnel,
    encode_actions, encode_key, encode_mask, encode_tunnel,
};
pub use field::Field;
pub use header::Header;
pub use key::FlowKey;
pub use mask::FlowMask;
pub use text::{Actions, Flow, ParseError, parse_actions, parse_flow, parse_key};
pub use ufid::Ufid;
pub use validate::{Refusal, kernel_accepts};

//! Options of replies: what an operator may configure, what the subnet and host imply, which of them
//! a reply carries, and how they are laid out in it.
//!
//! ```text
//!  DhcpOption (text) ─ parse ─▶ Configured ┐
//!  DhcpSubnet, DhcpHost, Bridge ─▶ built_in ┴─▶ plan (which, in which order) ─▶ pack (bytes)
//! ```

pub(crate) mod built_in;
pub mod code;
pub(crate) mod configured;
mod name;
pub(crate) mod pack;
mod parse;
pub(crate) mod plan;
pub mod table;
mod value;

pub use parse::{Condition, MAX_VALUE, OptionError, ParsedOption, Target, parse};

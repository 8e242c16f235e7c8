//! Topology files: from what a file says to changes, and from what there is to a file.
//!
//! ```text
//!  TopologyFile ─▶ wanted: objects with ids ─▶ plan: changes, differences ─▶ one transaction
//!                    ▲ what a file does not say stays as it is                └▶ record of the file
//!  Model ─▶ export ─▶ TopologyFile
//! ```
//! Which objects a file manages: those that it names, and those that the service remembers of the file's
//! name ([`Members`](crate::model::Members)). Of the latter, those that it names no
//! more are removed. An object is managed by one file at most.
//!
//! What it does not do: it reads no TOML and writes nothing; all here is a function of a model.

mod difference;
mod export;
mod names;
mod plan;
#[cfg(test)]
mod tests;
mod wanted;

pub(crate) use export::export;
pub(crate) use plan::{Plan, plan};

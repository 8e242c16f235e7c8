//! Messages between the agent and its neighbours: the topology service, the CLI, the VIF driver.
//!
//! Purpose: one place for the JSON that crosses a process's border, so that both sides agree.
//!
//! Place in the flow: `agent`, `api`, `cli` and `vif-driver` import it; it imports `topology` only.
//!
//! What it does not do: no I/O.
//!
//! Neighbours may be of one version before or after, so these are the rules of change:
//! - A reader ignores fields that it does not know. What must not be ignored is a new verb, a new path or a
//!   new kind of line, and a new `protocol` or `v` where the old meaning changes.
//! - A new field has a default for a neighbour that does not send it. No field is taken away or given
//!   another meaning within one version.
//! - Of a watch, lines and kinds of objects that are not known are passed over
//!   ([`watch::WatchLine::read`]); an object of a known kind that cannot be understood is an error: a rule
//!   must not be left out.
//! - A code or a phase that is not known counts as `internal`, or `unknown`.
//! - A topology file and a backup are no such messages: what is not known in them is refused.
//!
//! `agent/tests/control/protocol` holds recordings of what has landed, and a test that both sides read them.

pub mod apply;
pub mod backup;
pub mod control;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod host;
pub mod impact;
pub mod log;
pub mod plug_file;
pub mod sync;
pub mod text;
pub mod topology_file;
pub mod watch;
pub mod why;

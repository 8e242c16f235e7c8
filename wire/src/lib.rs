//! Messages between the agent and its neighbours: the topology service, the CLI, the VIF driver.
//!
//! Purpose: one place for the JSON that crosses a process's border, so that both sides agree.
//!
//! Place in the flow: `agent`, `api`, `cli` and `vif-driver` import it; it imports `topology` only.
//!
//! What it does not do: no I/O. Readers ignore fields they do not know (a neighbour may be one
//! version newer); in requests to the control socket unknown fields are refused.

pub mod apply;
pub mod backup;
pub mod control;
pub mod host;
pub mod plug_file;
pub mod sync;
pub mod topology_file;
pub mod watch;

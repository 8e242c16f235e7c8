//! Bindings kept on the host's disk: `STATE_DIR/bindings/INTERFACE.json`, one a file.
//!
//! The agent writes one for every interface plugged here and reads them all when it starts, so that
//! it can bind with the service away. With the agent down the VIF driver writes the file in its
//! place (a new file renamed over the old: never half a file); the agent looks at the folder when it
//! starts and then now and again, so that neither order of the two loses a plug.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use weft_topology::id::PortId;

/// Folder of the files, below the state directory.
pub const FOLDER: &str = "bindings";

/// What one file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlugFile {
    /// Version of the file's form, 1.
    pub v: u32,
    /// The interface; equals the file's name.
    pub interface: String,
    /// The virtual port.
    pub port: PortId,
    /// MTU asked for; absent: the network's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
    /// What is wanted.
    pub wish: Wish,
    /// The revision at which the service granted it. If another host has the port at a later one, then
    /// it was taken from here, and is not asked back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<u64>,
}

/// What the writer of a file wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// The interface carries the port.
    Plugged,
    /// The interface was unplugged while the agent was down; the agent tells the service and
    /// removes the file.
    Unplugged,
}

/// The file of an interface below a state directory.
pub fn path_of(state_dir: &Path, interface: &str) -> PathBuf {
    state_dir.join(FOLDER).join(format!("{interface}.json"))
}

//! How far the hosts are: what `weft sync` asks.

use serde::{Deserialize, Serialize};
use weft_topology::id::HostId;

/// Answer of `GET /weft/v1/sync?revision=R`. Without `revision` the newest one is asked for. To wait
/// for it, ask again with the `revision` of the first answer until `in_force` is true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncStatus {
    /// The revision that is asked for.
    pub revision: u64,
    /// Whether every live host has it in force.
    pub in_force: bool,
    /// The live hosts, by name.
    pub hosts: Vec<HostSync>,
}

/// How far a live host is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostSync {
    /// Its id.
    pub id: HostId,
    /// Its name.
    pub name: String,
    /// The revision in force there; absent: it has not said since the service started.
    pub revision: Option<u64>,
    /// Whether that is at least the revision asked for.
    pub in_force: bool,
}

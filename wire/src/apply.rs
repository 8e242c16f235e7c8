//! Applying a topology file: what `weft apply`, `diff` and `export` ask of the service.
//!
//! `POST /weft/v1/apply` with an [`ApplyRequest`]: without `plan` the differences are computed and
//! nothing is changed; with the `plan` of such an answer they are made, all in one transaction, unless
//! they are others by now (409).
//!
//! `GET /weft/v1/export` (`?name=N` for what the file N made, `?bindings=true` with interfaces) answers
//! an [`Export`]. `GET /weft/v1/files` lists the files that the service remembers ([`FileInfo`]);
//! `DELETE /weft/v1/files/N` forgets one: its objects stay.

use serde::{Deserialize, Serialize};
use weft_topology::{Change, Kind, ObjectId};

use crate::topology_file::TopologyFile;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplyRequest {
    /// The file.
    pub file: TopologyFile,
    /// The [`Applied::plan`] that is to be carried out; absent: nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Whether to say the changed objects themselves, too ([`Applied::changes`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
}

/// What a file makes of the topology.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The revision at which this is so.
    pub revision: u64,
    /// Names these differences.
    pub plan: String,
    /// Whether the differences were made; without any there is nothing to make.
    pub applied: bool,
    /// In the order of the file.
    pub differences: Vec<Difference>,
    /// What a careful operator looks at twice.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What changes, whole, and behind it the objects that it names anew, as they are. Absent: not asked for, or the
    /// service is older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<Change>>,
}

/// An object that is, or was, not what the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// What happens to it.
    pub action: Action,
    /// It, as people call it.
    pub what: String,
    /// Its id.
    pub object: ObjectId,
    /// False: it follows from what the file says of others.
    pub in_file: bool,
    /// Its properties that differ, by the file's names; of a new object those that are not empty.
    pub fields: Vec<FieldDifference>,
}

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed.
    Change,
    /// It is removed.
    Remove,
    /// It stays as it is, and belongs to the file from now on.
    TakeOver,
    /// It is no more, and no longer belongs to the file.
    Forget,
}

/// A property before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDifference {
    /// Its name in the file.
    pub field: String,
    /// Its value before; null: none.
    pub before: serde_json::Value,
    /// Its value after; null: none.
    pub after: serde_json::Value,
}

/// What there is, as a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    /// The revision that it is of.
    pub revision: u64,
    /// The file.
    pub file: TopologyFile,
    /// Objects that a file cannot say, by kind, and how many there are.
    #[serde(default)]
    pub left_out: Vec<(Kind, usize)>,
}

/// A file that the service remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Its name.
    pub name: String,
    /// How many objects it manages.
    pub objects: usize,
}

//! Backup and restore of the store while the service runs.
//!
//! `GET /weft/v1/backup` is text: a line with a [`Header`], one line a document of the store, as of one
//! revision, and a line with a [`Trailer`]. `POST /weft/v1/restore` takes such a text. Without `?plan=P`
//! nothing is changed, and the answer, a [`Restored`], says what would be; with the `plan` of such an
//! answer it is done, in one transaction, unless it is something else by now (409).
//!
//! A reader refuses a text without its trailer, one whose checksum is wrong, and one of a newer
//! [`FORMAT`].

use serde::{Deserialize, Serialize};
use weft_topology::Kind;

/// Newest form of the text that this version writes and reads.
pub const FORMAT: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// [`FORMAT`] of the writer.
    pub weft_backup: u32,
    /// The writer's version.
    pub version: String,
    /// The store's name.
    pub store: String,
    /// The revision that it is of.
    pub revision: u64,
    /// How many documents follow.
    pub documents: u64,
    /// When it was made, in seconds since 1970.
    pub taken: u64,
}

/// A document of the store: one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its key.
    pub key: String,
    /// Version of its form.
    pub schema: u32,
    /// Its JSON, as text: so it comes back to the byte.
    pub json: String,
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    /// SHA-256 of everything before this line, in hex.
    pub sha256: String,
}

/// What a restore does, or did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// The revision at which this is so.
    pub revision: u64,
    /// Names this outcome.
    pub plan: String,
    /// Whether it was done; where nothing differs there is nothing to do.
    pub applied: bool,
    /// The backup's own first line.
    pub backup: Header,
    /// Objects that differ, by kind.
    pub kinds: Vec<KindCount>,
    /// Live hosts that the backup does not know: they stay, by name.
    pub hosts_kept: Vec<String>,
    /// Ports whose interface is another one than in the backup, or none, by now: they stay there.
    pub bindings_kept: u64,
    /// Ports that return without the interface that the backup has: another port has it by now, or
    /// they are linked to a port.
    pub bindings_lost: u64,
}

/// What happens to the objects of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindCount {
    /// The kind.
    pub kind: Kind,
    /// Made.
    pub created: u64,
    /// Changed.
    pub changed: u64,
    /// Removed.
    pub removed: u64,
    /// As they are in the backup already.
    pub same: u64,
}

//! The snapshot on the host's disk, for the next run: with the service away it is all there is.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use weft_topology::{Object, ObjectId, Snapshot};

use crate::files::{FileError, read_if_there, write_whole};

/// Version of the file's form.
const VERSION: u32 = 1;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    v: u32,
    /// The store that the revision is of.
    pub store: String,
    /// The revision that the objects are of.
    pub revision: u64,
    /// The objects that the host asked for.
    pub followed: Vec<ObjectId>,
    /// The objects themselves.
    pub objects: Vec<Object>,
    /// Objects that were asked for and do not exist.
    pub absent: Vec<ObjectId>,
}

impl Stored {
    /// What a host knows.
    pub fn new(store: &str, snapshot: &Snapshot, followed: &BTreeSet<ObjectId>) -> Self {
        Self {
            v: VERSION,
            store: store.to_owned(),
            revision: snapshot.epoch().revision,
            followed: followed.iter().copied().collect(),
            objects: snapshot.objects().cloned().collect(),
            absent: snapshot.absent().collect(),
        }
    }
}

/// Reads the file, if it is there and is understood: what it says is also with the service.
pub fn load(path: &Path) -> Option<Stored> {
    let read = read_if_there(path).map_err(|error| error.to_string());
    let parsed = read.and_then(|content| {
        let parse = |content: Vec<u8>| serde_json::from_slice::<Stored>(&content);
        content.map(parse).transpose().map_err(|e| e.to_string())
    });
    match parsed {
        Ok(Some(stored)) if stored.v == VERSION => Some(stored),
        Ok(Some(stored)) => {
            tracing::warn!(path = %path.display(), version = stored.v, "the snapshot on disk has \
                another form: it is asked for anew");
            None
        }
        Ok(None) => None,
        Err(error) => {
            tracing::warn!(path = %path.display(), error, "the snapshot on disk is not used: it is \
                asked for anew");
            None
        }
    }
}

/// Writes the file, whole or not at all.
pub fn save(path: &Path, stored: &Stored) -> Result<(), FileError> {
    let content = serde_json::to_vec(stored).map_err(|error| FileError {
        attempt: "write",
        path: path.to_owned(),
        source: error.into(),
    })?;
    write_whole(path, &content)
}

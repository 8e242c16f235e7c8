//! The snapshot on the host's disk, for the next run: with the service away it is all there is.
//!
//! Its first line has a sum over the rest. A file with a changed byte may well be a snapshot, of another policy; and
//! the watch goes on where the snapshot ends, so nothing would ever put it right.

use std::collections::BTreeSet;
use std::hash::Hasher;
use std::path::Path;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use weft_topology::policy::Established;
use weft_topology::{Object, ObjectId, Snapshot};

use crate::files::{FileError, read_if_there, write_whole};

/// Version of the file's form.
const VERSION: u32 = 2;

/// The file's first line.
#[derive(Serialize, Deserialize)]
struct Head {
    v: u32,
    /// Of the bytes behind the line.
    sum: u64,
}

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
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
    /// What the service said last of connections that a removed rule admitted.
    #[serde(default)]
    pub established: Established,
}

impl Stored {
    /// What a host knows.
    pub fn new(store: &str, snapshot: &Snapshot, followed: &BTreeSet<ObjectId>) -> Self {
        Self {
            store: store.to_owned(),
            revision: snapshot.epoch().revision,
            followed: followed.iter().copied().collect(),
            objects: snapshot.objects().cloned().collect(),
            absent: snapshot.absent().collect(),
            established: snapshot.established(),
        }
    }
}

/// Reads the file, if it is there and is understood: what it says is also with the service.
pub fn load(path: &Path) -> Option<Stored> {
    let content = match read_if_there(path) {
        Ok(content) => content?,
        Err(error) => {
            tracing::warn!(%error, "the snapshot on disk is not used: it is asked for anew");
            return None;
        }
    };
    let parsed = parse(&content);
    if let Err(problem) = &parsed {
        tracing::warn!(path = %path.display(), problem, "the snapshot on disk is not used: it is asked \
            for anew");
    }
    parsed.ok()
}

pub(crate) fn parse(content: &[u8]) -> Result<Stored, String> {
    let end = content.iter().position(|byte| *byte == b'\n');
    let Some((head, rest)) = end.and_then(|end| content.split_at_checked(end + 1)) else {
        return parse_first_form(content);
    };
    let head: Head = serde_json::from_slice(head).map_err(|error| error.to_string())?;
    if head.v != VERSION {
        return Err(format!("its form is version {}, want {VERSION}", head.v));
    }
    if head.sum != sum(rest) {
        return Err("it is damaged: its sum is wrong".to_owned());
    }
    serde_json::from_slice(rest).map_err(|error| error.to_string())
}

/// Version 1 had no first line and no sum. The version before this one wrote it: an agent that is upgraded while
/// the service is away goes on serving.
fn parse_first_form(content: &[u8]) -> Result<Stored, String> {
    #[derive(Deserialize)]
    struct First {
        v: u32,
        #[serde(flatten)]
        stored: Stored,
    }
    let first: First = serde_json::from_slice(content).map_err(|error| error.to_string())?;
    match first.v {
        1 => Ok(first.stored),
        other => Err(format!("its form is version {other}, want {VERSION}")),
    }
}

fn sum(bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish()
}

/// Writes the file, whole or not at all.
pub fn save(path: &Path, stored: &Stored) -> Result<(), FileError> {
    let failed = |error: serde_json::Error| FileError {
        attempt: "write",
        path: path.to_owned(),
        source: error.into(),
    };
    let rest = serde_json::to_vec(stored).map_err(failed)?;
    write_whole(path, &with_sum(&rest).map_err(failed)?)
}

/// The file's content: the objects behind a sum.
pub(crate) fn with_sum(rest: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let head = Head {
        v: VERSION,
        sum: sum(rest),
    };
    let mut content = serde_json::to_vec(&head)?;
    content.push(b'\n');
    content.extend(rest);
    Ok(content)
}

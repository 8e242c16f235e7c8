//! How the topology lies in the store: one document an object, under `KIND/ID`, the counters, and one a
//! topology file that was applied, under `file/NAME`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weft_store::{Change as StoreChange, Entry, Op};
use weft_topology::{Change, Object, ObjectId};

/// Version of the documents' form that this program writes, and the newest that it reads.
const SCHEMA: u32 = 1;

/// A number that counts up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Counter {
    /// The tunnel key given last.
    TunnelKey,
}

/// A document of the store, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    /// An object was written or removed.
    Object(Change),
    /// A counter has this value.
    Counter(Counter, u64),
    /// A topology file of this name manages these objects; `None`: it is forgotten.
    File(String, Option<FileRecord>),
}

/// What is remembered of a topology file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    /// What it manages, by what the file calls it.
    pub(crate) objects: BTreeMap<String, ObjectId>,
}

/// Below this key are the records of files.
const FILES: &str = "file/";

/// Why a document cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DocumentError {
    /// A newer program wrote it.
    #[error(
        "'{key}' has form {found}, this program reads up to {SCHEMA}: it is too old for this store"
    )]
    Schema {
        /// Its key.
        key: String,
        /// Its form.
        found: u32,
    },
    /// It is no object of the topology.
    #[error("'{key}' is not readable: {problem}")]
    Content {
        /// Its key.
        key: String,
        /// What is wrong.
        problem: String,
    },
}

/// Reads a document that is there.
pub(crate) fn read(entry: &Entry) -> Result<Document, DocumentError> {
    let content = |problem: String| DocumentError::Content {
        key: entry.key.clone(),
        problem,
    };
    if entry.schema > SCHEMA {
        return Err(DocumentError::Schema {
            key: entry.key.clone(),
            found: entry.schema,
        });
    }
    if let Some(counter) = Counter::from_key(&entry.key) {
        let value = entry
            .json
            .parse()
            .map_err(|_| content("no number".into()))?;
        return Ok(Document::Counter(counter, value));
    }
    if let Some(name) = entry.key.strip_prefix(FILES) {
        let record =
            serde_json::from_str(&entry.json).map_err(|error| content(error.to_string()))?;
        return Ok(Document::File(name.to_owned(), Some(record)));
    }
    let object: Object =
        serde_json::from_str(&entry.json).map_err(|error| content(error.to_string()))?;
    if object.id().to_string() != entry.key {
        return Err(content(format!("it holds {}", object.id())));
    }
    Ok(Document::Object(Change::Put(object)))
}

/// Reads what a watch tells.
pub(crate) fn read_change(change: &StoreChange) -> Result<Document, DocumentError> {
    match change {
        StoreChange::Put(entry) => read(entry),
        StoreChange::Deleted { key, .. } => {
            if let Some(name) = key.strip_prefix(FILES) {
                return Ok(Document::File(name.to_owned(), None));
            }
            let id: ObjectId = key.parse().map_err(|_| DocumentError::Content {
                key: key.clone(),
                problem: "its key is no object's".into(),
            })?;
            Ok(Document::Object(Change::Gone(id)))
        }
    }
}

/// The operation that writes a document.
pub(crate) fn write(document: &Document) -> Op {
    match document {
        Document::Object(Change::Put(object)) => Op::Put {
            key: object.id().to_string(),
            schema: SCHEMA,
            // An object has no map with keys other than text, so it always has a JSON form.
            json: serde_json::json!(object).to_string(),
        },
        Document::Object(Change::Gone(id)) => Op::Delete {
            key: id.to_string(),
        },
        Document::Counter(counter, value) => Op::Put {
            key: counter.key().to_owned(),
            schema: SCHEMA,
            json: value.to_string(),
        },
        Document::File(name, Some(record)) => Op::Put {
            key: format!("{FILES}{name}"),
            schema: SCHEMA,
            json: serde_json::json!(record).to_string(),
        },
        Document::File(name, None) => Op::Delete {
            key: format!("{FILES}{name}"),
        },
    }
}

// === impl Document ===

impl Document {
    /// The object that it is about.
    pub(crate) fn object_id(&self) -> Option<ObjectId> {
        match self {
            Document::Object(change) => Some(change.id()),
            Document::Counter(..) | Document::File(..) => None,
        }
    }
}

// === impl Counter ===

impl Counter {
    fn key(self) -> &'static str {
        match self {
            Counter::TunnelKey => "counter/tunnel_key",
        }
    }

    fn from_key(key: &str) -> Option<Self> {
        (key == Counter::TunnelKey.key()).then_some(Counter::TunnelKey)
    }
}

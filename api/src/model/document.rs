//! How the topology lies in the store: one document an object, under `KIND/ID`, the counters, and one for each
//! object that a topology file manages, under `file/NAME/KIND/ID`.
//!
//! No document grows with the topology: the store copies a document whenever one beside it changes.

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
    /// A topology file manages an object.
    Member {
        /// The file's name.
        file: String,
        /// The object.
        object: ObjectId,
        /// What the file calls it; `None`: it does not manage it any more.
        path: Option<String>,
    },
}

/// Below this key is what files manage.
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
    if let Some((file, object)) = member(&entry.key) {
        let path = serde_json::from_str(&entry.json).map_err(|error| content(error.to_string()))?;
        return Ok(Document::Member { file, object, path });
    }
    let object: Object =
        serde_json::from_str(&entry.json).map_err(|error| content(error.to_string()))?;
    if object.id().to_string() != entry.key {
        return Err(content(format!("it holds {}", object.id())));
    }
    Ok(Document::Object(Change::Put(object)))
}

/// The file and the object that a key is of.
fn member(key: &str) -> Option<(String, ObjectId)> {
    let (file, object) = key.strip_prefix(FILES)?.split_once('/')?;
    Some((file.to_owned(), object.parse().ok()?))
}

/// Reads what a watch tells.
pub(crate) fn read_change(change: &StoreChange) -> Result<Document, DocumentError> {
    match change {
        StoreChange::Put(entry) => read(entry),
        StoreChange::Deleted { key, .. } => {
            if let Some((file, object)) = member(key) {
                let path = None;
                return Ok(Document::Member { file, object, path });
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
        Document::Member { file, object, path } => {
            let key = format!("{FILES}{file}/{object}");
            match path {
                Some(path) => Op::Put {
                    key,
                    schema: SCHEMA,
                    json: serde_json::json!(path).to_string(),
                },
                None => Op::Delete { key },
            }
        }
    }
}

// === impl Document ===

impl Document {
    /// The object that it is about.
    pub(crate) fn object_id(&self) -> Option<ObjectId> {
        match self {
            Document::Object(change) => Some(change.id()),
            Document::Counter(..) | Document::Member { .. } => None,
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

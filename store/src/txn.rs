//! Documents, transactions and what a watch tells of them.

/// The number of a committed transaction. Each transaction with an operation counts up by one; 0 is
/// the empty store.
pub type Revision = u64;

/// A document with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// The revision that wrote it last.
    pub revision: Revision,
    /// Version of the document's form.
    pub schema: u32,
    /// The document, JSON text.
    pub json: String,
}

/// Documents as of one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The newest revision at that moment.
    pub revision: Revision,
    /// In the order of keys.
    pub entries: Vec<Entry>,
}

/// A transaction. Its operations happen together if all that it expects holds, else none does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// When given, the newest revision must be this: what was read is still all true.
    pub base: Option<Revision>,
    /// What must hold of single keys.
    pub compare: Vec<(String, Expect)>,
    /// What to do, at most one operation a key.
    pub ops: Vec<Op>,
}

/// What must hold of a key for a transaction to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There is no document.
    Absent,
    /// The document was last written by this revision.
    At(Revision),
}

/// A change of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Write a document.
    Put {
        /// Its key.
        key: String,
        /// Version of the document's form.
        schema: u32,
        /// JSON text.
        json: String,
    },
    /// Remove a document; nothing happens when there is none.
    Delete {
        /// Its key.
        key: String,
    },
}

/// Changes that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The revision that the store has with them.
    pub revision: Revision,
    /// At most one a key, in the order of keys.
    pub changes: Vec<Change>,
}

/// What became of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is now this.
    Put(Entry),
    /// It is no more.
    Deleted {
        /// Its key.
        key: String,
        /// The revision that removed it.
        revision: Revision,
    },
}

// === impl Op ===

impl Op {
    /// The key that it is about.
    pub fn key(&self) -> &str {
        match self {
            Op::Put { key, .. } | Op::Delete { key } => key,
        }
    }
}

// === impl Change ===

impl Change {
    /// The key that it is about.
    pub fn key(&self) -> &str {
        match self {
            Change::Put(entry) => &entry.key,
            Change::Deleted { key, .. } => key,
        }
    }

    /// The revision that made it.
    pub fn revision(&self) -> Revision {
        match self {
            Change::Put(entry) => entry.revision,
            Change::Deleted { revision, .. } => *revision,
        }
    }
}

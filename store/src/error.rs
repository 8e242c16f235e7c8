//! What can go wrong with a store.

use std::path::PathBuf;

use crate::txn::Revision;

/// Why a store could not be opened. Nothing was written to the file.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "cannot open the store {}: another process has it open; one file serves one process: stop that \
         one, or use another file",
        path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file's content is not what was written last, or was never a store.
    #[error(
        "cannot open the store {}: the file is damaged or is no store ({problem}); it was left as it \
         is: put a copy of it back, or move it away to begin with an empty topology",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// The file was written by another version of this program.
    #[error(
        "cannot open the store {}: it has format {found}, this program reads format {known}",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The one that is known here.
        known: u64,
    },
    /// The file system refused.
    #[error("cannot {attempt} {}: {error}", path.display())]
    Io {
        /// What was attempted: `open the store`, `make the folder`, …
        attempt: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// A store that is open could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store failed while {attempt}: {problem}")]
pub struct StoreError {
    /// What was attempted.
    pub attempt: &'static str,
    /// What kind of failure it is.
    pub fault: Fault,
    /// What the backend said.
    pub problem: String,
}

/// Kinds of failure of a store that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its disk has no room. Of a transaction it is known that nothing of it was kept.
    DiskFull,
    /// Another one.
    Other,
}

/// Why a transaction did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Something that it expected did not hold.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// It has two operations for one key, or a key that no store takes.
    #[error("the transaction is malformed at key '{key}': {problem}")]
    Malformed {
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Whether it happened is not known; after the store has been opened again the watch tells.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a transaction expected in vain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The newest revision is another than its base.
    #[error("the store is at revision {newest}, not at {base}")]
    Moved {
        /// The transaction's base.
        base: Revision,
        /// The newest revision.
        newest: Revision,
    },
    /// A key's document was expected to be absent and is there.
    #[error("'{key}' exists, written by revision {found}")]
    Exists {
        /// The key.
        key: String,
        /// The revision that wrote it.
        found: Revision,
    },
    /// A key's document was written by another revision, or is gone.
    #[error("'{key}' is not as revision {expected} wrote it")]
    Changed {
        /// The key.
        key: String,
        /// The revision expected.
        expected: Revision,
        /// The revision found; absent: no document.
        found: Option<Revision>,
    },
}

/// Why a watch ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The changes after that revision are no longer, or not yet, known: list anew.
    #[error(
        "changes after revision {after} are not known: the log reaches from {oldest} to {newest}"
    )]
    Compacted {
        /// The revision asked for.
        after: Revision,
        /// The oldest revision in the log.
        oldest: Revision,
        /// The newest.
        newest: Revision,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

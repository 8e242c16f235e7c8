//! Opening the file, or making a new one.
//!
//! Races and their answers:
//! - Power fails while a new file is being made: it is made under another name, made durable, and
//!   then linked to its own; so a file under that name is always a whole store.
//! - Two processes make the file at once: the link of the second fails; it opens the first one's file
//!   and is told that it is in use.
//! - A damaged file must not get worse: it is checked page by page, and nothing is written before all of it was
//!   found good ([`super::careful`]). The database library asserts in places where such a file surprises
//!   it, so its panics are caught.

use std::fs::File;
use std::io::ErrorKind;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, StorageError};

use super::careful::Careful;
use super::tables::{self, FORMAT, Head};
use crate::error::OpenError;

/// Memory that the database may use for pages, in bytes. The service has the topology in memory
/// anyway.
const CACHE: usize = 32 << 20;

const OPEN: &str = "open the store";

/// Opens the file at `path`, or makes a new one with its folder.
pub(super) fn open(path: &Path) -> Result<(Database, Head), OpenError> {
    if !path.try_exists().map_err(|error| io(OPEN, path, error))? {
        make(path)?;
    }
    let file = File::options().read(true).write(true).open(path);
    let file = file.map_err(|error| io(OPEN, path, error))?;
    let length = file
        .metadata()
        .map_err(|error| io(OPEN, path, error))?
        .len();
    if length == 0 {
        // The library would make a new database of it.
        return Err(damaged(path, "it is empty"));
    }
    let backend = FileBackend::new(file).map_err(|error| refused(path, error))?;
    let careful = Careful::new(backend).map_err(|error| io(OPEN, path, error))?;
    let opened = checked(path, || {
        Builder::new()
            .set_cache_size(CACHE)
            .set_check_integrity_on_open(true)
            .create_with_backend(careful.clone())
    })?;
    careful.settle().map_err(|error| io(OPEN, path, error))?;
    Ok(opened)
}

/// Opens a database by `opener`, and reads what it says of itself.
pub(super) fn checked(
    path: &Path,
    opener: impl FnOnce() -> Result<Database, DatabaseError>,
) -> Result<(Database, Head), OpenError> {
    let opened = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let db = opener().map_err(|error| refused(path, error))?;
        let head = tables::head(&db).map_err(|error| damaged(path, error))?;
        Ok((db, head))
    }));
    let (db, head) = opened.unwrap_or_else(|_| Err(damaged(path, "its pages contradict")))?;
    if head.format != FORMAT {
        return Err(OpenError::Format {
            path: path.to_owned(),
            found: head.format,
            known: FORMAT,
        });
    }
    Ok((db, head))
}

fn make(path: &Path) -> Result<(), OpenError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    std::fs::create_dir_all(&folder).map_err(|error| io("make the folder", &folder, error))?;
    let new = tempfile::Builder::new()
        .prefix(".topology-")
        .tempfile_in(&folder)
        .map_err(|error| io("make a file in", &folder, error))?;
    let db = Builder::new()
        .set_cache_size(CACHE)
        .create(new.path())
        .map_err(|error| refused(path, error))?;
    tables::create(&db, &uuid::Uuid::new_v4().to_string()).map_err(|error| damaged(path, error))?;
    drop(db);
    match new.persist_noclobber(path) {
        Ok(file) => file.sync_all(),
        Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(failed) => Err(failed.error),
    }
    .and_then(|()| File::open(&folder)?.sync_all())
    .map_err(|error| io("make the store", path, error))
}

fn refused(path: &Path, error: DatabaseError) -> OpenError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            OpenError::Locked {
                path: path.to_owned(),
            }
        }
        DatabaseError::Storage(StorageError::Io(error))
            if !matches!(
                error.kind(),
                ErrorKind::InvalidData | ErrorKind::UnexpectedEof
            ) =>
        {
            io(OPEN, path, error)
        }
        other => damaged(path, other),
    }
}

fn damaged(path: &Path, problem: impl ToString) -> OpenError {
    OpenError::Damaged {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}

fn io(attempt: &'static str, path: &Path, error: std::io::Error) -> OpenError {
    OpenError::Io {
        attempt,
        path: path.to_owned(),
        error,
    }
}

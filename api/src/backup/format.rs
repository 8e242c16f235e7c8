//! The text of a backup: what is promised of it is in [`weft_wire::backup`].

use sha2::{Digest, Sha256};
use weft_store::{Entry, Listing};
use weft_wire::backup::{FORMAT, Header, Line, Trailer};

use crate::model::document::{self, Document, DocumentError};

/// A backup that is whole and understood.
#[derive(Clone, Debug)]
pub(crate) struct Backup {
    pub(crate) header: Header,
    pub(crate) documents: Vec<Document>,
}

/// Why a text is no backup that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// It does not begin as one.
    #[error("this is no backup of weft: its first line is not one's")]
    Foreign,
    /// A newer program wrote it.
    #[error(
        "the backup was made by weft {version} in form {found}, this service reads up to {FORMAT}: \
         update weft-api first"
    )]
    Newer {
        /// The writer's version.
        version: String,
        /// The form.
        found: u32,
    },
    /// It is not what was written.
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    /// A document in it is not understood.
    #[error("the backup cannot be used: {0}")]
    Document(#[from] DocumentError),
}

/// The text of a store's documents.
pub(crate) fn write(listing: &Listing, store: &str, taken: u64) -> Vec<u8> {
    let header = Header {
        weft_backup: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        store: store.to_owned(),
        revision: listing.revision,
        documents: listing.entries.len() as u64,
        taken,
    };
    let mut text = line(&header);
    for entry in &listing.entries {
        text.extend(line(&Line {
            key: entry.key.clone(),
            schema: entry.schema,
            json: entry.json.clone(),
        }));
    }
    let sha256 = hex(&text);
    text.extend(line(&Trailer { sha256 }));
    text
}

/// Reads a text, or says why not.
pub(crate) fn read(text: &[u8]) -> Result<Backup, BackupError> {
    let damaged = |problem: &str| BackupError::Damaged(problem.to_owned());
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Ok(begin) = serde_json::from_slice::<serde_json::Value>(first) else {
        return Err(BackupError::Foreign);
    };
    let Some(found) = begin["weftBackup"].as_u64() else {
        return Err(BackupError::Foreign);
    };
    if found != u64::from(FORMAT) {
        return Err(BackupError::Newer {
            version: begin["version"].as_str().unwrap_or("?").to_owned(),
            found: u32::try_from(found).unwrap_or(u32::MAX),
        });
    }
    let whole = text
        .strip_suffix(b"\n")
        .ok_or_else(|| damaged("its end is missing"))?;
    let last = whole.iter().rposition(|byte| *byte == b'\n');
    let (body, last) = whole.split_at(last.map_or(0, |place| place + 1));
    let Ok(Trailer { sha256 }) = serde_json::from_slice(last) else {
        return Err(damaged("its end is missing"));
    };
    if sha256 != hex(body) {
        return Err(damaged(
            "its checksum is wrong: it was changed, or did not arrive whole",
        ));
    }
    // From here on it is what a program wrote.
    let header: Header = serde_json::from_value(begin)
        .map_err(|error| BackupError::Damaged(format!("its first line: {error}")))?;
    let lines = body.split(|byte| *byte == b'\n').skip(1);
    let documents = lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let line: Line = serde_json::from_slice(line)
                .map_err(|error| BackupError::Damaged(format!("a line: {error}")))?;
            let entry = Entry {
                key: line.key,
                revision: header.revision,
                schema: line.schema,
                json: line.json,
            };
            Ok(document::read(&entry)?)
        })
        .collect::<Result<Vec<Document>, BackupError>>()?;
    if documents.len() as u64 != header.documents {
        return Err(damaged("it has another number of documents than it says"));
    }
    Ok(Backup { header, documents })
}

/// Lines with the sum over them.
#[cfg(any(test, fuzzing))]
pub(crate) fn with_sum(lines: &[u8]) -> Vec<u8> {
    let mut text = lines.to_vec();
    text.push(b'\n');
    let sha256 = hex(&text);
    text.extend(line(&Trailer { sha256 }));
    text
}

fn line(value: &impl serde::Serialize) -> Vec<u8> {
    let mut line = serde_json::json!(value).to_string().into_bytes();
    line.push(b'\n');
    line
}

fn hex(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

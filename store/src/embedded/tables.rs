//! The tables of the file.
//!
//! | table | key → value |
//! |---|---|
//! | objects | key → (revision, schema, JSON) |
//! | log | revision → the keys that it changed, as a JSON array |
//! | meta | name → text: `format`, `id` |
//!
//! The log's last row is the newest revision, so it cannot disagree with one written elsewhere. Rows
//! older than the log's length are removed by the transaction that makes them so.

use redb::{
    ReadTransaction, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction,
};

use crate::error::{CommitError, Conflict, WatchError};
use crate::txn::{Batch, Change, Entry, Expect, Listing, Op, Revision, Txn};

const OBJECTS: TableDefinition<&str, (Revision, u32, &str)> = TableDefinition::new("objects");
const LOG: TableDefinition<Revision, &str> = TableDefinition::new("log");
const META: TableDefinition<&str, &str> = TableDefinition::new("meta");

/// The format of the file that this program writes.
pub(super) const FORMAT: u64 = 1;

/// What a file says of itself.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) format: u64,
    pub(super) id: String,
    pub(super) newest: Revision,
}

/// Makes the tables of a new store.
pub(super) fn create(db: &redb::Database, id: &str) -> Result<(), redb::Error> {
    let txn = begin_write(db)?;
    {
        txn.open_table(OBJECTS)?;
        txn.open_table(LOG)?;
        let mut meta = txn.open_table(META)?;
        meta.insert("format", FORMAT.to_string().as_str())?;
        meta.insert("id", id)?;
    }
    Ok(txn.commit()?)
}

/// Reads what a file says of itself; its `format` is 0 when it says nothing.
pub(super) fn head(db: &redb::Database) -> Result<Head, redb::Error> {
    let txn = db.begin_read()?;
    let meta = txn.open_table(META)?;
    let text = |name| -> Result<String, redb::Error> {
        Ok(meta
            .get(name)?
            .map(|value| value.value().to_owned())
            .unwrap_or_default())
    };
    Ok(Head {
        format: text("format")?.parse().unwrap_or(0),
        id: text("id")?,
        newest: newest(&txn)?,
    })
}

/// Begins a transaction whose commit is durable and which a damaged file cannot make to look as if
/// it had never been: in two phases, so that the older state is never taken for the newer.
pub(super) fn begin_write(db: &redb::Database) -> Result<WriteTransaction, redb::Error> {
    let mut txn = db.begin_write()?;
    txn.set_two_phase_commit(true);
    Ok(txn)
}

fn newest(txn: &ReadTransaction) -> Result<Revision, redb::Error> {
    Ok(txn.open_table(LOG)?.last()?.map_or(0, |row| row.0.value()))
}

/// A document.
pub(super) fn get(db: &redb::Database, key: &str) -> Result<Option<Entry>, redb::Error> {
    let objects = db.begin_read()?.open_table(OBJECTS)?;
    Ok(objects.get(key)?.map(|row| entry(key, row.value())))
}

/// The documents under a prefix.
pub(super) fn list(db: &redb::Database, prefix: &str) -> Result<Listing, redb::Error> {
    let txn = db.begin_read()?;
    let mut entries = Vec::new();
    for row in txn.open_table(OBJECTS)?.range(prefix..)? {
        let (key, value) = row?;
        if !key.value().starts_with(prefix) {
            break;
        }
        entries.push(entry(key.value(), value.value()));
    }
    Ok(Listing {
        revision: newest(&txn)?,
        entries,
    })
}

/// What changed after a revision, merged into one batch; `None` when nothing did.
pub(super) fn changes(
    db: &redb::Database,
    after: Revision,
) -> Result<Result<Option<Batch>, WatchError>, redb::Error> {
    let txn = db.begin_read()?;
    let log = txn.open_table(LOG)?;
    let newest = log.last()?.map_or(0, |row| row.0.value());
    let oldest = log.first()?.map_or(0, |row| row.0.value());
    if after > newest || after.saturating_add(1) < oldest {
        return Ok(Err(WatchError::Compacted {
            after,
            oldest,
            newest,
        }));
    }
    if after == newest {
        return Ok(Ok(None));
    }
    let mut changed = std::collections::BTreeMap::new();
    for row in log.range(after + 1..)? {
        let (revision, keys) = row?;
        for key in parse_keys(keys.value())? {
            changed.insert(key, revision.value());
        }
    }
    let objects = txn.open_table(OBJECTS)?;
    let changes = changed
        .into_iter()
        .map(|(key, revision)| {
            Ok(match objects.get(key.as_str())? {
                Some(row) => Change::Put(entry(&key, row.value())),
                None => Change::Deleted { key, revision },
            })
        })
        .collect::<Result<_, redb::Error>>()?;
    Ok(Ok(Some(Batch {
        revision: newest,
        changes,
    })))
}

fn entry(key: &str, (revision, schema, json): (Revision, u32, &str)) -> Entry {
    Entry {
        key: key.to_owned(),
        revision,
        schema,
        json: json.to_owned(),
    }
}

fn parse_keys(text: &str) -> Result<Vec<String>, redb::Error> {
    serde_json::from_str(text)
        .map_err(|error| redb::Error::Corrupted(format!("a row of the log: {error}")))
}

/// The tables, open for writing. Several transactions may be applied, one after another, before all
/// of them are committed at once.
pub(super) struct Writing<'t> {
    objects: Table<'t, &'static str, (Revision, u32, &'static str)>,
    log: Table<'t, Revision, &'static str>,
    newest: Revision,
    log_length: u64,
}

impl<'t> Writing<'t> {
    pub(super) fn open(txn: &'t WriteTransaction, log_length: u64) -> Result<Self, redb::Error> {
        let log = txn.open_table(LOG)?;
        let newest = log.last()?.map_or(0, |row| row.0.value());
        Ok(Self {
            objects: txn.open_table(OBJECTS)?,
            log,
            newest,
            log_length,
        })
    }

    pub(super) fn newest(&self) -> Revision {
        self.newest
    }

    /// Applies a transaction, or nothing of it where the inner result is an error.
    pub(super) fn apply(
        &mut self,
        txn: &Txn,
    ) -> Result<Result<Revision, CommitError>, redb::Error> {
        if let Err(error) = check_keys(txn) {
            return Ok(Err(error));
        }
        if let Some(conflict) = self.conflict(txn)? {
            return Ok(Err(conflict.into()));
        }
        if txn.ops.is_empty() {
            return Ok(Ok(self.newest));
        }
        let revision = self.newest + 1;
        for op in &txn.ops {
            match op {
                Op::Put { key, schema, json } => {
                    self.objects
                        .insert(key.as_str(), (revision, *schema, json.as_str()))?;
                }
                Op::Delete { key } => {
                    self.objects.remove(key.as_str())?;
                }
            }
        }
        let keys: Vec<&str> = txn.ops.iter().map(Op::key).collect();
        self.log
            .insert(revision, serde_json::json!(keys).to_string().as_str())?;
        self.newest = revision;
        self.trim()?;
        Ok(Ok(revision))
    }

    fn conflict(&self, txn: &Txn) -> Result<Option<Conflict>, redb::Error> {
        if let Some(base) = txn.base
            && base != self.newest
        {
            let newest = self.newest;
            return Ok(Some(Conflict::Moved { base, newest }));
        }
        for (key, expect) in &txn.compare {
            let found = self.objects.get(key.as_str())?.map(|row| row.value().0);
            let key = key.clone();
            match (*expect, found) {
                (Expect::Absent, Some(found)) => return Ok(Some(Conflict::Exists { key, found })),
                (Expect::At(expected), found) if found != Some(expected) => {
                    return Ok(Some(Conflict::Changed {
                        key,
                        expected,
                        found,
                    }));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn trim(&mut self) -> Result<(), redb::Error> {
        loop {
            let oldest = self.log.first()?.map(|row| row.0.value());
            match oldest {
                Some(oldest) if oldest + self.log_length <= self.newest => {
                    self.log.pop_first()?;
                }
                _ => return Ok(()),
            }
        }
    }
}

fn check_keys(txn: &Txn) -> Result<(), CommitError> {
    let mut seen = std::collections::BTreeSet::new();
    for op in &txn.ops {
        let key = op.key();
        let problem = if key.is_empty() {
            "it is empty"
        } else if !seen.insert(key) {
            "it has two operations"
        } else {
            continue;
        };
        return Err(CommitError::Malformed {
            key: key.to_owned(),
            problem,
        });
    }
    Ok(())
}

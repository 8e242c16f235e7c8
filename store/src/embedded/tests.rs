//! The embedded store on a disk that forgets what was not synced, and on one that fails.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures::StreamExt;
use proptest::prelude::*;
use redb::{Builder, StorageBackend};

use super::{Embedded, Options, file, tables};
use crate::conformance::{delete, put, txn};
use crate::{CommitError, OpenError, Store, Txn};

/// A disk. Clones are the same disk.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    /// What survives when the plug is pulled.
    durable: Vec<u8>,
    /// What a reader sees.
    seen: Vec<u8>,
    /// What was written since the last sync.
    pending: Vec<Write>,
    /// Writes and syncs so far.
    operations: u64,
    /// What to do at which operation.
    plan: Option<(u64, Plan)>,
    image: Option<Image>,
    failing: bool,
}

#[derive(Clone, Debug)]
enum Write {
    Bytes(usize, Vec<u8>),
    Length(usize),
}

#[derive(Clone, Debug)]
enum Plan {
    /// Keep an image of what the disk would have, were the plug pulled. Bits say what of the pending
    /// writes had reached it.
    PullPlug(Vec<bool>, Arc<AtomicU64>),
    /// Refuse writes and syncs from now on.
    Fail,
}

/// A disk after the plug was pulled.
#[derive(Debug)]
struct Image {
    bytes: Vec<u8>,
    /// Transactions that had been acknowledged by then.
    acknowledged: u64,
}

const SECTOR: usize = 512;

impl Disk {
    fn with(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Content {
            durable: bytes.clone(),
            seen: bytes,
            ..Content::default()
        })))
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap()
    }

    /// Plans for the operation that is so many away.
    fn plan(&self, after: u64, plan: Plan) {
        let mut content = self.content();
        content.plan = Some((content.operations + after, plan));
    }

    fn open(&self) -> Result<Embedded, OpenError> {
        let disk = self.clone();
        let opener = move || {
            file::checked(Path::new("disk"), || {
                let new = disk.content().seen.is_empty();
                let db = Builder::new().create_with_backend(disk.clone())?;
                if new {
                    tables::create(&db, "a store").expect("a new store");
                }
                Ok(db)
            })
        };
        Embedded::open_by(Box::new(opener), &Options::default())
    }
}

impl Content {
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        if let Some((at, plan)) = self.plan.clone()
            && self.operations >= at
        {
            self.plan = None;
            match plan {
                Plan::PullPlug(bits, acknowledged) => {
                    self.image = Some(Image {
                        bytes: self.pulled(&bits),
                        acknowledged: acknowledged.load(Ordering::SeqCst),
                    });
                }
                Plan::Fail => self.failing = true,
            }
        }
        if self.failing {
            return Err(io::Error::other("the disk fails"));
        }
        Ok(())
    }

    /// The durable bytes with those pending writes that reached the disk, sector by sector.
    fn pulled(&self, bits: &[bool]) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let mut bits = bits.iter().cycle();
        let mut reached = || *bits.next().unwrap();
        for write in &self.pending {
            match write {
                Write::Length(length) if reached() => bytes.resize(*length, 0),
                Write::Length(_) => {}
                Write::Bytes(offset, data) => {
                    for (n, sector) in data.chunks(SECTOR).enumerate() {
                        if reached() {
                            write_at(&mut bytes, offset + n * SECTOR, sector);
                        }
                    }
                }
            }
        }
        bytes
    }
}

fn write_at(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}

fn size(n: u64) -> usize {
    usize::try_from(n).unwrap()
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.content().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let content = self.content();
        let start = size(offset);
        let found = content.seen.get(start..start + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut content = self.content();
        content.operate()?;
        content.seen.resize(size(length), 0);
        content.pending.push(Write::Length(size(length)));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut content = self.content();
        content.operate()?;
        content.durable = content.seen.clone();
        content.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut content = self.content();
        content.operate()?;
        write_at(&mut content.seen, size(offset), data);
        content
            .pending
            .push(Write::Bytes(size(offset), data.to_vec()));
        Ok(())
    }
}

type Documents = BTreeMap<String, String>;

/// Every transaction writes several documents, and removes one now and then.
fn transaction(n: u64) -> Txn {
    let json = format!("\"{n}{}\"", "x".repeat(size(n * 53 % 700)));
    let mut ops = vec![
        put(&format!("a{}", n % 11), &json),
        put(&format!("b{}", n % 5), &json),
    ];
    if n.is_multiple_of(3) {
        ops.push(delete(&format!("c{}", n % 4)));
    } else {
        ops.push(put(&format!("c{}", n % 4), &json));
    }
    txn(ops)
}

/// The documents after the first `count` transactions.
fn documents_after(count: u64) -> Documents {
    let mut documents = Documents::new();
    for op in (1..=count).flat_map(|n| transaction(n).ops) {
        match op {
            crate::Op::Put { key, json, .. } => documents.insert(key, json),
            crate::Op::Delete { key } => documents.remove(&key),
        };
    }
    documents
}

async fn documents_of(store: &Embedded) -> (u64, Documents) {
    let listing = store.list("").await.unwrap();
    let documents = listing
        .entries
        .into_iter()
        .map(|entry| (entry.key, entry.json));
    (listing.revision, documents.collect())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever part of the unsynced writes had reached the disk: every transaction that had been
    /// acknowledged is there, and none by half.
    #[test]
    fn a_pulled_plug_takes_nothing_that_was_acknowledged(
        after in 0..400u64,
        bits in prop::collection::vec(any::<bool>(), 1..64),
        at_once in 1..12u64,
    ) {
        let disk = Disk::default();
        let store = disk.open().unwrap();
        let acknowledged = Arc::new(AtomicU64::new(0));
        disk.plan(after, Plan::PullPlug(bits.clone(), acknowledged.clone()));
        block_on(async {
            let mut n = 0;
            while disk.content().image.is_none() && n < 1_000 {
                let waiting: Vec<_> = (0..at_once).map(|_| {
                    n += 1;
                    store.commit(transaction(n))
                }).collect();
                for answer in waiting {
                    acknowledged.fetch_max(answer.await.unwrap(), Ordering::SeqCst);
                }
            }
        });
        let image = disk.content().image.take();
        let image = image.unwrap_or_else(|| Image {
            bytes: disk.content().pulled(&bits),
            acknowledged: acknowledged.load(Ordering::SeqCst),
        });
        drop(store);

        let survivor = Disk::with(image.bytes).open().unwrap();
        let (revision, documents) = block_on(documents_of(&survivor));
        prop_assert!(revision >= image.acknowledged, "{revision} of {}", image.acknowledged);
        prop_assert_eq!(documents, documents_after(revision));
    }

    /// A disk that fails makes a transaction fail in words; when it works again, so does the store,
    /// and it has all that was acknowledged and no half transaction.
    #[test]
    fn a_failing_disk_is_survived(after in 0..60u64) {
        let disk = Disk::default();
        let store = disk.open().unwrap();
        block_on(async {
            disk.plan(after, Plan::Fail);
            let mut n = 0;
            let failed = loop {
                n += 1;
                assert!(n < 1_000, "the disk does not fail");
                match store.commit(transaction(n)).await {
                    Ok(revision) => assert_eq!(revision, n),
                    Err(failed) => break failed,
                }
            };
            assert!(matches!(failed, CommitError::Store(_)), "{failed}");
            assert!(matches!(store.commit(transaction(n)).await, Err(CommitError::Store(_))));
            disk.content().failing = false;

            // It finds the file closed, and opens it.
            let revision = store.commit(Txn::default()).await.unwrap();
            assert_eq!(store.newest(), revision);
            assert!(revision + 1 >= n, "{revision} of {n}: an acknowledged transaction is gone");
            assert_eq!(documents_of(&store).await, (revision, documents_after(revision)));

            for n in revision + 1..=revision + 5 {
                assert_eq!(store.commit(transaction(n)).await, Ok(n));
            }
            assert_eq!(documents_of(&store).await.1, documents_after(revision + 5));
            let told = store.watch(0).next().await.unwrap().unwrap();
            assert_eq!(told.revision, revision + 5);
        });
    }
}

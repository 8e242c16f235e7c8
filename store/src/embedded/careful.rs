//! A file that is not written to before it is known to be a whole store.
//!
//! A store whose process was killed is repaired as it is opened, and the repair begins to write before it has read
//! all: a file that turns out to be damaged would have been changed by then. So writes are held back, and what is
//! read has them; once the store is open they are made, in their order.
//!
//! Race: power fails while they are made. It is as if it had failed during the repair: order and syncs are the same.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

/// What is written is kept in pieces of so many bytes.
const BLOCK: usize = 4096;

/// The file. Clones are the same file.
#[derive(Clone, Debug)]
pub(super) struct Careful(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: FileBackend,
    /// `None` from when the writes are made as they come.
    held: Mutex<Option<Held>>,
}

/// Writes that are held back.
#[derive(Debug)]
struct Held {
    length: u64,
    log: Vec<Write>,
    /// What is read instead of the file, by the number of its block.
    blocks: BTreeMap<u64, Vec<u8>>,
}

#[derive(Debug)]
enum Write {
    Bytes(u64, Vec<u8>),
    Length(u64),
    Sync,
}

impl Careful {
    /// Nothing is written to `file` until [`Careful::settle`].
    pub(super) fn new(file: FileBackend) -> io::Result<Self> {
        let held = Held {
            length: file.len()?,
            log: Vec::new(),
            blocks: BTreeMap::new(),
        };
        Ok(Self(Arc::new(Inner {
            file,
            held: Mutex::new(Some(held)),
        })))
    }

    /// Makes the writes that were held back, and all others from now on as they come.
    pub(super) fn settle(&self) -> io::Result<()> {
        let mut held = self.held();
        for write in held.take().into_iter().flat_map(|held| held.log) {
            match write {
                Write::Bytes(offset, data) => self.0.file.write(offset, &data)?,
                Write::Length(length) => self.0.file.set_len(length)?,
                Write::Sync => self.0.file.sync_data()?,
            }
        }
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn write(&mut self, file: &FileBackend, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut done = 0;
        while let Some(rest) = data.get(done..).filter(|rest| !rest.is_empty()) {
            let (number, within) = place(offset + done as u64);
            let block = self.block(file, number)?;
            let room = block.get_mut(within..).unwrap_or_default();
            let count = room.len().min(rest.len());
            for (to, from) in room.iter_mut().zip(rest) {
                *to = *from;
            }
            done += count;
        }
        self.log.push(Write::Bytes(offset, data.to_owned()));
        Ok(())
    }

    /// A block as it is by now.
    fn block(&mut self, file: &FileBackend, number: u64) -> io::Result<&mut Vec<u8>> {
        use std::collections::btree_map::Entry;
        match self.blocks.entry(number) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(fresh) => {
                let mut block = vec![0; BLOCK];
                read_file(file, number * BLOCK as u64, &mut block)?;
                Ok(fresh.insert(block))
            }
        }
    }

    fn read(&self, file: &FileBackend, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if offset.saturating_add(out.len() as u64) > self.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        read_file(file, offset, out)?;
        let mut done = 0;
        while done < out.len() {
            let (number, within) = place(offset + done as u64);
            let count = (BLOCK - within).min(out.len() - done);
            let known = self
                .blocks
                .get(&number)
                .and_then(|block| block.get(within..within + count));
            if let (Some(known), Some(to)) = (known, out.get_mut(done..done + count)) {
                to.copy_from_slice(known);
            }
            done += count;
        }
        Ok(())
    }

    fn set_len(&mut self, length: u64) {
        let (number, within) = place(length);
        // What lies behind the end is zero if it ever comes back.
        self.blocks.split_off(&(number + 1));
        if let Some(rest) = self
            .blocks
            .get_mut(&number)
            .and_then(|block| block.get_mut(within..))
        {
            rest.fill(0);
        }
        self.length = length;
        self.log.push(Write::Length(length));
    }
}

/// The block of an offset, and where in it.
fn place(offset: u64) -> (u64, usize) {
    let block = BLOCK as u64;
    (
        offset / block,
        usize::try_from(offset % block).unwrap_or_default(),
    )
}

/// Reads what the file has; behind its end there are zeros.
fn read_file(file: &FileBackend, offset: u64, out: &mut [u8]) -> io::Result<()> {
    out.fill(0);
    let there = file.len()?.saturating_sub(offset);
    let count = usize::try_from(there).unwrap_or(usize::MAX).min(out.len());
    match out.get_mut(..count) {
        Some(part) if count > 0 => file.read(offset, part),
        _ => Ok(()),
    }
}

impl StorageBackend for Careful {
    fn len(&self) -> io::Result<u64> {
        match &*self.held() {
            Some(held) => Ok(held.length),
            None => self.0.file.len(),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let held = self.held();
        match &*held {
            Some(held) => held.read(&self.0.file, offset, out),
            None => {
                // Reads of several threads are not put in an order.
                drop(held);
                self.0.file.read(offset, out)
            }
        }
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        match &mut *self.held() {
            Some(held) => {
                held.set_len(length);
                Ok(())
            }
            None => self.0.file.set_len(length),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut held = self.held();
        match &mut *held {
            Some(held) => {
                held.log.push(Write::Sync);
                Ok(())
            }
            None => {
                drop(held);
                self.0.file.sync_data()
            }
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut held = self.held();
        match &mut *held {
            Some(held) => held.write(&self.0.file, offset, data),
            None => {
                drop(held);
                self.0.file.write(offset, data)
            }
        }
    }

    fn close(&self) -> io::Result<()> {
        self.0.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.unlock_range(start, end)
    }
}

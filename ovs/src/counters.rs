//! Counts of writes, one cell a handle, so that threads share no cache line.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::datapath::Writes;

/// A handle's own count, and the way to the others'.
#[derive(Debug)]
pub(crate) struct Counters {
    own: Arc<Cell>,
    /// Those of all handles that there ever were; locked to fork and to read.
    all: Arc<Mutex<Vec<Arc<Cell>>>>,
}

/// One handle's count. Only that handle writes it.
#[derive(Default, Debug)]
#[repr(align(128))]
pub(crate) struct Cell {
    pub(crate) puts: Count,
    pub(crate) set_actions: Count,
    pub(crate) deletes: Count,
    pub(crate) executes: Count,
    pub(crate) ports: Count,
    pub(crate) datapath: Count,
    pub(crate) batches: Count,
}

/// A number that one thread raises and others may read.
#[derive(Default, Debug)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(crate) fn new() -> Self {
        let own = Arc::new(Cell::default());
        Self {
            all: Arc::new(Mutex::new(vec![own.clone()])),
            own,
        }
    }

    /// Counts for another handle.
    pub(crate) fn fork(&self) -> Self {
        let own = Arc::new(Cell::default());
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(own.clone());
        drop(all);
        Self {
            own,
            all: self.all.clone(),
        }
    }

    /// This handle's own.
    pub(crate) fn own(&self) -> &Cell {
        &self.own
    }

    /// All handles' together.
    pub(crate) fn sum(&self) -> Writes {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = |count: fn(&Cell) -> &Count| all.iter().map(|cell| count(cell).get()).sum();
        Writes {
            puts: sum(|cell| &cell.puts),
            set_actions: sum(|cell| &cell.set_actions),
            deletes: sum(|cell| &cell.deletes),
            executes: sum(|cell| &cell.executes),
            ports: sum(|cell| &cell.ports),
            datapath: sum(|cell| &cell.datapath),
            batches: sum(|cell| &cell.batches),
        }
    }
}

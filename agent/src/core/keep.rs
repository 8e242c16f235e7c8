//! Writes what was counted to disk now and again, beside the core's thread ([`crate::accounts`]).
//!
//! Races:
//! - *A write is under way when the next is due*: that one is left out.
//! - *A disk that hangs, or workers that do not answer, at the end*: they are waited for half a second.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use tokio::runtime::Handle;
use weft_topology::id::PortId;

use crate::accounts::Accounts;
use crate::hot::Hot;

/// Between two writes.
const PERIOD: Duration = Duration::from_secs(5);
/// The last write is waited for so long.
const FAREWELL: Duration = Duration::from_millis(500);

/// What keeps the counters.
#[derive(Debug)]
pub(super) struct Keeper {
    starts: u64,
    next: Instant,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state_dir: PathBuf,
    is_busy: AtomicBool,
    /// The last write failed, and that was said.
    complained: AtomicBool,
    /// What is on disk.
    last: Mutex<Vec<u8>>,
}

impl Keeper {
    /// Notes that the agent is started. What was counted before stays as it is.
    pub(super) fn begin(state_dir: &Path, earlier: &Accounts) -> Self {
        let keeper = Self {
            starts: earlier.starts + 1,
            next: Instant::now() + PERIOD,
            shared: Arc::new(Shared {
                state_dir: state_dir.to_owned(),
                is_busy: AtomicBool::new(false),
                complained: AtomicBool::new(false),
                last: Mutex::default(),
            }),
        };
        let known = earlier.drops.keys().filter_map(|(port, _)| *port).collect();
        let noted = Accounts {
            starts: keeper.starts,
            ..earlier.clone()
        };
        keeper.shared.write(noted, &known);
        keeper
    }

    /// How often the agent was started, this time included.
    pub(super) fn starts(&self) -> u64 {
        self.starts
    }

    /// Whether it is time to write.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// Writes, beside the calling thread.
    pub(super) fn save(&mut self, runtime: &Handle, hot: &Arc<dyn Hot>, known: BTreeSet<PortId>) {
        self.next = Instant::now() + PERIOD;
        let (shared, hot, starts) = (self.shared.clone(), hot.clone(), self.starts);
        if shared.is_busy.swap(true, Ordering::AcqRel) {
            return;
        }
        runtime.spawn_blocking(move || {
            // Workers that do not answer are noticed elsewhere.
            if let Ok(accounts) = hot.accounts() {
                shared.write(Accounts { starts, ..accounts }, &known);
            }
            shared.is_busy.store(false, Ordering::Release);
        });
    }

    /// Writes once more, and waits for it.
    pub(super) fn save_at_the_end(
        &mut self,
        runtime: &Handle,
        hot: &Arc<dyn Hot>,
        known: BTreeSet<PortId>,
    ) {
        let (shared, hot, starts) = (self.shared.clone(), hot.clone(), self.starts);
        let (done, wait) = bounded::<()>(0);
        runtime.spawn_blocking(move || {
            if let Ok(accounts) = hot.accounts() {
                shared.write(Accounts { starts, ..accounts }, &known);
            }
            drop(done);
        });
        let _ = wait.recv_timeout(FAREWELL);
    }
}

impl Shared {
    fn write(&self, accounts: Accounts, known: &BTreeSet<PortId>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = accounts.save(&self.state_dir, known, &mut last).err();
        let complained = self.complained.swap(failed.is_some(), Ordering::Relaxed);
        if let Some(error) = failed.filter(|_| !complained) {
            tracing::warn!(%error, "counters of drops are not on disk: a restart would begin at what is there");
        }
    }
}

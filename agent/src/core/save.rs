//! Writes the snapshot to disk beside the core's thread: for the next run, if the service is away then.
//!
//! A revision counts as in force only when it is on disk, too: a restart must not bring a policy back that
//! somebody was told is gone.
//!
//! Races:
//! - *The snapshot changes while it is written*: one write at a time; what changed is written next.
//! - *Changes come one after the other*: writes take a fifth of one thread at most. The pause is as long as the disk
//!   and the snapshot ask for, so on a fast disk a change is there at once.
//! - *The disk is full*: that is said, and no machine and no revision waits for it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use weft_topology::Epoch;
use weft_topology::id::PortId;

use super::{Core, Message};
use crate::snapshot::save;

/// A write that took so long is followed by a pause of so many times that.
const PAUSE: u32 = 4;
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// At the end, a write that is under way is waited for so long.
const LAST_WRITE: Duration = Duration::from_millis(500);

/// What is on disk, and what is to be written.
#[derive(Debug)]
pub(super) struct Saving {
    /// Something changed that is not on disk.
    is_due: bool,
    is_under_way: bool,
    not_before: Instant,
    /// The ports in the snapshot on disk: a plug is answered when a restart without the service would
    /// carry it, too.
    ports: BTreeSet<PortId>,
}

/// A snapshot is on disk, or cannot be put there.
#[derive(Debug)]
pub struct Saved {
    /// The newest that was published by then.
    newest: Option<Epoch>,
    /// The local ports it was written with.
    ports: BTreeSet<PortId>,
    /// How long the write took.
    took: Duration,
}

impl Saving {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            is_due: false,
            is_under_way: false,
            not_before: now,
            ports: BTreeSet::new(),
        }
    }

    /// Something changed.
    pub(super) fn changed(&mut self) {
        self.is_due = true;
    }

    /// When to write next; absent: when something happens.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.is_due && !self.is_under_way).then_some(self.not_before)
    }

    /// Whether a restart would carry the port.
    pub(super) fn has(&self, port: PortId) -> bool {
        self.ports.contains(&port)
    }
}

impl Core {
    /// Begins to write, if it is time to.
    pub(super) fn save_if_due(&mut self, now: Instant) {
        if self.saving.due().is_none_or(|due| due > now) {
            return;
        }
        self.saving.is_due = false;
        self.saving.is_under_way = true;
        let (path, stored) = (self.snapshot_path(), self.builder.stored());
        let newest = self.frontier.newest();
        let ports = self.carrier.carried().keys().copied().collect();
        let core = self.sender.clone();
        self.runtime.spawn_blocking(move || {
            let begun = Instant::now();
            match save(&path, &stored) {
                Ok(()) => tracing::debug!(revision = stored.revision, "the snapshot is on disk"),
                Err(error) => tracing::warn!(%error, "the snapshot is not on disk"),
            }
            let _ = core.send(Message::Saved(Saved {
                newest,
                ports,
                took: begun.elapsed(),
            }));
        });
    }

    /// A write has ended.
    pub(super) fn on_saved(&mut self, saved: Saved) {
        self.saving.is_under_way = false;
        self.saving.not_before = Instant::now() + LONGEST_PAUSE.min(saved.took * PAUSE);
        self.saving.ports = saved.ports;
        if let Some(epoch) = saved.newest {
            self.frontier.kept(epoch);
        }
    }

    /// Writes what is not on disk yet, and waits for it.
    pub(super) fn save_at_the_end(&mut self) {
        let until = Instant::now() + LAST_WRITE;
        while self.saving.is_under_way
            && let Ok(message) = self.inbox.recv_deadline(until)
        {
            self.saving.is_under_way = !matches!(message, Message::Saved(_));
        }
        if std::mem::take(&mut self.saving.is_due)
            && let Err(error) = save(&self.snapshot_path(), &self.builder.stored())
        {
            tracing::warn!(%error, "the snapshot is not on disk");
        }
    }

    fn snapshot_path(&self) -> PathBuf {
        self.state_dir.join(super::start::SNAPSHOT)
    }
}

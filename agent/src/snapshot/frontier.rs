//! Which revision is in force: the newest one whose objects are in the snapshot, whose flows are in the
//! kernel and whose snapshot is on disk, so that a restart does not undo it.

use std::collections::VecDeque;

use weft_topology::Epoch;

/// What was published, until every worker is past it and the disk has it.
#[derive(Debug, Default)]
pub struct Frontier {
    /// Oldest first.
    pending: VecDeque<Pending>,
    in_force: u64,
}

/// A snapshot that was published.
#[derive(Debug)]
struct Pending {
    epoch: Epoch,
    /// Absent while something that the host wants had not come, or a binding was not carried out.
    revision: Option<u64>,
    is_in_kernel: bool,
    is_on_disk: bool,
}

impl Frontier {
    /// The revision in force; 0 at the beginning.
    pub fn in_force(&self) -> u64 {
        self.in_force
    }

    /// The snapshot that was published last, while it is not in force.
    pub fn newest(&self) -> Option<Epoch> {
        self.pending.back().map(|pending| pending.epoch)
    }

    /// A snapshot was published.
    pub fn published(&mut self, epoch: Epoch) {
        self.pending.push_back(Pending {
            epoch,
            revision: None,
            is_in_kernel: false,
            is_on_disk: false,
        });
    }

    /// Everything up to a revision is in what was published last.
    pub fn reached(&mut self, revision: u64) {
        match self.pending.back_mut() {
            Some(pending) => pending.revision = Some(revision),
            None => self.in_force = revision,
        }
    }

    /// Every worker is past an epoch, and so past all before it.
    pub fn done(&mut self, epoch: Epoch) {
        self.up_to(epoch, |pending| pending.is_in_kernel = true);
    }

    /// The disk has a snapshot, or cannot have it: that of an epoch or a later one.
    pub fn kept(&mut self, epoch: Epoch) {
        self.up_to(epoch, |pending| pending.is_on_disk = true);
    }

    /// The store is another one: its revisions say nothing of what is in force.
    pub fn reset(&mut self) {
        self.in_force = 0;
        for pending in &mut self.pending {
            pending.revision = None;
        }
    }

    fn up_to(&mut self, epoch: Epoch, note: impl Fn(&mut Pending)) {
        let Some(last) = self.pending.iter().position(|of| of.epoch == epoch) else {
            return;
        };
        self.pending.iter_mut().take(last + 1).for_each(note);
        let is_over = |pending: &mut Pending| pending.is_in_kernel && pending.is_on_disk;
        while let Some(over) = self.pending.pop_front_if(is_over) {
            self.in_force = over.revision.unwrap_or(self.in_force);
        }
    }
}

//! Which revision is in force: the newest one whose objects are in the snapshot, and whose flows are in
//! the kernel.

use std::collections::VecDeque;

use weft_topology::Epoch;

/// What was published, until every worker is past it.
#[derive(Debug, Default)]
pub struct Frontier {
    /// Oldest first; the revision is absent while something that the host wants had not come, or a binding
    /// was not carried out.
    pending: VecDeque<(Epoch, Option<u64>)>,
    in_force: u64,
}

impl Frontier {
    /// The revision in force; 0 at the beginning.
    pub fn in_force(&self) -> u64 {
        self.in_force
    }

    /// A snapshot was published.
    pub fn published(&mut self, epoch: Epoch) {
        self.pending.push_back((epoch, None));
    }

    /// Everything up to a revision is in what was published last.
    pub fn reached(&mut self, revision: u64) {
        match self.pending.back_mut() {
            Some((_, reached)) => *reached = Some(revision),
            None => self.in_force = revision,
        }
    }

    /// Every worker is past an epoch, and so past all before it.
    pub fn done(&mut self, epoch: Epoch) {
        let Some(last) = self.pending.iter().position(|(of, _)| *of == epoch) else {
            return;
        };
        for (_, reached) in self.pending.drain(..=last) {
            if let Some(revision) = reached {
                self.in_force = revision;
            }
        }
    }

    /// The store is another one: its revisions say nothing of what is in force.
    pub fn reset(&mut self) {
        self.in_force = 0;
        for (_, reached) in &mut self.pending {
            *reached = None;
        }
    }
}

//! The one writer. Transactions that wait are committed together: one wait for the disk serves them
//! all. None is acknowledged before that.
//!
//! ```text
//!  commit() ─▶ queue ─▶ [writer thread: apply, apply, … , commit to disk] ─▶ answers, then newest
//!                                                                             └▶ watches wake up
//! ```
//!
//! After a failed commit the database is opened again, and the newest revision is read from it: what
//! the failed group did is then either wholly there or not at all.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use tokio::sync::oneshot;

use super::Shared;
use super::tables::{self, Writing};
use crate::error::{CommitError, Fault, StoreError};
use crate::txn::{Revision, Txn};

/// At most so many transactions share a commit, so that the first is not kept waiting.
const GROUP: usize = 512;

/// A transaction and whom to tell.
pub(super) struct Job {
    pub(super) txn: Txn,
    pub(super) answer: oneshot::Sender<Result<Revision, CommitError>>,
}

/// Commits jobs until the queue's other end is gone.
pub(super) fn run(shared: &Arc<Shared>, queue: &Receiver<Job>) {
    while let Ok(first) = queue.recv() {
        let mut group = vec![first];
        while group.len() < GROUP {
            match queue.try_recv() {
                Ok(job) => group.push(job),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        commit(shared, group);
    }
}

fn commit(shared: &Arc<Shared>, group: Vec<Job>) {
    if shared.is_closed() {
        // What kept it from being opened may be over.
        shared.reopen();
    }
    let known = *shared.newest.borrow();
    let result = shared.read("committing a transaction", |db| {
        let txn = tables::begin_write(db)?;
        let mut writing = Writing::open(&txn, shared.log_length)?;
        let before = writing.newest();
        let answers = group
            .iter()
            .map(|job| writing.apply(&job.txn))
            .collect::<Result<Vec<_>, redb::Error>>()?;
        let newest = writing.newest();
        drop(writing);
        if newest == before {
            txn.abort()?;
        } else {
            txn.commit()?;
        }
        Ok((answers, newest))
    });
    match result {
        Ok((answers, newest)) => {
            // First the newest revision: who has the answer can rely on `Store::newest`.
            shared.newest.send_if_modified(|now| {
                let moved = *now != newest;
                *now = newest;
                moved
            });
            for (job, answer) in group.into_iter().zip(answers) {
                drop(job.answer.send(answer));
            }
        }
        Err(mut error) => {
            tracing::error!(%error, "a transaction could not be committed");
            shared.reopen();
            if shared.is_closed() || *shared.newest.borrow() != known {
                // It may have been kept after all.
                error.fault = Fault::Other;
            }
            fail(group, &error);
        }
    }
}

fn fail(group: Vec<Job>, error: &StoreError) {
    for job in group {
        drop(job.answer.send(Err(error.clone().into())));
    }
}

//! What changed of late, and whom it concerned before and after.

use std::collections::VecDeque;
use std::sync::Arc;

use weft_store::Revision;
use weft_topology::{Object, ObjectId};

use crate::model::Model;

/// How many changed objects are remembered. A stream that is further behind lists anew.
const LENGTH: usize = 100_000;

/// An object that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) id: ObjectId,
    /// An interest in one of these brings it, or brought it before.
    pub(super) concerned: Vec<ObjectId>,
}

/// The changes after `start`, in order.
#[derive(Debug)]
pub(super) struct History {
    pub(super) start: Revision,
    steps: VecDeque<(Revision, Arc<[Moved]>)>,
    length: usize,
}

impl History {
    pub(super) fn new(start: Revision) -> Self {
        Self {
            start,
            steps: VecDeque::new(),
            length: 0,
        }
    }

    /// Adds a step from one model to the next.
    pub(super) fn note(&mut self, before: &Model, after: &Model, changed: Vec<ObjectId>) {
        let moved = changed.into_iter().map(|id| {
            let states = [before.topology.object(id), after.topology.object(id)];
            let mut concerned: Vec<ObjectId> = states
                .into_iter()
                .flatten()
                .flat_map(Object::brought_by)
                .collect();
            concerned.sort_unstable();
            concerned.dedup();
            Moved { id, concerned }
        });
        let moved: Arc<[Moved]> = moved.collect();
        self.length += moved.len();
        self.steps.push_back((after.revision, moved));
        while self.length > LENGTH
            && let Some((revision, moved)) = self.steps.pop_front()
        {
            self.length -= moved.len();
            self.start = revision;
        }
    }

    /// What happened after a revision; `None` when that is not known.
    pub(super) fn since(&self, revision: Revision) -> Option<Vec<Arc<[Moved]>>> {
        if revision < self.start {
            return None;
        }
        let first = self.steps.partition_point(|(at, _)| *at <= revision);
        Some(
            self.steps
                .range(first..)
                .map(|(_, moved)| moved.clone())
                .collect(),
        )
    }
}

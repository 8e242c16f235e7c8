//! Memory that simulations use again, so that after warm-up none is allocated.

use weft_flow::Action;
use weft_topology::{ObjectId, Tag};

use crate::effect::Effect;
use crate::outcome::{Held, Outcome};

/// The most sets of lists that are kept for later use: a batch of upcalls.
const SPARE: usize = 64;

/// Lists of earlier outcomes. A worker has one; it gives outcomes back that it is done with.
#[derive(Debug, Default)]
pub struct Scratch {
    spare: Vec<Lists>,
}

/// The growing parts of an outcome.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    pub(crate) actions: Vec<Action>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) held: Vec<Held>,
    pub(crate) missing: Vec<ObjectId>,
}

impl Scratch {
    /// Nothing to use yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an outcome's memory for later simulations. A caller that took lists out of it (to keep
    /// them with a flow) loses nothing by giving back the rest.
    pub fn recycle(&mut self, outcome: Outcome) {
        if self.spare.len() == SPARE {
            return;
        }
        let mut lists = Lists {
            actions: outcome.actions,
            tags: outcome.tags,
            effects: outcome.effects,
            held: outcome.held,
            missing: outcome.missing,
        };
        lists.actions.clear();
        lists.tags.clear();
        lists.effects.clear();
        lists.held.clear();
        lists.missing.clear();
        self.spare.push(lists);
    }

    pub(crate) fn lists(&mut self) -> Lists {
        self.spare.pop().unwrap_or_default()
    }
}

//! Transactions: all of a list of changes, or nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::Topology;
use crate::id::ObjectId;
use crate::object::{Change, Object};
use crate::reference::WhenGone;
use crate::validate::{Findings, Problem, ValidationError, Violation};

/// A transaction that was accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// The topology after it.
    pub topology: Topology,
    /// What it changed, one change an object, by kind and id: those that were asked for, as far as they
    /// changed anything, and those that followed from them.
    pub changes: Vec<Change>,
}

impl Topology {
    /// Applies changes, all or none. Of several to one object the last counts; removing what is not
    /// there changes nothing.
    ///
    /// An object that is removed takes along what belongs to it (a bridge its ports, subnets and
    /// tables; a port its routes and table entries), and is forgotten by those that can do without
    /// it (a peer, a member of a port group). Others that name it keep it from being removed, unless
    /// the same transaction changes them.
    ///
    /// Errors: everything that is wrong with the outcome. The cost follows what changes, never the
    /// size of the topology.
    pub fn apply(
        &self,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<Applied, ValidationError> {
        let asked: States = changes
            .into_iter()
            .map(|change| match change {
                Change::Put(object) => (object.id(), Some(object)),
                Change::Gone(id) => (id, None),
            })
            .collect();
        let mut states = self.with_consequences(&asked);
        states.retain(|id, state| self.object(*id) != state.as_ref());

        let mut next = self.clone();
        for (id, state) in &states {
            next.set(*id, state.clone());
        }
        let violations = next.violations(self, &states);
        if !violations.is_empty() {
            return Err(ValidationError(violations));
        }
        let changes = states.into_iter().map(|(id, state)| match state {
            Some(object) => Change::Put(object),
            None => Change::Gone(id),
        });
        Ok(Applied {
            topology: next,
            changes: changes.collect(),
        })
    }

    /// Adds what follows from removals to the states that were asked for.
    fn with_consequences(&self, asked: &States) -> States {
        let mut states = asked.clone();
        let mut gone: Vec<ObjectId> = asked
            .iter()
            .filter(|(_, state)| state.is_none())
            .map(|(id, _)| *id)
            .collect();
        while let Some(target) = gone.pop() {
            for referrer in self.referrers(target) {
                let id = referrer.id();
                // What the transaction says of an object is judged as it stands.
                if asked.contains_key(&id) {
                    continue;
                }
                let state = states.get(&id).cloned();
                let Some(object) = state.unwrap_or_else(|| Some(referrer.clone())) else {
                    continue;
                };
                match weight_of(&object, target) {
                    Some(WhenGone::Follows) => {
                        states.insert(id, None);
                        gone.push(id);
                    }
                    Some(WhenGone::Forgets) => {
                        states.insert(id, Some(object.forgetting(target)));
                    }
                    Some(WhenGone::Keeps) | None => {}
                }
            }
        }
        states
    }

    /// Everything that is wrong after the states were written over `before`.
    fn violations(&self, before: &Topology, states: &States) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut looked_at = BTreeSet::new();
        for (id, state) in states {
            match state {
                Some(object) => {
                    violations.extend(object.check());
                    violations.extend(self.inconsistencies(object));
                    looked_at.insert(*id);
                }
                None => violations.extend(self.still_in_use(*id, states)),
            }
        }
        for (id, state) in states {
            if !matters_to_referrers(before.object(*id), state.as_ref()) {
                continue;
            }
            for referrer in self.referrers(*id) {
                if looked_at.insert(referrer.id()) {
                    violations.extend(self.inconsistencies(referrer));
                }
            }
        }
        violations
    }

    /// That a removed object is named by others, which the transaction left alone.
    fn still_in_use(&self, id: ObjectId, states: &States) -> Option<Violation> {
        let users = self.referrers(id).map(Object::id);
        let by: Vec<ObjectId> = users.filter(|user| !states.contains_key(user)).collect();
        if by.is_empty() {
            return None;
        }
        let mut found = Findings::of(id);
        found.add("id", Problem::InUse { by });
        found.into_violations().pop()
    }
}

/// What objects shall be; `None`: removed.
type States = BTreeMap<ObjectId, Option<Object>>;

/// What counts when an object names another in several ways.
fn weight_of(object: &Object, target: ObjectId) -> Option<WhenGone> {
    let references = object.references().into_iter();
    references
        .filter(|reference| reference.target == target)
        .map(|reference| reference.when_gone)
        .min()
}

/// Whether those that name an object may have become wrong by its change.
fn matters_to_referrers(old: Option<&Object>, new: Option<&Object>) -> bool {
    match (old, new) {
        (Some(Object::Port(old)), Some(Object::Port(new))) => {
            (old.bridge(), old.router(), old.peer) != (new.bridge(), new.router(), new.peer)
        }
        _ => false,
    }
}

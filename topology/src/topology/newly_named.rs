//! What a change leads to that was not led to before: a host that follows what it needs has all else already.

use std::collections::BTreeSet;

use super::Topology;
use crate::id::{Kind, ObjectId};
use crate::object::{Change, Object};

impl Topology {
    /// The objects that changes from `before` to this do not touch, and that somebody who has all that was named
    /// before needs to judge by what changed: those that a changed object names and did not name, and all that these
    /// name in turn. A port's binding and peer do not count.
    pub fn newly_named(&self, before: &Topology, changes: &[Change]) -> Vec<Object> {
        let changed: BTreeSet<ObjectId> = changes.iter().map(Change::id).collect();
        let (mut queue, mut seen) = (Vec::new(), BTreeSet::new());
        for change in changes {
            let Change::Put(object) = change else {
                continue;
            };
            let old = before.object(object.id());
            let old: BTreeSet<ObjectId> = old.iter().flat_map(|old| before.leads_to(old)).collect();
            let new = self.leads_to(object).filter(|id| !old.contains(id));
            // A group is named by each of its members, and looked at once.
            queue.extend(new.filter(|id| seen.insert(*id)));
        }
        let mut named = Vec::new();
        while let Some(object) = queue.pop().map(|id| self.object(id)) {
            let Some(object) = object else { continue };
            if !changed.contains(&object.id()) {
                named.push(object.clone());
            }
            queue.extend(self.leads_to(object).filter(|id| seen.insert(*id)));
        }
        named
    }

    /// What is needed to judge by an object.
    fn leads_to<'a>(&'a self, object: &'a Object) -> impl Iterator<Item = ObjectId> + 'a {
        let not: &[&str] = match object {
            Object::Port(_) => &["binding", "peer"],
            Object::Rule(_) => &["chain"],
            _ => &[],
        };
        let named = object.references().into_iter();
        let named = named.filter(move |reference| !not.contains(&reference.field));
        let members = match object {
            Object::AddressGroup(_) => Some(Kind::AddressGroupMember),
            _ => None,
        };
        let members = members.map(|kind| self.referrers_of_kind(object.id(), kind));
        named
            .map(|reference| reference.target)
            .chain(members.into_iter().flatten().map(Object::id))
    }
}

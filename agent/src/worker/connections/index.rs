//! Whose connections a change may concern: found by the facts that their verdicts have read.
//!
//! Conversations whose verdicts read the same facts are one class, so that what is kept follows the policies and not the
//! conversations, of which a guest may invent many. What a verdict reads is told by the workers with the flow that
//! enters connections, and by every judgement of a connection.
//!
//! Races:
//! - *What an earlier run's flows have read is not known*: the first change after a start concerns all.
//! - *Whose a connection is becomes known after a change that it was not judged by*: it is noted as a stranger, and the
//!   next change concerns it.
//! - *A MAC moves to another port*, and no flow has been made since for a connection there: a change of that port's rules
//!   does not find it. Its packets are judged like all others; its replies pass until one of them comes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use ipnet::IpNet;
use weft_ovs::conntrack::Entry;
use weft_topology::{Kind, ObjectId, Tag};

/// The facts that a verdict has read, as far as they are of the policy; each once, in order.
pub(in crate::worker) type Facts = Arc<[Tag]>;

/// The facts of a policy among those that a verdict has read. Who asked for a member of a group has read the group.
pub(in crate::worker) fn facts(tags: &[Tag]) -> impl Iterator<Item = Tag> + '_ {
    let is_policy = |tag: &&Tag| match tag {
        Tag::Object(id) => matches!(
            id.kind,
            Kind::Chain | Kind::Port | Kind::Bridge | Kind::AddressGroup
        ),
        _ => false,
    };
    tags.iter().filter(is_policy).copied()
}

/// Conversations, by their marks, and classes of them.
#[derive(Debug, Default)]
pub(super) struct Index {
    classes: HashMap<Facts, HashSet<u32>>,
    by_fact: HashMap<Tag, HashSet<Facts>>,
    of_mark: HashMap<u32, Vec<Facts>>,
    /// Connections with these marks were not judged by the last change, and might have been.
    strangers: HashSet<u32>,
    /// Every connection was judged since the start.
    has_judged_all: bool,
}

/// What a change concerns.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Concerned {
    /// Every connection.
    All,
    /// Those with these marks.
    Some(HashMap<u32, Which>),
}

/// Which connections of a conversation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// All of them.
    All,
    /// Those from or to an address of one of these: nothing else has changed that concerns them.
    Within(Vec<IpNet>),
}

impl Index {
    /// A verdict on packets of a conversation has read these facts.
    pub(super) fn read(&mut self, mark: u32, facts: Facts) {
        if self.classes.entry(facts.clone()).or_default().insert(mark) {
            for fact in &*facts {
                self.by_fact.entry(*fact).or_default().insert(facts.clone());
            }
            self.of_mark.entry(mark).or_default().push(facts);
        }
    }

    /// The same of a judgement's tags.
    pub(super) fn judged(&mut self, mark: u32, tags: &[Tag]) {
        let facts: BTreeSet<Tag> = facts(tags).collect();
        let facts: Vec<Tag> = facts.into_iter().collect();
        let is_known = self
            .classes
            .get(&facts[..])
            .is_some_and(|marks| marks.contains(&mark));
        if !is_known {
            self.read(mark, facts.into());
        }
    }

    /// A conversation is given up.
    pub(super) fn forget(&mut self, mark: u32) {
        for facts in self.of_mark.remove(&mark).unwrap_or_default() {
            let Some(marks) = self.classes.get_mut(&facts) else {
                continue;
            };
            marks.remove(&mark);
            if marks.is_empty() {
                self.classes.remove(&facts);
                for fact in &*facts {
                    if let Some(classes) = self.by_fact.get_mut(fact) {
                        classes.remove(&facts);
                        if classes.is_empty() {
                            self.by_fact.remove(fact);
                        }
                    }
                }
            }
        }
        // Should it come again, what its older connections have read is not known.
        self.strangers.insert(mark);
    }

    /// What a change concerns that has these tags; without, it is not known what changed.
    pub(super) fn concerned(&self, changed: Option<&BTreeSet<Tag>>) -> Concerned {
        let Some(changed) = changed.filter(|changed| !changed.contains(&Tag::Established)) else {
            return Concerned::All;
        };
        if !self.has_judged_all {
            return Concerned::All;
        }
        let mut marks: HashMap<u32, Which> = HashMap::new();
        for tag in changed {
            match *tag {
                Tag::Member(group, prefix) => {
                    let group = Tag::Object(ObjectId::from(group));
                    for mark in self.with_fact(&group) {
                        let within = marks
                            .entry(mark)
                            .or_insert_with(|| Which::Within(Vec::new()));
                        if let Which::Within(prefixes) = within {
                            prefixes.push(prefix);
                        }
                    }
                }
                fact => {
                    marks.extend(self.with_fact(&fact).map(|mark| (mark, Which::All)));
                }
            }
        }
        marks.extend(self.strangers.iter().map(|mark| (*mark, Which::All)));
        Concerned::Some(marks)
    }

    /// What a change concerned is judged, but for connections with these marks, whose conversations are not known.
    pub(super) fn done(&mut self, concerned: &Concerned, unknown: HashSet<u32>) {
        self.has_judged_all |= *concerned == Concerned::All;
        self.strangers = unknown;
    }

    fn with_fact(&self, fact: &Tag) -> impl Iterator<Item = u32> + '_ {
        let classes = self.by_fact.get(fact).into_iter().flatten();
        classes
            .filter_map(|facts| self.classes.get(facts))
            .flatten()
            .copied()
    }
}

impl Concerned {
    /// Whether it is nobody.
    pub(super) fn is_nobody(&self) -> bool {
        matches!(self, Concerned::Some(marks) if marks.is_empty())
    }

    /// Whether a connection is concerned.
    pub(super) fn has(&self, entry: &Entry) -> bool {
        let Concerned::Some(marks) = self else {
            return true;
        };
        match marks.get(&entry.mark) {
            None => false,
            Some(Which::All) => true,
            Some(Which::Within(prefixes)) => {
                let ends = [entry.original.source, entry.original.destination];
                let mut prefixes = prefixes.iter();
                prefixes.any(|prefix| ends.iter().any(|end| prefix.contains(end)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;
    use weft_topology::id::{AddressGroupId, ChainId};

    fn chain(n: u128) -> Tag {
        Tag::Object(ChainId(Uuid::from_u128(n)).into())
    }

    fn group(n: u128) -> AddressGroupId {
        AddressGroupId(Uuid::from_u128(n))
    }

    fn index() -> Index {
        let mut index = Index::default();
        index.done(&Concerned::All, HashSet::new());
        index.judged(1, &[chain(1), chain(2)]);
        index.judged(2, &[chain(2), chain(1), chain(2)]);
        index.judged(3, &[chain(3), Tag::Object(group(9).into())]);
        index
    }

    fn marks(of: Concerned) -> Vec<u32> {
        let Concerned::Some(marks) = of else {
            panic!("{of:?}")
        };
        let mut marks: Vec<u32> = marks.into_keys().collect();
        marks.sort_unstable();
        marks
    }

    #[test]
    fn a_change_concerns_those_that_read_what_it_changed_and_no_others() {
        let index = index();
        assert_eq!(index.classes.len(), 2, "the same facts are one class");
        let of = |tags: &[Tag]| marks(index.concerned(Some(&tags.iter().copied().collect())));
        assert_eq!(of(&[chain(1)]), [1, 2]);
        assert_eq!(of(&[chain(3), chain(4)]), [3]);
        assert!(of(&[chain(4)]).is_empty());
    }

    #[test]
    fn a_member_of_a_group_concerns_connections_of_that_address_unless_more_has_changed() {
        let index = index();
        let prefix: IpNet = "10.0.0.0/8".parse().unwrap();
        let member = Tag::Member(group(9), prefix);
        let Concerned::Some(marks) = index.concerned(Some(&[member].into())) else {
            panic!()
        };
        assert_eq!(marks[&3], Which::Within(vec![prefix]));
        let Concerned::Some(marks) = index.concerned(Some(&[member, chain(3)].into())) else {
            panic!()
        };
        assert_eq!(marks[&3], Which::All);
        let other = Tag::Member(group(8), prefix);
        assert!(index.concerned(Some(&[other].into())).is_nobody());
    }

    #[test]
    fn the_first_change_and_one_of_which_nothing_is_known_concern_all() {
        let index = index();
        assert_eq!(index.concerned(None), Concerned::All);
        let mode = [Tag::Established, chain(4)].into();
        assert_eq!(index.concerned(Some(&mode)), Concerned::All);
        let fresh = Index::default();
        assert_eq!(fresh.concerned(Some(&[chain(4)].into())), Concerned::All);
    }

    #[test]
    fn strangers_are_concerned_once_and_the_forgotten_leave_nothing() {
        let mut index = index();
        let nothing = [chain(4)].into();
        index.done(&Concerned::Some(HashMap::new()), [7].into());
        let concerned = index.concerned(Some(&nothing));
        assert_eq!(concerned, Concerned::Some([(7, Which::All)].into()));
        index.done(&concerned, HashSet::new());
        assert!(index.concerned(Some(&nothing)).is_nobody());
        for mark in 1..=3 {
            index.forget(mark);
        }
        assert!(index.classes.is_empty() && index.by_fact.is_empty() && index.of_mark.is_empty());
        assert_eq!(marks(index.concerned(Some(&nothing))), [1, 2, 3]);
    }
}

//! Which flows depend on which facts: a list of flows for each tag, in which each knows its place.
//!
//! A flow leaves a list without a search and without hashing: the list's last takes its place. Lists that
//! are empty are used again for other tags, so a table that has its size allocates nothing.

use std::collections::HashMap;

use foldhash::quality::RandomState;
use weft_topology::Tag;

/// The lists.
#[derive(Debug, Default)]
pub(super) struct TagIndex {
    numbers: HashMap<Tag, u32, RandomState>,
    lists: Vec<List>,
    free: Vec<u32>,
}

/// The flows under one tag.
#[derive(Debug)]
struct List {
    tag: Tag,
    members: Vec<Member>,
}

/// A flow's slot, and which of its tags this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// The flow's slot.
    pub(super) slot: u32,
    /// The place of the tag among its tags.
    pub(super) nth: u32,
}

/// Where a flow stands under one of its tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    list: u32,
    at: u32,
}

impl TagIndex {
    /// Adds a flow under a tag.
    pub(super) fn insert(&mut self, tag: Tag, member: Member) -> Place {
        let number = match self.numbers.get(&tag) {
            Some(&number) => number,
            None => self.open(tag),
        };
        let members = self.members(number);
        members.push(member);
        Place {
            list: number,
            at: index(members.len() - 1),
        }
    }

    /// Takes a flow from a place; who stands there now, if anybody does.
    pub(super) fn remove(&mut self, place: Place) -> Option<(Member, Place)> {
        let members = self.members(place.list);
        let at = place.at as usize;
        members.swap_remove(at);
        let moved = members.get(at).copied();
        if members.is_empty() {
            self.close(place.list);
        }
        Some((moved?, place))
    }

    /// The slots under a tag.
    pub(super) fn under(&self, tag: &Tag) -> impl Iterator<Item = u32> + '_ {
        let list = self.numbers.get(tag);
        list.and_then(|&number| self.lists.get(number as usize))
            .into_iter()
            .flat_map(|list| &list.members)
            .map(|member| member.slot)
    }

    /// How many tags have flows.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    fn open(&mut self, tag: Tag) -> u32 {
        let number = match self.free.pop() {
            Some(number) => {
                self.list(number).tag = tag;
                number
            }
            None => {
                self.lists.push(List {
                    tag,
                    members: Vec::new(),
                });
                index(self.lists.len() - 1)
            }
        };
        self.numbers.insert(tag, number);
        number
    }

    fn close(&mut self, number: u32) {
        let tag = self.list(number).tag;
        self.numbers.remove(&tag);
        self.free.push(number);
    }

    fn members(&mut self, number: u32) -> &mut Vec<Member> {
        &mut self.list(number).members
    }

    /// Numbers are given by [`TagIndex::open`] only.
    fn list(&mut self, number: u32) -> &mut List {
        &mut self.lists[number as usize]
    }
}

/// Flows and tags of one host are far fewer than 2³².
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;
    use weft_topology::id::BridgeId;

    fn flood(bridge: u128) -> Tag {
        Tag::Flood(BridgeId(Uuid::from_u128(bridge)))
    }

    fn member(slot: u32) -> Member {
        Member { slot, nth: 0 }
    }

    #[test]
    fn the_last_takes_the_place_of_one_that_leaves_and_an_empty_list_is_used_again() {
        let mut index = TagIndex::default();
        let places = [1, 2, 3].map(|slot| index.insert(flood(1), member(slot)));
        assert_eq!(index.remove(places[0]), Some((member(3), places[0])));
        assert_eq!(index.under(&flood(1)).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(index.remove(places[1]), None);
        assert_eq!(index.remove(places[0]), None);
        assert_eq!((index.len(), index.under(&flood(1)).count()), (0, 0));
        index.insert(flood(2), member(4));
        assert_eq!((index.len(), index.lists.len()), (1, 1));
    }
}

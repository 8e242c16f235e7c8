//! An ordered index of objects by a key that need not be unique.

use std::sync::Arc;

use imbl::OrdMap;
use uuid::Uuid;

/// Objects by key. Several objects may share a key; then the one with the least id comes first, so
/// that the index depends on its content alone. Updates and clones share what did not change. A look-up
/// under a key that few objects have allocates nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Index<K: Ord + Clone, T: Clone>(OrdMap<K, Slot<T>>);

/// The objects under one key, at least one.
#[derive(Clone, Debug, PartialEq)]
enum Slot<T: Clone> {
    One(Uuid, Arc<T>),
    /// Two or more.
    Many(OrdMap<Uuid, Arc<T>>),
}

impl<K: Ord + Clone, T: Clone> Default for Index<K, T> {
    fn default() -> Self {
        Self(OrdMap::new())
    }
}

impl<K: Ord + Clone, T: Clone> Index<K, T> {
    /// Adds an object, or replaces the one with the same key and id.
    pub(crate) fn insert(&mut self, key: K, id: Uuid, object: &Arc<T>) {
        let object = object.clone();
        let slot = match self.0.get(&key) {
            Some(Slot::One(other, present)) if *other != id => Slot::Many(
                [(*other, present.clone()), (id, object)]
                    .into_iter()
                    .collect(),
            ),
            Some(Slot::Many(many)) => Slot::Many(many.update(id, object)),
            Some(Slot::One(..)) | None => Slot::One(id, object),
        };
        self.0.insert(key, slot);
    }

    /// Takes an object out; nothing happens when it is not there.
    pub(crate) fn remove(&mut self, key: K, id: Uuid) {
        match self.0.get(&key) {
            Some(Slot::One(present, _)) if *present == id => {
                self.0.remove(&key);
            }
            Some(Slot::Many(many)) => {
                let left = many.without(&id);
                let slot = match left.get_min() {
                    Some((last, object)) if left.len() == 1 => Slot::One(*last, object.clone()),
                    _ => Slot::Many(left),
                };
                self.0.insert(key, slot);
            }
            Some(Slot::One(..)) | None => {}
        }
    }

    /// The objects under a key, by id.
    pub(crate) fn under<'a>(&'a self, key: &K) -> impl Iterator<Item = &'a Arc<T>> + use<'a, K, T> {
        self.0.get(key).into_iter().flat_map(Slot::objects)
    }

    /// The first object under a key.
    pub(crate) fn first(&self, key: &K) -> Option<&Arc<T>> {
        match self.0.get(key)? {
            Slot::One(_, object) => Some(object),
            Slot::Many(many) => many.get_min().map(|(_, object)| object),
        }
    }

    /// The objects under the keys from `first` to `last`, both included, in the order of keys.
    /// Panics when `first` is above `last`, as ranges do.
    pub(crate) fn between(&self, first: K, last: K) -> impl Iterator<Item = &Arc<T>> {
        self.0
            .range(first..=last)
            .flat_map(|(_, slot)| slot.objects())
    }
}

impl<T: Clone> Slot<T> {
    fn objects(&self) -> impl Iterator<Item = &Arc<T>> {
        let (one, many) = match self {
            Slot::One(_, object) => (Some(object), None),
            Slot::Many(many) => (None, Some(many)),
        };
        one.into_iter()
            .chain(many.into_iter().flat_map(|many| many.values()))
    }
}

//! An ordered index of objects by a key that need not be unique.

use std::sync::Arc;

use imbl::OrdMap;
use uuid::Uuid;

/// Objects by key. Several objects may share a key; then the one with the least id comes first, so
/// that the index depends on its content alone. Updates and clones share what did not change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Index<K: Ord + Clone, T: Clone>(OrdMap<(K, Uuid), Arc<T>>);

impl<K: Ord + Clone, T: Clone> Default for Index<K, T> {
    fn default() -> Self {
        Self(OrdMap::new())
    }
}

impl<K: Ord + Clone, T: Clone> Index<K, T> {
    /// Adds an object, or replaces the one with the same key and id.
    pub(crate) fn insert(&mut self, key: K, id: Uuid, object: &Arc<T>) {
        self.0.insert((key, id), object.clone());
    }

    /// Takes an object out; nothing happens when it is not there.
    pub(crate) fn remove(&mut self, key: K, id: Uuid) {
        self.0.remove(&(key, id));
    }

    /// The objects under one key, by id.
    pub(crate) fn under(&self, key: K) -> impl Iterator<Item = &Arc<T>> {
        self.between(key.clone(), key)
    }

    /// The first object under a key.
    pub(crate) fn first(&self, key: K) -> Option<&Arc<T>> {
        self.under(key).next()
    }

    /// The objects under the keys from `first` to `last`, both included, in the order of keys.
    /// Panics when `first` is above `last`, as ranges do.
    pub(crate) fn between(&self, first: K, last: K) -> impl Iterator<Item = &Arc<T>> {
        self.0
            .range((first, Uuid::nil())..=(last, Uuid::max()))
            .map(|(_, object)| object)
    }
}

//! The topology in memory, as of one revision: what requests read and what writes are checked against.
//!
//! A model is immutable and cheap to clone; the next one shares with it what did not change. It is a
//! function of the store's documents alone.

pub(crate) mod document;
pub(crate) mod tunnel_key;

use std::collections::BTreeMap;

use imbl::OrdMap;
use weft_store::{Listing, Revision};
use weft_topology::{Change, Object, ObjectId, Topology};

use document::{Counter, Document, DocumentError};

/// One version of the topology.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// The revision that it is of.
    pub(crate) revision: Revision,
    /// All objects.
    pub(crate) topology: Topology,
    /// The revision that wrote each object last.
    revisions: OrdMap<ObjectId, Revision>,
    counters: OrdMap<Counter, u64>,
    files: OrdMap<String, Members>,
}

/// The objects that a topology file manages, and what it calls them.
pub(crate) type Members = OrdMap<ObjectId, String>;

/// A document of the store that changed, and the revision that changed it.
pub(crate) type Changed = (Revision, Document);

impl Model {
    /// The model of all documents of a store.
    pub(crate) fn load(listing: &Listing) -> Result<Model, DocumentError> {
        let documents = listing
            .entries
            .iter()
            .map(|entry| Ok((entry.revision, document::read(entry)?)))
            .collect::<Result<Vec<Changed>, DocumentError>>()?;
        let mut model = Model::default();
        model.note(&documents, listing.revision);
        model.topology = documents.into_iter().filter_map(put_of).collect();
        Ok(model)
    }

    /// The model after changes that the store made. They are valid, as they were checked before they
    /// were stored.
    pub(crate) fn after(&self, revision: Revision, documents: Vec<Changed>) -> Model {
        let mut model = self.clone();
        model.note(&documents, revision);
        let changes = documents.iter().filter_map(|(_, document)| match document {
            Document::Object(change) => Some(change.clone()),
            Document::Counter(..) | Document::Member { .. } => None,
        });
        match self.topology.apply(changes) {
            Ok(applied) => model.topology = applied.topology,
            Err(error) => {
                // Another version of the program has other rules. What is stored counts.
                tracing::warn!(%error, revision, "the store holds what this version would refuse");
                let mut objects: BTreeMap<ObjectId, Object> = self
                    .topology
                    .objects()
                    .map(|object| (object.id(), object.clone()))
                    .collect();
                for (_, document) in documents {
                    match document {
                        Document::Object(Change::Put(object)) => {
                            objects.insert(object.id(), object);
                        }
                        Document::Object(Change::Gone(id)) => {
                            objects.remove(&id);
                        }
                        Document::Counter(..) | Document::Member { .. } => {}
                    }
                }
                model.topology = objects.into_values().collect();
            }
        }
        model
    }

    /// The model after a transaction that is on its way to the store and will have this revision.
    pub(crate) fn ahead(&self, revision: Revision, topology: Topology, made: &[Document]) -> Model {
        let mut model = self.clone();
        model.topology = topology;
        let made: Vec<Changed> = made.iter().map(|doc| (revision, doc.clone())).collect();
        model.note(&made, revision);
        model
    }

    /// The revision that wrote an object last; `None` when there is none.
    pub(crate) fn written(&self, id: ObjectId) -> Option<Revision> {
        self.revisions.get(&id).copied()
    }

    /// What a counter gave last.
    pub(crate) fn counter(&self, counter: Counter) -> u64 {
        self.counters.get(&counter).copied().unwrap_or(0)
    }

    /// What a topology file manages; `None`: nothing.
    pub(crate) fn file(&self, name: &str) -> Option<&Members> {
        self.files.get(name)
    }

    /// The topology files that manage anything, by name.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&String, &Members)> {
        self.files.iter()
    }

    fn note(&mut self, documents: &[Changed], revision: Revision) {
        self.revision = revision;
        for (written, document) in documents {
            match document {
                Document::Object(Change::Put(object)) => {
                    self.revisions.insert(object.id(), *written);
                }
                Document::Object(Change::Gone(id)) => {
                    self.revisions.remove(id);
                }
                Document::Counter(counter, value) => {
                    self.counters.insert(*counter, *value);
                }
                Document::Member { file, object, path } => {
                    let mut members = self.files.get(file).cloned().unwrap_or_default();
                    match path {
                        Some(path) => members.insert(*object, path.clone()),
                        None => members.remove(object),
                    };
                    if members.is_empty() {
                        self.files.remove(file);
                    } else {
                        self.files.insert(file.clone(), members);
                    }
                }
            }
        }
    }
}

fn put_of((_, document): Changed) -> Option<Object> {
    match document {
        Document::Object(Change::Put(object)) => Some(object),
        _ => None,
    }
}

//! What a backup makes of the topology. Afterwards there is what the backup has, but for what is a fact of
//! running hosts and no setting:
//!
//! | what | becomes |
//! |---|---|
//! | a host that lives | stays, also if the backup does not know it, with the name that it has now |
//! | a host that does not live | as in the backup; one that carries ports stays |
//! | where a port that is there is bound | stays as it is now: the VM may have moved since |
//! | where a port that returns is bound | as in the backup, unless another port has that interface now |
//! | a port's number in tunnels | as in the backup, unless another port has that now: then a new one |
//! | the number given last | the greater of both: numbers are not given again |

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use weft_topology::host::Host;
use weft_topology::id::HostId;
use weft_topology::port::Port;
use weft_topology::{Change, Kind, Object, ObjectId};
use weft_wire::backup::{KindCount, Restored};

use super::format::Backup;
use crate::error::ApiError;
use crate::model::Model;
use crate::model::document::{Counter, Document};
use crate::model::tunnel_key::{self, UNNUMBERED};
use crate::service::Planned;

/// The transaction, and what is said of it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) planned: Planned,
    /// `applied` is false in it.
    pub(crate) answer: Restored,
}

/// Finds out what a backup makes of a model. `lives` says which hosts do.
pub(crate) fn plan(
    model: &Model,
    backup: &Backup,
    lives: impl Fn(HostId) -> bool,
) -> Result<Plan, ApiError> {
    let mut merge = Merge::new(model, backup);
    merge.hosts(lives);
    merge.ports();
    let counter = merge.number(backup)?;
    let Merge {
        objects,
        hosts_kept,
        bindings_kept,
        bindings_lost,
        ..
    } = merge;

    let now = model.topology.objects().map(Object::id);
    let gone = now.filter(|id| !objects.contains_key(id)).map(Change::Gone);
    let changes: Vec<Change> = gone
        .chain(objects.values().cloned().map(Change::Put))
        .collect();
    let applied = model.topology.apply(changes.iter().cloned())?;
    let documents = others(model, backup, counter);
    let kinds = kinds(model, &objects, &applied.changes);
    let plan = digest(&applied.changes, &documents);
    Ok(Plan {
        planned: Planned { changes, documents },
        answer: Restored {
            revision: model.revision,
            plan,
            applied: false,
            backup: backup.header.clone(),
            kinds,
            hosts_kept,
            bindings_kept,
            bindings_lost,
        },
    })
}

struct Merge<'a> {
    model: &'a Model,
    /// What there shall be.
    objects: BTreeMap<ObjectId, Object>,
    hosts_kept: Vec<String>,
    bindings_kept: u64,
    bindings_lost: u64,
}

impl<'a> Merge<'a> {
    fn new(model: &'a Model, backup: &Backup) -> Self {
        let objects = backup
            .documents
            .iter()
            .filter_map(|document| match document {
                Document::Object(Change::Put(object)) => Some((object.id(), object.clone())),
                _ => None,
            });
        Self {
            model,
            objects: objects.collect(),
            hosts_kept: Vec::new(),
            bindings_kept: 0,
            bindings_lost: 0,
        }
    }

    fn hosts(&mut self, lives: impl Fn(HostId) -> bool) {
        let topology = &self.model.topology;
        let ports = self.objects.keys().filter_map(|id| topology.object(*id));
        let carrying: BTreeSet<HostId> = ports
            .filter_map(|object| match object {
                Object::Port(port) => Some(port.binding.as_ref()?.host),
                _ => None,
            })
            .collect();
        for object in topology.of_kind(Kind::Host) {
            let Object::Host(host) = object else { continue };
            let is_live = lives(host.id);
            let id = ObjectId::from(host.id);
            match self.objects.get(&id) {
                Some(Object::Host(old)) if is_live => {
                    let host = Host {
                        name: host.name.clone(),
                        ..Host::clone(old)
                    };
                    self.objects.insert(id, host.into());
                }
                Some(_) => {}
                None if is_live || carrying.contains(&host.id) => {
                    self.hosts_kept.push(host.name.clone());
                    self.objects.insert(id, object.clone());
                }
                None => {}
            }
        }
        self.hosts_kept.sort();
    }

    fn ports(&mut self) {
        let topology = &self.model.topology;
        let ports: Vec<Port> = self
            .objects
            .values()
            .filter_map(|object| match object {
                Object::Port(port) => Some(Port::clone(port)),
                _ => None,
            })
            .collect();
        for mut port in ports {
            let holder = topology.port_by_tunnel_key(port.tunnel_key);
            if holder.is_some_and(|holder| holder != port.id) {
                port.tunnel_key = UNNUMBERED;
            }
            match topology.port(port.id) {
                Some(now) => {
                    port.tunnel_key = now.tunnel_key;
                    if port.binding != now.binding {
                        self.bindings_kept += 1;
                    }
                    port.binding = now.binding.clone();
                    port.previous_host = now.previous_host;
                }
                None => {
                    let holder = port
                        .binding
                        .as_ref()
                        .and_then(|binding| topology.port_by_binding(binding))
                        .filter(|holder| self.objects.contains_key(&(*holder).into()));
                    if holder.is_some() {
                        port.binding = None;
                        self.bindings_lost += 1;
                    }
                }
            }
            if port.peer.is_some() && port.binding.take().is_some() {
                self.bindings_lost += 1;
            }
            self.objects.insert(port.id.into(), port.into());
        }
    }

    /// Numbers the ports whose number is another's. Returns the number given last.
    fn number(&mut self, backup: &Backup) -> Result<u64, ApiError> {
        let counted = backup.documents.iter().map(|document| match document {
            Document::Counter(Counter::TunnelKey, value) => *value,
            _ => 0,
        });
        let now = self.model.counter(Counter::TunnelKey);
        let mut last = counted.chain([now]).max().unwrap_or(now);
        let keys = self.objects.values().filter_map(|object| match object {
            Object::Port(port) => Some(port.tunnel_key),
            _ => None,
        });
        let mut taken: BTreeSet<u32> = keys.collect();
        let model = self.model;
        for object in self.objects.values_mut() {
            let Object::Port(port) = object else { continue };
            if port.tunnel_key == UNNUMBERED {
                let key = tunnel_key::next_free(last, |key| {
                    taken.contains(&key) || model.topology.port_by_tunnel_key(key).is_some()
                })?;
                last = key.into();
                taken.insert(key);
                let mut port = Port::clone(port);
                port.tunnel_key = key;
                *object = port.into();
            }
        }
        Ok(last)
    }
}

/// Counters, and what files manage.
fn others(model: &Model, backup: &Backup, counter: u64) -> Vec<Document> {
    let mut documents = Vec::new();
    if counter != model.counter(Counter::TunnelKey) {
        documents.push(Document::Counter(Counter::TunnelKey, counter));
    }
    let kept: BTreeMap<(&String, &ObjectId), &Option<String>> = backup
        .documents
        .iter()
        .filter_map(|document| match document {
            Document::Member { file, object, path } => Some(((file, object), path)),
            _ => None,
        })
        .collect();
    let now: BTreeMap<(&String, &ObjectId), &String> = model
        .files()
        .flat_map(|(file, members)| members.iter().map(move |(id, path)| ((file, id), path)))
        .collect();
    let member = |(file, object): (&String, &ObjectId), path: Option<String>| Document::Member {
        file: file.clone(),
        object: *object,
        path,
    };
    let new = kept
        .iter()
        .filter(|(key, path)| now.get(*key).copied() != path.as_ref());
    documents.extend(new.map(|(key, path)| member(*key, (*path).clone())));
    let surplus = now.keys().filter(|key| !kept.contains_key(*key));
    documents.extend(surplus.map(|key| member(*key, None)));
    documents
}

fn kinds(
    model: &Model,
    objects: &BTreeMap<ObjectId, Object>,
    changes: &[Change],
) -> Vec<KindCount> {
    let count = |kind: Kind| {
        let mut count = KindCount {
            kind,
            created: 0,
            changed: 0,
            removed: 0,
            same: 0,
        };
        for change in changes.iter().filter(|change| change.id().kind == kind) {
            let before = model.topology.object(change.id()).is_some();
            match (before, change) {
                (_, Change::Gone(_)) => count.removed += 1,
                (true, Change::Put(_)) => count.changed += 1,
                (false, Change::Put(_)) => count.created += 1,
            }
        }
        let all = objects.keys().filter(|id| id.kind == kind).count() as u64;
        count.same = all - count.created - count.changed;
        count
    };
    let kinds = Kind::ALL.iter().copied().map(count);
    kinds
        .filter(|count| count.created + count.changed + count.removed + count.same > 0)
        .collect()
}

/// Names an outcome.
fn digest(changes: &[Change], documents: &[Document]) -> String {
    let mut hash = Sha256::new();
    for change in changes {
        hash.update(serde_json::json!(change).to_string());
    }
    for document in documents {
        hash.update(format!("{document:?}"));
    }
    let hash = hash.finalize();
    hash.iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

//! However the stream is cut up, the snapshot is that of the objects.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use weft_topology::{Change, Object, ObjectId, Snapshot};
use weft_wire::watch::WatchLine;

use super::{
    ELSEWHERE, HERE, arp, bridge, bridge_id, complete, gone, host, port, port_id, put, relist,
};
use crate::snapshot::Builder;

/// A change to the store.
#[derive(Clone, Debug)]
enum Edit {
    Rename(u32, u8),
    Arp(u32, u8, bool),
    Port(u32, Option<bool>),
}

/// What happens, one after the other.
#[derive(Clone, Debug)]
enum Happening {
    /// A transaction.
    Commit(Vec<Edit>),
    /// The watch's lines up to now arrive, but for so many of the last.
    Arrive(usize),
    /// The watch ends; with its next one the service continues, or lists everything.
    Break { relist: bool },
    /// The host follows these of three bridges.
    Follow(BTreeSet<u32>),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (0..3u32, any::<u8>()).prop_map(|(n, name)| Edit::Rename(n, name)),
        (0..3u32, 0..3u8, any::<bool>()).prop_map(|(n, last, here)| Edit::Arp(n, last, here)),
        (0..3u32, proptest::option::of(any::<bool>())).prop_map(|(n, at)| Edit::Port(n, at)),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => proptest::collection::vec(edit(), 1..4).prop_map(Happening::Commit),
        3 => (0..4usize).prop_map(Happening::Arrive),
        1 => any::<bool>().prop_map(|relist| Happening::Break { relist }),
        2 => proptest::collection::btree_set(0..3u32, 0..3).prop_map(Happening::Follow),
    ]
}

/// The store, and what its service has said to the host.
struct Service {
    revision: u64,
    objects: BTreeMap<ObjectId, Object>,
    /// The objects at each revision.
    history: BTreeMap<u64, BTreeMap<ObjectId, Object>>,
    interests: BTreeSet<ObjectId>,
    interest: u64,
    lines: Vec<WatchLine>,
}

impl Service {
    fn new() -> Self {
        let host = host();
        let objects: BTreeMap<ObjectId, Object> = [(host.id(), host)].into();
        Self {
            revision: 1,
            history: [(1, objects.clone())].into(),
            objects,
            interests: BTreeSet::new(),
            interest: 0,
            lines: Vec::new(),
        }
    }

    fn follows(&self, object: &Object) -> bool {
        let followed = |id: &ObjectId| self.interests.contains(id) || *id == HERE.into();
        followed(&object.id()) || object.brought_by().iter().any(followed)
    }

    fn commit(&mut self, edits: &[Edit]) {
        self.revision += 1;
        for edit in edits {
            let (id, new): (ObjectId, Option<Object>) = match *edit {
                Edit::Rename(n, name) => (bridge_id(n).into(), Some(bridge(n, &name.to_string()))),
                Edit::Arp(n, last, here) => {
                    let entry = arp(n, last);
                    (entry.id.into(), here.then(|| entry.into()))
                }
                Edit::Port(n, at) => {
                    let host = at.map(|here| if here { HERE } else { ELSEWHERE });
                    let port = port(n, 0, host);
                    (port.id.into(), host.map(|_| port.into()))
                }
            };
            let old = match new.clone() {
                Some(object) => self.objects.insert(id, object),
                None => self.objects.remove(&id),
            };
            let states = [old.as_ref(), new.as_ref()];
            if states.into_iter().flatten().any(|it| self.follows(it)) {
                self.lines.push(match new {
                    Some(object) => put(self.revision, object),
                    None => gone(self.revision, id),
                });
            }
        }
        self.history.insert(self.revision, self.objects.clone());
        self.complete();
    }

    /// What changed after a revision of what concerns the host, before or after.
    fn changes_since(&mut self, revision: u64, concerns: impl Fn(&Object) -> bool) {
        let old = &self.history[&revision];
        let ids: BTreeSet<ObjectId> = old.keys().chain(self.objects.keys()).copied().collect();
        for id in ids {
            let (before, after) = (old.get(&id), self.objects.get(&id));
            if before != after && [before, after].into_iter().flatten().any(&concerns) {
                self.lines.push(match after {
                    Some(object) => put(self.revision, object.clone()),
                    None => gone(self.revision, id),
                });
            }
        }
    }

    fn complete(&mut self) {
        self.lines.push(complete(self.revision, self.interest));
    }

    fn list(&mut self, only: impl Fn(&Object) -> bool) {
        for object in self.objects.values() {
            if self.follows(object) && only(object) {
                self.lines.push(put(self.revision, object.clone()));
            }
        }
    }

    fn interest(&mut self, number: u64, add: &[ObjectId], drop: &[ObjectId]) {
        self.interest = number;
        for id in drop {
            self.interests.remove(id);
        }
        self.interests.extend(add);
        self.list(|object| {
            add.contains(&object.id()) || object.brought_by().iter().any(|id| add.contains(id))
        });
        for id in add.iter().filter(|id| !self.objects.contains_key(id)) {
            self.lines.push(gone(self.revision, *id));
        }
        self.complete();
    }

    /// What the host should know.
    fn snapshot(&self) -> Snapshot {
        let here = self.objects.values().filter(|object| self.follows(object));
        let absent = self
            .interests
            .iter()
            .filter(|id| !self.objects.contains_key(id));
        let changes: Vec<Change> = here
            .map(|object| Change::Put(object.clone()))
            .chain(absent.map(|id| Change::Gone(*id)))
            .collect();
        Snapshot::default().apply(self.revision, &changes).0
    }
}

proptest! {
    #[test]
    fn the_snapshot_is_that_of_the_objects_however_the_stream_is_cut_up(
        happenings in proptest::collection::vec(happening(), 1..30),
    ) {
        let mut service = Service::new();
        let mut builder = Builder::new(HERE);
        let mut wanted: BTreeSet<ObjectId> = [port_id(7).into()].into();
        open(&mut service, &mut builder, &wanted, true);
        for happening in happenings {
            match happening {
                Happening::Commit(edits) => service.commit(&edits),
                Happening::Arrive(but) => {
                    let arrived = service.lines.len().saturating_sub(but);
                    for line in service.lines.drain(..arrived) {
                        builder.line(line);
                    }
                }
                Happening::Break { relist } => {
                    builder.close();
                    open(&mut service, &mut builder, &wanted, relist);
                }
                Happening::Follow(bridges) => {
                    wanted = bridges.into_iter().map(|n| bridge_id(n).into()).collect();
                    if let Some(request) = builder.follow(&wanted) {
                        service.interest(request.number, &request.add, &request.drop);
                    }
                }
            }
        }
        for line in service.lines.drain(..) {
            builder.line(line);
        }
        // What was wanted while a request was under way is asked for now.
        if let Some(request) = builder.follow(&wanted) {
            service.interest(request.number, &request.add, &request.drop);
        }
        for line in service.lines.drain(..) {
            builder.line(line);
        }
        prop_assert_eq!(&service.interests, &wanted);
        prop_assert!(builder.is_settled());
        let (found, expected) = (builder.snapshot(), service.snapshot());
        prop_assert!(
            found.same_content(&expected),
            "{:?}\nis not\n{:?}", found, expected
        );
        prop_assert_eq!(builder.resume().map(|it| it.revision), Some(service.revision));
        let again = Builder::from_stored(HERE, builder.stored());
        prop_assert!(again.snapshot().same_content(&expected));
    }
}

/// A new watch: the service lists everything, or continues where the host is.
fn open(
    service: &mut Service,
    builder: &mut Builder,
    wanted: &BTreeSet<ObjectId>,
    is_relisted: bool,
) {
    service.lines.clear();
    service.interests.clear();
    service.interest = 0;
    let resume = builder.resume().map(|resume| resume.revision);
    let base = resume.filter(|_| !is_relisted);
    match base {
        Some(revision) => service.changes_since(revision, |object| {
            object.id() == HERE.into() || object.brought_by().contains(&HERE.into())
        }),
        None => {
            service.lines.push(relist());
            service.list(|_| true);
        }
    }
    service.complete();
    if let Some(request) = builder.opened("s", wanted) {
        let Some(revision) = base else {
            let all: Vec<ObjectId> = request.add.into_iter().chain(request.known).collect();
            service.interest(request.number, &all, &[]);
            return;
        };
        let known = request.known;
        service.interests.extend(&known);
        service.changes_since(revision, |object| {
            known.contains(&object.id()) || object.brought_by().iter().any(|id| known.contains(id))
        });
        service.interest(request.number, &request.add, &[]);
    }
}

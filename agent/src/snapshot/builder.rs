//! Makes snapshots out of a watch's lines.
//!
//! Races:
//! - *A transaction arrives by half.* Lines are held back until `complete`, and at the beginning of a
//!   watch until the `complete` that answers the first interest request: before it, of one transaction
//!   the host's own ports may have come and the bridge not.
//! - *An object is let go and asked for again* while lines that concern it are under way: they would pass
//!   for newer than they are. So one interest request is under way at a time.
//! - *The watch ends in the middle.* What is held back is dropped; the next watch continues from the
//!   last `complete`. An object that was asked for and has not come is asked for again.
//! - *The service forgot what the host knows* (`relist`), or has another store. What is known stays in use
//!   until everything has come; what has not come by then is gone. Until then the snapshot is the old
//!   store's, also on disk: its revision means nothing in the new one.

use std::collections::BTreeSet;
use std::sync::Arc;

use weft_topology::id::HostId;
use weft_topology::policy::Established;
use weft_topology::{Change, Epoch, Known, LocalPort, Object, ObjectId, Snapshot, Tag};
use weft_wire::watch::{InterestRequest, WatchLine};

use super::disk::Stored;
use crate::service::Resume;

/// What is known, and how far the watch is.
#[derive(Debug)]
pub struct Builder {
    host: HostId,
    snapshot: Snapshot,
    /// The store that the snapshot is of; empty: none yet.
    store: String,
    /// Objects asked for, beside the host itself.
    followed: BTreeSet<ObjectId>,
    watch: Watch,
    /// The store of the watch.
    opened: String,
    /// Since the last `complete`.
    held: Vec<Change>,
    /// Everything that came since a `relist`.
    relisted: Option<BTreeSet<ObjectId>>,
    /// What changed since the last [`Builder::publish`].
    tags: BTreeSet<Tag>,
    changed: bool,
    published: Option<Epoch>,
}

/// How far the watch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watch {
    /// There is none.
    Closed,
    /// There is one.
    Open {
        /// The newest interest request.
        asked: u64,
        /// The newest that is answered.
        answered: u64,
        /// Nothing is applied before this one is answered.
        first: u64,
        /// Whether anything was applied.
        begun: bool,
    },
}

/// What a line did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The snapshot was brought to this revision by a `complete`.
    pub complete: bool,
    /// The service is at this revision, and all that concerns the host up to it has come.
    pub reached: Option<u64>,
}

impl Builder {
    /// A host that knows nothing yet.
    pub fn new(host: HostId) -> Self {
        Self {
            host,
            snapshot: Snapshot::default(),
            store: String::new(),
            followed: BTreeSet::new(),
            watch: Watch::Closed,
            opened: String::new(),
            held: Vec::new(),
            relisted: None,
            tags: BTreeSet::new(),
            changed: false,
            published: None,
        }
    }

    /// A host that knows what its disk says.
    pub fn from_stored(host: HostId, stored: Stored) -> Self {
        let mut builder = Self::new(host);
        let here = stored.objects.into_iter().map(Change::Put);
        let absent = stored.absent.into_iter().map(Change::Gone);
        let changes: Vec<Change> = here.chain(absent).collect();
        let snapshot = builder.snapshot.apply(stored.revision, &changes).0;
        builder.snapshot = snapshot.with_established(stored.established).0;
        builder.store = stored.store;
        builder.followed = stored.followed.into_iter().collect();
        builder
    }

    /// The newest version, with the local ports.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The store that the snapshot is of; empty: it is of none yet.
    pub fn store(&self) -> &str {
        &self.store
    }

    /// What to keep on disk.
    pub fn stored(&self) -> Stored {
        Stored::new(&self.store, &self.snapshot, &self.followed)
    }

    /// Where the next watch may continue.
    pub fn resume(&self) -> Option<Resume> {
        let revision = self.snapshot.epoch().revision;
        (revision > 0 && !self.store.is_empty()).then(|| Resume {
            revision,
            store: self.store.clone(),
        })
    }

    /// A watch has been opened, which was told to continue where [`Builder::resume`] said. The request to
    /// begin it with, if anything is wanted.
    pub fn opened(&mut self, store: &str, wanted: &BTreeSet<ObjectId>) -> Option<InterestRequest> {
        self.close();
        store.clone_into(&mut self.opened);
        let is_same = store == self.store;
        if !is_same && !self.store.is_empty() {
            self.relisted = Some(BTreeSet::new());
        }
        let (known, add): (Vec<_>, Vec<_>) = wanted
            .iter()
            .partition(|id| is_same && self.snapshot.object(**id).is_loaded());
        self.followed.clone_from(wanted);
        let first = u64::from(!wanted.is_empty());
        self.watch = Watch::Open {
            asked: first,
            answered: 0,
            first,
            begun: false,
        };
        self.forget_unfollowed();
        (first > 0).then_some(InterestRequest {
            number: first,
            add,
            known,
            drop: Vec::new(),
        })
    }

    /// The watch has ended.
    pub fn close(&mut self) {
        self.watch = Watch::Closed;
        self.held.clear();
        self.relisted = None;
    }

    /// Whether everything that was asked for has come.
    pub fn is_settled(&self) -> bool {
        match self.watch {
            Watch::Closed => false,
            Watch::Open {
                asked,
                answered,
                begun,
                ..
            } => begun && asked == answered && self.relisted.is_none(),
        }
    }

    /// Follows these objects from now on and no others; the request that says so to the service. None while
    /// the one before is not answered: to be asked again when it is.
    pub fn follow(&mut self, wanted: &BTreeSet<ObjectId>) -> Option<InterestRequest> {
        let Watch::Open {
            asked, answered, ..
        } = &mut self.watch
        else {
            return None;
        };
        if asked != answered {
            return None;
        }
        let add: Vec<ObjectId> = wanted.difference(&self.followed).copied().collect();
        let drop: Vec<ObjectId> = self.followed.difference(wanted).copied().collect();
        if add.is_empty() && drop.is_empty() {
            return None;
        }
        *asked += 1;
        let request = InterestRequest {
            number: *asked,
            add,
            known: Vec::new(),
            drop,
        };
        self.followed.clone_from(wanted);
        if !request.drop.is_empty() {
            self.forget_unfollowed();
        }
        Some(request)
    }

    /// Takes a line.
    pub fn line(&mut self, line: WatchLine) -> Heard {
        match line {
            WatchLine::Put { object, .. } => self.hold(Change::Put(object)),
            WatchLine::Gone { id, .. } => self.hold(Change::Gone(id)),
            WatchLine::Relist { reason } => {
                tracing::info!(reason, "the topology is listed anew");
                self.held.clear();
                self.relisted = Some(BTreeSet::new());
                Heard::default()
            }
            WatchLine::Complete { revision, interest } => self.complete(revision, interest),
            WatchLine::Heartbeat { revision } => Heard {
                complete: false,
                reached: (self.is_settled() && self.held.is_empty()).then_some(revision),
            },
        }
    }

    /// The ports that the datapath carries from now on.
    pub fn set_local(&mut self, ports: &[LocalPort]) {
        let (snapshot, tags) = self.snapshot.with_local(ports);
        self.take(snapshot, tags, false);
    }

    /// What becomes of connections that a removed rule admitted, from now on.
    pub fn set_established(&mut self, established: Established) {
        let (snapshot, tags) = self.snapshot.with_established(established);
        self.take(snapshot, tags, false);
    }

    /// The newest version with what changed since the last one that was given out; absent when it
    /// would answer the same.
    pub fn publish(&mut self) -> Option<(Arc<Snapshot>, Arc<BTreeSet<Tag>>)> {
        let fresh = self.published != Some(self.snapshot.epoch());
        if !fresh || (!self.changed && self.tags.is_empty()) {
            return None;
        }
        self.published = Some(self.snapshot.epoch());
        self.changed = false;
        let tags = std::mem::take(&mut self.tags);
        Some((Arc::new(self.snapshot.clone()), Arc::new(tags)))
    }

    fn hold(&mut self, change: Change) -> Heard {
        if let Some(relisted) = &mut self.relisted {
            relisted.insert(change.id());
        }
        self.held.push(change);
        Heard::default()
    }

    fn complete(&mut self, revision: u64, interest: u64) -> Heard {
        let Watch::Open {
            asked,
            answered,
            first,
            begun,
        } = &mut self.watch
        else {
            return Heard::default();
        };
        // A service that answers what was not asked shall not be waited for.
        *answered = interest.min(*asked).max(*answered);
        if *answered < *first {
            return Heard::default();
        }
        *begun = true;
        let changes = std::mem::take(&mut self.held);
        let (snapshot, tags) = self.snapshot.apply(revision, &changes);
        self.take(snapshot, tags, !changes.is_empty());
        self.opened.clone_into(&mut self.store);
        if let Some(came) = self.relisted.take() {
            self.forget_all_but(&came);
        }
        self.forget_strays(changes.iter().map(Change::id));
        Heard {
            complete: true,
            reached: self.is_settled().then_some(revision),
        }
    }

    /// Whether changes of an object come.
    fn follows(&self, object: &Object) -> bool {
        let followed = |id: &ObjectId| self.followed.contains(id) || *id == self.host.into();
        followed(&object.id()) || object.brought_by().iter().any(followed)
    }

    /// Forgets those of changed objects whose further changes do not come: a port that went to another
    /// host, and what is gone without having been asked for.
    fn forget_strays(&mut self, changed: impl Iterator<Item = ObjectId>) {
        let strays: Vec<ObjectId> = changed
            .filter(|id| match self.snapshot.object(*id) {
                Known::Here(object) => !self.follows(object),
                Known::Absent => !self.followed.contains(id),
                Known::NotLoaded => false,
            })
            .collect();
        self.forget(&strays);
    }

    fn forget_unfollowed(&mut self) {
        let here = self.snapshot.objects().filter(|it| !self.follows(it));
        let absent = self
            .snapshot
            .absent()
            .filter(|id| !self.followed.contains(id));
        let ids: Vec<ObjectId> = here.map(Object::id).chain(absent).collect();
        self.forget(&ids);
    }

    fn forget_all_but(&mut self, came: &BTreeSet<ObjectId>) {
        let here = self.snapshot.objects().map(Object::id);
        let known = here.chain(self.snapshot.absent());
        let ids: Vec<ObjectId> = known.filter(|id| !came.contains(id)).collect();
        self.forget(&ids);
    }

    fn forget(&mut self, ids: &[ObjectId]) {
        if !ids.is_empty() {
            let (snapshot, tags) = self.snapshot.forget(ids);
            self.take(snapshot, tags, false);
        }
    }

    fn take(&mut self, snapshot: Snapshot, tags: BTreeSet<Tag>, changed: bool) {
        self.snapshot = snapshot;
        self.tags.extend(tags);
        self.changed |= changed;
    }
}

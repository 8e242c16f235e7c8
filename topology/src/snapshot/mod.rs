//! The snapshot: one immutable version of the part of the topology that a host knows, together with
//! the ports that its datapath carries.
//!
//! ```text
//!  watch: Change ─▶ apply ──────┐
//!  vports: LocalPort ─▶ with_local ─▶ (Snapshot, tags) ─▶ published to the workers, tags to their flows
//!  interest dropped ─▶ forget ──┘
//! ```
//!
//! A new version shares with the one before it all that did not change, so its cost follows the
//! change. What a snapshot answers depends on its objects and local ports alone, never on the order in
//! which they came. It has no lock: a version, once made, never changes.

mod apply;
mod checks;
mod index;
mod lookup;
mod programs;
mod server;
mod suppose;
mod tables;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::id::{ObjectId, PortId};
use crate::object::Change;
use crate::policy::Established;
use crate::tag::Tag;
use tables::Tables;

pub use checks::{Asks, Check, Checks};
pub use programs::{Needs, Program, Step};

/// One version of what a host knows. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    epoch: Epoch,
    tables: Arc<Tables>,
    established: Established,
}

/// A snapshot's number on one host. It differs between any two snapshots, made one from the other,
/// that may give different answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Epoch {
    /// The store's revision that the objects are of.
    pub revision: u64,
    /// How many changes came from the host itself: local ports, and which objects it follows.
    pub bindings: u64,
}

/// What a snapshot has to say about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known<T> {
    /// It exists.
    Here(T),
    /// It is known not to exist.
    Absent,
    /// The host does not follow it; the service has to be asked.
    NotLoaded,
}

/// A virtual port that this host's datapath carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalPort {
    /// The virtual port.
    pub port: PortId,
    /// Its number in the datapath.
    pub number: u32,
    /// The network interface behind it.
    pub interface: String,
}

impl LocalPort {
    /// Its connection tracking zone: the number again, which the kernel keeps as long as the port is there. A
    /// datapath has less than 65,536 ports (`DP_MAX_PORTS`); 0 for a number that none has.
    pub fn zone(&self) -> u16 {
        u16::try_from(self.number).unwrap_or(0)
    }
}

impl Snapshot {
    /// The number of this version.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Applies the changes of the store up to `revision`. Returns the new version with the tags of
    /// the facts that it changed. Of several changes to one object the last counts; a change to what
    /// is already so has no effect and no tag. [`Change::Gone`] also makes an object known to be absent
    /// that was not loaded.
    pub fn apply(&self, revision: u64, changes: &[Change]) -> (Snapshot, BTreeSet<Tag>) {
        let mut tables = self.tables.clone();
        let tags = apply::changes(&mut tables, changes);
        let mut epoch = self.epoch;
        // Objects that were asked for late may come with a revision that is in force already, and a store
        // that was put back to an older copy counts from there.
        if revision <= epoch.revision && !tags.is_empty() {
            epoch.bindings += 1;
        }
        epoch.revision = revision;
        let next = Snapshot {
            epoch,
            tables,
            established: self.established,
        };
        (next, tags)
    }

    /// Replaces the list of local ports by `ports`. Where a port or a number is named twice, the
    /// later entry counts. Returns the new version with the tags of the facts that it changed.
    pub fn with_local(&self, ports: &[LocalPort]) -> (Snapshot, BTreeSet<Tag>) {
        let mut tables = self.tables.clone();
        let tags = apply::local_ports(&mut tables, ports);
        (self.after_local_change(tables, &tags), tags)
    }

    /// Drops objects that the host no longer follows: they are then [`Known::NotLoaded`]. Returns
    /// the new version with the tags of the facts that it changed.
    pub fn forget(&self, ids: &[ObjectId]) -> (Snapshot, BTreeSet<Tag>) {
        let mut tables = self.tables.clone();
        let tags = apply::forget(&mut tables, ids);
        (self.after_local_change(tables, &tags), tags)
    }

    /// What removing a rule does to connections that it admitted. Tag: `Established`.
    pub fn established(&self) -> Established {
        self.established
    }

    /// Sets that. Returns the new version with the tags of the facts that it changed.
    pub fn with_established(&self, established: Established) -> (Snapshot, BTreeSet<Tag>) {
        let changed = established != self.established;
        let tags = BTreeSet::from_iter(changed.then_some(Tag::Established));
        let mut next = self.after_local_change(self.tables.clone(), &tags);
        next.established = established;
        (next, tags)
    }

    /// Whether both snapshots give the same answers, whatever their numbers.
    pub fn same_content(&self, other: &Snapshot) -> bool {
        if self.established != other.established {
            return false;
        }
        Arc::ptr_eq(&self.tables, &other.tables) || self.tables == other.tables
    }

    fn after_local_change(&self, tables: Arc<Tables>, tags: &BTreeSet<Tag>) -> Snapshot {
        let mut epoch = self.epoch;
        if !tags.is_empty() {
            epoch.bindings += 1;
        }
        Snapshot {
            epoch,
            tables,
            established: self.established,
        }
    }
}

impl<T> Known<T> {
    /// The object, if it exists.
    pub fn here(self) -> Option<T> {
        match self {
            Known::Here(object) => Some(object),
            Known::Absent | Known::NotLoaded => None,
        }
    }

    /// Whether the host follows the object, be it there or not.
    pub fn is_loaded(&self) -> bool {
        !matches!(self, Known::NotLoaded)
    }

    /// Applies a function to the object, if it exists.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Known::Here(object) => Known::Here(f(object)),
            Known::Absent => Known::Absent,
            Known::NotLoaded => Known::NotLoaded,
        }
    }
}

impl<T: Clone> Known<&T> {
    /// An owned copy; objects are reference-counted, so it is cheap.
    pub fn cloned(self) -> Known<T> {
        self.map(T::clone)
    }
}

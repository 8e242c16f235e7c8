//! The kernel's table of connections, as far as this program has to do with it: look, mark, delete one.
//!
//! The table belongs to a network namespace, not to a datapath, and others write into it, too. So whatever is
//! done is done to one entry, named by its zone and its original direction. There is no way to say "all of a zone"
//! or "all with a mark": Linux 6.1 takes a deletion without a tuple for one of the whole table. Who wants
//! that lists the entries and deletes each.
//!
//! Races:
//! * An entry ends, or another takes its place, between a listing and what is done because of it. What is not
//!   there any more is [`Outcome::NotThere`]. A deletion names the entry's id as well, so it never takes one that has
//!   come meanwhile.
//! * A packet that commits a mark meets [`Conntrack::set_mark`]: the kernel writes marks without a lock, and the
//!   later one stays. So change the flows that commit before the marks.
//! * A listing takes a while: an entry that comes or goes meanwhile is in it or not.

mod entry;
mod tuple;
mod word;

pub use entry::{Counters, Entry, Status, TcpState, Traffic};
pub use tuple::{Part, Tuple};
pub use word::Word;
pub(crate) use word::{may_begin, quoted, tuple_of};

use crate::error::Error;

/// A handle on the table of connections of a network namespace. A thread has its own.
pub trait Conntrack: Send {
    /// Visits the entries that a filter admits. An entry may be visited twice. One that cannot be read is an
    /// error to the visitor, and the listing goes on. Starts again, visiting from the first entry, when the kernel
    /// calls the listing interrupted or has dropped part of it.
    fn list(
        &mut self,
        filter: Filter,
        visit: &mut dyn FnMut(Result<Entry, Error>),
    ) -> Result<(), Error>;

    /// The entry of a zone whose original direction is that tuple. One whose reply direction it is does not count.
    fn entry(&mut self, zone: u16, original: &Tuple) -> Result<Option<Entry>, Error>;

    /// Writes bits of the mark of the entry of a zone whose original direction is that tuple. It makes no entry.
    fn set_mark(&mut self, zone: u16, original: &Tuple, mark: Bits) -> Result<Outcome, Error>;

    /// Deletes the entry of a zone whose original direction is that tuple.
    fn delete(&mut self, zone: u16, original: &Tuple) -> Result<Outcome, Error>;
}

/// Which entries a listing shows. By default all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Filter {
    /// Those that have these bits in their mark. The kernel sends no others.
    pub mark: Option<Bits>,
    /// Those of this zone. All are read for it: Linux 6.1 does not filter by zone.
    pub zone: Option<u16>,
}

/// Some bits of a mark.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bits {
    /// What they are. Bits outside of the mask do not count.
    pub value: u32,
    /// Which they are.
    pub mask: u32,
}

/// What came of an attempt on one entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Outcome {
    /// It is done.
    Done,
    /// There is no such entry, or there was none any more.
    NotThere,
}

impl Filter {
    /// Whether it admits an entry.
    pub fn admits(&self, entry: &Entry) -> bool {
        self.zone.is_none_or(|zone| zone == entry.zone)
            && self.mark.is_none_or(|bits| bits.are_in(entry.mark))
    }
}

impl Bits {
    /// All bits of a mark.
    pub fn all(value: u32) -> Self {
        Self {
            value,
            mask: u32::MAX,
        }
    }

    /// Whether a mark has these bits.
    pub fn are_in(self, mark: u32) -> bool {
        (mark ^ self.value) & self.mask == 0
    }

    /// A mark with these bits written.
    pub fn written_into(self, mark: u32) -> u32 {
        mark & !self.mask | self.value & self.mask
    }
}

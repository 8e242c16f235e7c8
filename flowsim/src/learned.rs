//! What the simulation knows beside the snapshot: learned tables and the time, both given by the caller.

use weft_topology::MacAddr;
use weft_topology::id::{BridgeId, PortId};

/// A point in time: milliseconds of a monotonic clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Time(pub u64);

/// Learned tables. They stand outside the snapshot, because packets change them; what is read of them
/// has tags like any other fact, and whoever changes one announces the tag.
///
/// An entry is there until it is removed: it does not end by itself at some time, since a flow that
/// uses it (has its tag and is hit) keeps it alive. `now` lets a table hide an entry whose age is over
/// and whose removal it is about to announce.
pub trait Learned {
    /// The port behind which a bridge has last seen a MAC; VLAN 0 for untagged frames. Tag: `Mac`.
    fn mac(&self, bridge: BridgeId, vlan: u16, mac: MacAddr, now: Time) -> Option<PortId>;
}

/// Tables in which nothing stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct NothingLearned;

impl Learned for NothingLearned {
    fn mac(&self, _: BridgeId, _: u16, _: MacAddr, _: Time) -> Option<PortId> {
        None
    }
}

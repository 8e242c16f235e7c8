//! How many connections a zone may have.

use std::fmt;
use std::num::NonZeroU32;

use crate::error::Error;

/// Limits on the connections that `Action::Ct` commits. They belong to the network namespace, not to one datapath, and
/// stay when the datapath goes.
///
/// A packet that would commit one connection too many is dropped where it commits; connections that are there
/// stay. The kernel counts a zone's connections only while it has a limit, from those on that are committed then; and
/// for some milliseconds the connection that it has just refused.
pub trait ConnectionLimits {
    /// Sets a limit; none: as many as the table has room for.
    fn set_limit(&mut self, of: Limited, limit: Option<NonZeroU32>) -> Result<(), Error>;

    /// Takes a zone's own limit away, so that the default holds for it; of the default, makes it none.
    fn clear_limit(&mut self, of: Limited) -> Result<(), Error>;

    /// The limit that holds, and how much of it is taken.
    fn limit(&mut self, of: Limited) -> Result<Limit, Error>;
}

/// What a limit is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Limited {
    /// Each zone that has none of its own.
    Default,
    /// One zone.
    Zone(u16),
}

/// A limit that holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// Connections; none: as many as there is room for.
    pub limit: Option<NonZeroU32>,
    /// Connections that were counted; 0 of the default, which is no zone.
    pub count: u32,
}

impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("zones without one"),
            Self::Zone(zone) => write!(f, "zone {zone}"),
        }
    }
}

//! The table of connections of a datapath in memory, by the trait; and its limits.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::MemoryDatapath;
use super::state::State;
use crate::conntrack::{Bits, Conntrack, Entry, Filter, Outcome, Tuple};
use crate::error::Error;
use crate::limit::{ConnectionLimits, Limit, Limited};

/// A handle on the connections that a datapath in memory has committed.
pub(super) struct MemoryConntrack(pub(super) Arc<Mutex<State>>);

impl MemoryConntrack {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Conntrack for MemoryConntrack {
    fn list(
        &mut self,
        filter: Filter,
        visit: &mut dyn FnMut(Result<Entry, Error>),
    ) -> Result<(), Error> {
        let entries: Vec<_> = {
            let state = self.lock();
            let all = state.connections.entries();
            all.filter(|entry| filter.admits(entry)).collect()
        };
        // Unlocked, so that the visitor may use other handles.
        entries.into_iter().map(Ok).for_each(visit);
        Ok(())
    }

    fn entry(&mut self, zone: u16, original: &Tuple) -> Result<Option<Entry>, Error> {
        Ok(self.lock().connections.entry(zone, *original))
    }

    fn set_mark(&mut self, zone: u16, original: &Tuple, mark: Bits) -> Result<Outcome, Error> {
        let connections = &mut self.lock().connections;
        let Some(entry) = connections.entry(zone, *original) else {
            return Ok(Outcome::NotThere);
        };
        connections.set_mark(entry.id, mark);
        Ok(Outcome::Done)
    }

    fn delete(&mut self, zone: u16, original: &Tuple) -> Result<Outcome, Error> {
        let connections = &mut self.lock().connections;
        let Some(entry) = connections.entry(zone, *original) else {
            return Ok(Outcome::NotThere);
        };
        connections.remove(entry.id);
        Ok(Outcome::Done)
    }
}

impl ConnectionLimits for MemoryDatapath {
    fn set_limit(&mut self, of: Limited, limit: Option<NonZeroU32>) -> Result<(), Error> {
        let connections = &mut self.lock().connections;
        match of {
            Limited::Default => connections.default_limit = limit,
            Limited::Zone(zone) => drop(connections.limits.insert(zone, limit)),
        }
        Ok(())
    }

    fn clear_limit(&mut self, of: Limited) -> Result<(), Error> {
        let connections = &mut self.lock().connections;
        match of {
            Limited::Default => connections.default_limit = None,
            Limited::Zone(zone) => drop(connections.limits.remove(&zone)),
        }
        Ok(())
    }

    fn limit(&mut self, of: Limited) -> Result<Limit, Error> {
        let connections = &self.lock().connections;
        Ok(match of {
            Limited::Default => Limit {
                limit: connections.default_limit,
                count: 0,
            },
            Limited::Zone(zone) => Limit {
                limit: connections.limit(zone),
                count: connections.count(zone),
            },
        })
    }
}

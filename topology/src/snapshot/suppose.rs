//! A version that never was: what a host would know after changes that are only talked of.

use super::{Known, LocalPort, Snapshot};
use crate::object::Change;

impl Snapshot {
    /// This version as changes would make it: their objects written, and the local ports let go that they remove or
    /// bind elsewhere. It has this version's revision and must not be published.
    pub fn supposing(&self, changes: &[Change]) -> Snapshot {
        let (then, _) = self.apply(self.epoch().revision, changes);
        let stays = |local: &&LocalPort| match (self.port(local.port), then.port(local.port)) {
            (Known::Here(now), Known::Here(then)) => {
                now.binding.is_none() || now.binding == then.binding
            }
            (now, then) => now == then,
        };
        let local: Vec<LocalPort> = self.local_ports().filter(stays).cloned().collect();
        then.with_local(&local).0
    }
}

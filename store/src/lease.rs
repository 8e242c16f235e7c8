//! Leases in memory: who has said within its time that it lives.
//!
//! They do not survive the process. So for one grace period after its start nobody is declared dead:
//! whoever held a lease before has the time to say so again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is known of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseState {
    /// Its owner lives.
    Held {
        /// What the owner said last.
        value: Arc<str>,
    },
    /// Not heard of since this process started, a moment ago.
    Grace,
    /// Its time is over, or it never was.
    Lapsed,
}

/// The leases of one process.
#[derive(Debug)]
pub struct Leases {
    grace_until: Instant,
    held: Mutex<HashMap<String, Held>>,
}

#[derive(Debug)]
struct Held {
    until: Instant,
    value: Option<Arc<str>>,
}

impl Leases {
    /// No lease; the grace period begins.
    pub fn new(grace: Duration, now: Instant) -> Self {
        Self {
            grace_until: now + grace,
            held: Mutex::default(),
        }
    }

    /// See [`Store::renew`](crate::Store::renew).
    pub fn renew(&self, name: &str, value: String, ttl: Duration, now: Instant) {
        let held = Held {
            until: now + ttl,
            value: Some(value.into()),
        };
        self.table().insert(name.to_owned(), held);
    }

    /// See [`Store::revoke`](crate::Store::revoke). A lease that was revoked has no grace.
    pub fn revoke(&self, name: &str) {
        let held = Held {
            until: self.grace_until,
            value: None,
        };
        self.table().insert(name.to_owned(), held);
    }

    /// See [`Store::lease`](crate::Store::lease).
    pub fn state(&self, name: &str, now: Instant) -> LeaseState {
        let mut table = self.table();
        match table.get(name) {
            Some(held) if now < held.until => match &held.value {
                Some(value) => LeaseState::Held {
                    value: value.clone(),
                },
                None => LeaseState::Lapsed,
            },
            Some(_) => {
                // Within the grace period a lease that was held and ran out must stay known.
                if now >= self.grace_until {
                    table.remove(name);
                }
                LeaseState::Lapsed
            }
            None if now < self.grace_until => LeaseState::Grace,
            None => LeaseState::Lapsed,
        }
    }

    fn table(&self) -> std::sync::MutexGuard<'_, HashMap<String, Held>> {
        // Every change is one insert or remove, so a panic elsewhere left the table whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn value(state: LeaseState) -> Option<String> {
        match state {
            LeaseState::Held { value } => Some(value.to_string()),
            _ => None,
        }
    }

    #[test]
    fn a_lease_lapses_unless_it_is_renewed() {
        let start = Instant::now();
        let leases = Leases::new(Duration::ZERO, start);
        leases.renew("h1", "1".into(), SECOND * 10, start);
        leases.renew("h1", "2".into(), SECOND * 10, start + SECOND * 9);
        let held = leases.state("h1", start + SECOND * 18);
        assert_eq!(value(held).as_deref(), Some("2"));
        let lapsed = leases.state("h1", start + SECOND * 19);
        assert_eq!(lapsed, LeaseState::Lapsed);
    }

    #[test]
    fn nobody_is_dead_within_the_grace_period_who_was_not_heard_of_yet() {
        let start = Instant::now();
        let leases = Leases::new(SECOND * 10, start);
        leases.renew("heard", "1".into(), SECOND * 3, start);
        leases.revoke("left");
        let at = |name, seconds| leases.state(name, start + SECOND * seconds);
        assert_eq!(at("silent", 5), LeaseState::Grace);
        assert_eq!(at("heard", 5), LeaseState::Lapsed);
        assert_eq!(at("left", 5), LeaseState::Lapsed);
        assert_eq!(at("silent", 10), LeaseState::Lapsed);
        assert_eq!(at("left", 10), LeaseState::Lapsed);
    }
}

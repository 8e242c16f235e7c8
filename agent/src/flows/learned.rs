//! The learned MAC tables of all bridges, shared by the workers of this host.
//!
//! Races:
//! - A worker judges a packet by an entry that another worker is just moving. Whoever changes an entry
//!   does so first and announces its tag afterwards; a worker takes the announcement from its inbox
//!   only between two batches, so after its own flow has entered its table, and judges it again.
//! - Two workers learn one MAC behind two ports at once. The lock puts them in an order; both announce
//!   the tag, and both see the last one's entry when they judge again.
//! - The auditor judges a flow by an entry whose tag is not announced yet. Changes and announcements are
//!   counted: only while the counts are equal has every worker what it needs to be right, in its inbox at
//!   least ([`MacTable::announced_state`]).
//!
//! The locks are the workers' own: nothing on the control side takes them.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use weft_flowsim::{Learned, Time};
use weft_topology::id::{BridgeId, PortId};
use weft_topology::{MacAddr, Tag};

use crate::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How long an entry lives that no packet uses, in milliseconds (IEEE 802.1Q §8.8.3: 300 s).
pub const AGEING_MS: u64 = 300_000;
/// How many MACs may be learned behind one port; more are bridged as unknown ones.
pub const MACS_PER_PORT: u32 = 4_096;

const SHARDS: usize = 16;

type Key = (BridgeId, u16, MacAddr);
type Shard = HashMap<Key, Entry>;

/// The tables of all bridges. What a guest sends chooses the keys: the hash is seeded.
#[derive(Debug)]
pub struct MacTable {
    shards: [RwLock<Shard>; SHARDS],
    seed: RandomState,
    counts: RwLock<HashMap<PortId, u32>>,
    /// Entries made, moved and removed so far.
    changed: AtomicU64,
    /// Those of them whose tag was announced.
    announced: AtomicU64,
}

#[derive(Debug)]
struct Entry {
    port: PortId,
    used: AtomicU64,
}

/// What came of learning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learnt {
    /// It was known; the entry was used.
    Known,
    /// It is new, moved here, or its age was over: flows under its tag are to be judged again.
    Changed,
    /// The port has as many as it may.
    Refused,
}

/// An entry, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnedMac {
    /// The bridge.
    pub bridge: BridgeId,
    /// VLAN id, 0 for untagged.
    pub vlan: u16,
    /// The address.
    pub mac: MacAddr,
    /// Where it is.
    pub port: PortId,
    /// When it was last used.
    pub used: Time,
}

impl Default for MacTable {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| RwLock::default()),
            seed: RandomState::new(),
            counts: RwLock::default(),
            changed: AtomicU64::new(0),
            announced: AtomicU64::new(0),
        }
    }
}

impl MacTable {
    /// Notes that a MAC is behind a port.
    pub fn learn(
        &self,
        bridge: BridgeId,
        vlan: u16,
        mac: MacAddr,
        port: PortId,
        now: Time,
    ) -> Learnt {
        let key = (bridge, vlan, mac);
        let mut shard = write(self.shard(&key));
        let before = shard.get(&key).map(|entry| entry.port);
        if before == Some(port) {
            let was_over = shard.get(&key).is_some_and(|entry| is_over(entry, now));
            if let Some(entry) = shard.get(&key) {
                entry.used.store(now.0, Ordering::Relaxed);
            }
            if was_over {
                self.changed.fetch_add(1, Ordering::SeqCst);
                return Learnt::Changed;
            }
            return Learnt::Known;
        }
        let mut counts = write(&self.counts);
        let count = counts.entry(port).or_default();
        if *count >= MACS_PER_PORT {
            return Learnt::Refused;
        }
        *count += 1;
        if let Some(before) = before {
            release(&mut counts, before);
        }
        shard.insert(
            key,
            Entry {
                port,
                used: AtomicU64::new(now.0),
            },
        );
        // Under the lock: whoever sees the entry sees that it is counted.
        self.changed.fetch_add(1, Ordering::SeqCst);
        Learnt::Changed
    }

    /// Notes that a flow which used an entry was hit at some time. Whether that brought one back whose age was over:
    /// then flows under its tag are to be judged again, as after a change.
    pub fn touch(&self, key: (BridgeId, u16, MacAddr), used: Time, now: Time) -> bool {
        let shard = read(self.shard(&key));
        let Some(entry) = shard.get(&key) else {
            return false;
        };
        let comes_back = is_over(entry, now) && now.0.saturating_sub(used.0) < AGEING_MS;
        if comes_back {
            // Before it can be seen: see `announced_state`.
            self.changed.fetch_add(1, Ordering::SeqCst);
        }
        entry.used.fetch_max(used.0, Ordering::SeqCst);
        comes_back
    }

    /// Removes the entries that nothing used for the ageing time; the tags of what was removed.
    pub fn age(&self, now: Time) -> Vec<Tag> {
        self.remove(|entry| is_over(entry, now))
    }

    /// Removes what was learned behind a port; the tags of what was removed.
    pub fn forget_port(&self, port: PortId) -> Vec<Tag> {
        self.remove(|entry| entry.port == port)
    }

    /// Notes that so many changes were announced to all workers. Each change is announced once.
    pub fn announced(&self, changes: usize) {
        let changes = u64::try_from(changes).unwrap_or(u64::MAX);
        self.announced.fetch_add(changes, Ordering::SeqCst);
    }

    /// The number of the table's present state, if all that led to it was announced. Two equal answers
    /// mean that nothing changed between them.
    pub fn announced_state(&self) -> Option<u64> {
        // In this order: an announcement follows its change, so equal counts are of one moment.
        let announced = self.announced.load(Ordering::SeqCst);
        let changed = self.changed.load(Ordering::SeqCst);
        (announced == changed).then_some(changed)
    }

    /// All entries, in no order.
    pub fn entries(&self) -> Vec<LearnedMac> {
        let mut all = Vec::new();
        for shard in &self.shards {
            all.extend(
                read(shard)
                    .iter()
                    .map(|(&(bridge, vlan, mac), entry)| LearnedMac {
                        bridge,
                        vlan,
                        mac,
                        port: entry.port,
                        used: Time(entry.used.load(Ordering::Relaxed)),
                    }),
            );
        }
        all
    }

    fn remove(&self, over: impl Fn(&Entry) -> bool) -> Vec<Tag> {
        let mut tags = Vec::new();
        for shard in &self.shards {
            let mut shard = write(shard);
            let gone: Vec<(Key, PortId)> = shard
                .iter()
                .filter(|(_, entry)| over(entry))
                .map(|(&key, entry)| (key, entry.port))
                .collect();
            if gone.is_empty() {
                continue;
            }
            let mut counts = write(&self.counts);
            for (key, port) in gone {
                shard.remove(&key);
                release(&mut counts, port);
                tags.push(Tag::Mac(key.0, key.1, key.2));
                self.changed.fetch_add(1, Ordering::SeqCst);
            }
        }
        tags
    }

    fn shard(&self, key: &Key) -> &RwLock<Shard> {
        let hash = self.seed.hash_one(key);
        // Never out of range; the first shard stands in for what the compiler cannot know.
        let [first, ..] = &self.shards;
        let at = usize::try_from(hash % SHARDS as u64).unwrap_or_default();
        self.shards.get(at).unwrap_or(first)
    }
}

impl Learned for MacTable {
    fn mac(&self, bridge: BridgeId, vlan: u16, mac: MacAddr, now: Time) -> Option<PortId> {
        let key = (bridge, vlan, mac);
        let shard = read(self.shard(&key));
        shard
            .get(&key)
            .filter(|entry| !is_over(entry, now))
            .map(|entry| entry.port)
    }
}

fn is_over(entry: &Entry, now: Time) -> bool {
    now.0.saturating_sub(entry.used.load(Ordering::Relaxed)) >= AGEING_MS
}

fn release(counts: &mut HashMap<PortId, u32>, port: PortId) {
    if let Some(count) = counts.get_mut(&port) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(&port);
        }
    }
}

/// A worker that panicked left the table whole: each change is one insert or remove.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const NOW: Time = Time(1_000);

    fn bridge() -> BridgeId {
        BridgeId(Uuid::from_u128(1))
    }

    fn port(number: u128) -> PortId {
        PortId(Uuid::from_u128(number))
    }

    fn mac(last: u8) -> MacAddr {
        MacAddr(2, 0, 0, 0, 0, last)
    }

    #[test]
    fn a_mac_is_where_it_was_last_seen_in_its_vlan() {
        let table = MacTable::default();
        assert_eq!(
            table.learn(bridge(), 0, mac(1), port(1), NOW),
            Learnt::Changed
        );
        assert_eq!(
            table.learn(bridge(), 0, mac(1), port(1), NOW),
            Learnt::Known
        );
        assert_eq!(
            table.learn(bridge(), 0, mac(1), port(2), NOW),
            Learnt::Changed
        );
        assert_eq!(table.mac(bridge(), 0, mac(1), NOW), Some(port(2)));
        assert_eq!(table.mac(bridge(), 7, mac(1), NOW), None);
    }

    #[test]
    fn an_unused_entry_ends_with_the_ageing_time_and_a_used_one_lives_on() {
        let table = MacTable::default();
        table.learn(bridge(), 0, mac(1), port(1), NOW);
        table.learn(bridge(), 0, mac(2), port(1), NOW);
        let later = Time(NOW.0 + AGEING_MS - 1);
        assert_eq!(table.age(later), []);
        assert!(!table.touch((bridge(), 0, mac(2)), later, later));
        let end = Time(NOW.0 + AGEING_MS);
        assert_eq!(
            table.mac(bridge(), 0, mac(1), end),
            None,
            "hidden before it is removed"
        );
        assert_eq!(table.age(end), [Tag::Mac(bridge(), 0, mac(1))]);
        assert_eq!(table.mac(bridge(), 0, mac(2), end), Some(port(1)));
    }

    #[test]
    fn an_entry_that_comes_back_after_its_time_is_a_change_and_changes_are_even_with_announcements()
    {
        let table = MacTable::default();
        assert_eq!(table.announced_state(), Some(0));
        table.learn(bridge(), 0, mac(1), port(1), NOW);
        table.learn(bridge(), 0, mac(2), port(1), NOW);
        assert_eq!(table.announced_state(), None);
        table.announced(2);
        let end = Time(NOW.0 + AGEING_MS);
        let learnt = table.learn(bridge(), 0, mac(1), port(1), end);
        assert_eq!(learnt, Learnt::Changed);
        let used = Time(end.0 - 1);
        assert!(table.touch((bridge(), 0, mac(2)), used, end));
        assert!(!table.touch((bridge(), 0, mac(2)), used, end));
        assert_eq!(table.announced_state(), None);
        table.announced(2);
        assert_eq!(table.announced_state(), Some(4));
        table.announced(table.forget_port(port(1)).len());
        assert_eq!(table.announced_state(), Some(6));
    }

    #[test]
    fn a_port_that_floods_macs_fills_its_own_share_only() {
        let table = MacTable::default();
        let sources = (0..=MACS_PER_PORT).map(|n| {
            let [_, a, b, c] = n.to_be_bytes();
            MacAddr(2, 0, 0, a, b, c)
        });
        let refused = sources
            .filter(|&mac| table.learn(bridge(), 0, mac, port(1), NOW) == Learnt::Refused)
            .count();
        assert_eq!(refused, 1);
        assert_eq!(
            table.learn(bridge(), 1, mac(1), port(2), NOW),
            Learnt::Changed
        );
        assert_eq!(table.forget_port(port(1)).len(), MACS_PER_PORT as usize);
        assert_eq!(
            table.learn(bridge(), 0, mac(9), port(1), NOW),
            Learnt::Changed
        );
    }
}

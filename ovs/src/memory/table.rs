//! The flow table of a datapath in memory: flows under their masks, the first mask that has one wins.
//!
//! A put follows `ovs_flow_cmd_new` of `net/openvswitch/datapath.c`: it looks for a flow with its id, then for
//! one that a packet with exactly its key would meet. So two flows may overlap as long as neither's own
//! key meets the other.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use weft_flow::{Action, FlowKey, FlowMask, Ufid};

use super::keep::Kept;
use crate::datapath::{DumpedFlow, FlowStats, PutMode};

/// By what a flow is named (`struct sw_flow_id`).
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Id {
    Ufid(Ufid),
    /// Its key as it was put.
    Key(Box<FlowKey>),
}

/// A flow.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: Id,
    /// Its key, without the bits that do not count.
    pub(super) key: FlowKey,
    pub(super) mask: FlowMask,
    /// What dumps show of the mask.
    shown_mask: FlowMask,
    pub(super) actions: Arc<[Action]>,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) tcp_flags: u8,
    pub(super) used: Option<Duration>,
    /// Whether dumps fail to decode it.
    pub(super) is_spoilt: bool,
}

/// All flows, in the order in which they were put.
#[derive(Default, Debug)]
pub(super) struct Table {
    entries: BTreeMap<u64, Entry>,
    masks: Vec<Masked>,
    named: HashMap<Ufid, u64>,
    last: u64,
}

/// The flows under one mask.
#[derive(Debug)]
struct Masked {
    mask: FlowMask,
    /// By what of their keys is compared.
    flows: HashMap<Ufid, u64>,
}

/// What a look-up found.
pub(super) struct Found<'a> {
    pub(super) entry: Option<&'a mut Entry>,
    /// Masks that were looked at.
    pub(super) masks: u64,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many different masks there are.
    pub(super) fn masks(&self) -> u32 {
        u32::try_from(self.masks.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn clear(&mut self) {
        let last = self.last;
        *self = Self::default();
        self.last = last;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub(super) fn named_mut(&mut self, ufid: Ufid) -> Option<&mut Entry> {
        self.entries.get_mut(self.named.get(&ufid)?)
    }

    /// The flow that a packet with this key meets.
    pub(super) fn look_up(&mut self, key: &FlowKey) -> Found<'_> {
        let (at, masks) = self.find(key);
        Found {
            entry: at.and_then(|at| self.entries.get_mut(&at)),
            masks,
        }
    }

    fn find(&self, key: &FlowKey) -> (Option<u64>, u64) {
        let mut looked_at = 0;
        for masked in &self.masks {
            looked_at += 1;
            let at = masked.flows.get(&Ufid::of(key, &masked.mask));
            let agrees = |at: &&u64| {
                let entry = self.entries.get(at);
                entry.is_some_and(|entry| entry.mask.agree(&entry.key, key))
            };
            if let Some(&at) = at.filter(agrees) {
                return (Some(at), looked_at);
            }
        }
        (None, looked_at)
    }

    /// Puts a flow.
    pub(super) fn put(&mut self, id: Id, kept: Kept, mode: PutMode) -> Result<(), Errno> {
        let same_id = match &id {
            Id::Ufid(ufid) => self.named.get(ufid).copied(),
            Id::Key(_) => None,
        };
        let Some(at) = same_id.or_else(|| self.find(&kept.unmasked).0) else {
            self.insert(id, kept);
            return Ok(());
        };
        if mode == PutMode::Create {
            return Err(Errno::EEXIST);
        }
        let entry = self.entries.get_mut(&at).ok_or(Errno::ENOENT)?;
        let is_same = match &entry.id {
            Id::Ufid(_) => entry.key == kept.unmasked,
            Id::Key(key) => **key == kept.unmasked,
        };
        if !is_same {
            return Err(Errno::ENOENT);
        }
        entry.actions = kept.actions.into();
        Ok(())
    }

    /// Takes a flow out by its id.
    pub(super) fn remove(&mut self, ufid: Ufid) -> Option<Entry> {
        let at = self.named.get(&ufid).copied()?;
        self.take_out(at)
    }

    /// Takes out a flow without id, by the key with which it was put.
    pub(super) fn remove_unnamed(&mut self, key: &FlowKey) -> Option<Entry> {
        let is_it = |entry: &Entry| matches!(&entry.id, Id::Key(own) if **own == *key);
        let found = self.entries.iter().find(|(_, entry)| is_it(entry));
        let at = found.map(|(&at, _)| at)?;
        self.take_out(at)
    }

    fn insert(&mut self, id: Id, kept: Kept) {
        self.last += 1;
        let at = self.last;
        if let Id::Ufid(ufid) = id {
            self.named.insert(ufid, at);
        }
        let bits = Ufid::of(&kept.key, &kept.mask);
        let group = self.masks.iter_mut().find(|it| it.mask == kept.mask);
        match group {
            Some(group) => drop(group.flows.insert(bits, at)),
            None => self.masks.push(Masked {
                mask: kept.mask.clone(),
                flows: HashMap::from([(bits, at)]),
            }),
        }
        let entry = Entry {
            id,
            key: kept.key,
            mask: kept.mask,
            shown_mask: kept.shown_mask,
            actions: kept.actions.into(),
            packets: 0,
            bytes: 0,
            tcp_flags: 0,
            used: None,
            is_spoilt: false,
        };
        self.entries.insert(at, entry);
    }

    fn take_out(&mut self, at: u64) -> Option<Entry> {
        let entry = self.entries.remove(&at)?;
        if let Id::Ufid(ufid) = entry.id {
            self.named.remove(&ufid);
        }
        let bits = Ufid::of(&entry.key, &entry.mask);
        if let Some(group) = self.masks.iter_mut().find(|it| it.mask == entry.mask) {
            group.flows.remove(&bits);
        }
        self.masks.retain(|group| !group.flows.is_empty());
        Some(entry)
    }
}

impl Entry {
    /// Counts a packet.
    pub(super) fn hit(&mut self, length: usize, tcp_flags: u8, now: Duration) {
        self.packets += 1;
        self.bytes += length as u64;
        self.tcp_flags |= tcp_flags;
        self.used = Some(now);
    }

    /// Counts from nothing again.
    pub(super) fn clear(&mut self) {
        self.packets = 0;
        self.bytes = 0;
        self.tcp_flags = 0;
        self.used = None;
    }

    pub(super) fn stats(&self, now: Duration) -> FlowStats {
        FlowStats {
            packets: self.packets,
            bytes: self.bytes,
            idle: self.used.map(|used| now.saturating_sub(used)),
            tcp_flags: self.tcp_flags,
        }
    }

    /// As a dump shows it: one without id with the key that it was put with.
    pub(super) fn dumped(&self, now: Duration) -> DumpedFlow {
        let (ufid, key) = match &self.id {
            Id::Ufid(ufid) => (Some(*ufid), &self.key),
            Id::Key(key) => (None, &**key),
        };
        DumpedFlow {
            ufid,
            key: key.clone(),
            mask: self.shown_mask.clone(),
            actions: self.actions.to_vec(),
            stats: self.stats(now),
        }
    }
}

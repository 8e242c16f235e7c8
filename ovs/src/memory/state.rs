//! All that a datapath in memory consists of.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use nix::errno::Errno;

use super::Clock;
use super::conntrack::Connections;
use super::meter;
use super::monitor::{Events, News};
use super::ports::Ports;
use super::table::Table;
use super::upcall::Socket;
use crate::datapath::DatapathInfo;
use crate::error::{Attempt, Error, What};
use crate::monitor::DatapathEvent;

/// `OVS_DP_F_UNALIGNED` and `OVS_DP_F_VPORT_PIDS`: what this program asks of its datapaths.
pub(super) const USER_FEATURES: u32 = 0b11;
/// Index of the datapath's own device.
pub(super) const IFINDEX: u32 = 1;

pub(super) struct State {
    pub(super) name: String,
    pub(super) features: u32,
    /// It is gone: every request fails from now on.
    pub(super) deleted: bool,
    pub(super) ports: Ports,
    pub(super) table: Table,
    pub(super) connections: Connections,
    pub(super) meters: meter::Table,
    pub(super) sockets: HashMap<u32, Arc<Socket>>,
    pub(super) monitors: Vec<Weak<Events>>,
    pub(super) counts: Counts,
    clock: Clock,
}

/// The datapath's own counters.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) hits: u64,
    pub(super) missed: u64,
    pub(super) lost: u64,
    pub(super) mask_hits: u64,
}

impl State {
    pub(super) fn new(name: &str, clock: Clock) -> Self {
        Self {
            name: name.to_owned(),
            features: USER_FEATURES,
            deleted: false,
            ports: Ports::new(name),
            table: Table::default(),
            connections: Connections::default(),
            meters: meter::Table::default(),
            sockets: HashMap::new(),
            monitors: Vec::new(),
            counts: Counts::default(),
            clock,
        }
    }

    pub(super) fn now(&self) -> Duration {
        (self.clock)()
    }

    pub(super) fn info(&self) -> DatapathInfo {
        DatapathInfo {
            name: self.name.clone(),
            ifindex: IFINDEX,
            user_features: self.features,
            hits: self.counts.hits,
            missed: self.counts.missed,
            lost: self.counts.lost,
            flows: self.table.len() as u64,
            mask_hits: self.counts.mask_hits,
            masks: self.table.masks(),
        }
    }

    /// Fails if the datapath is gone.
    pub(super) fn alive(&self, what: What) -> Result<(), Error> {
        match self.deleted {
            true => Err(self.error(what, Errno::ENODEV)),
            false => Ok(()),
        }
    }

    pub(super) fn attempt(&self, what: What) -> Attempt {
        Attempt {
            datapath: self.name.clone(),
            what,
        }
    }

    /// The kernel's answer to an attempt.
    pub(super) fn error(&self, what: What, errno: Errno) -> Error {
        Error::from_kernel(self.attempt(what), errno, None)
    }

    pub(super) fn set_features(&mut self, features: u32) {
        self.features = features;
        self.tell(&News::Features(features));
    }

    pub(super) fn happened(&mut self, event: DatapathEvent) {
        self.tell(&News::Event(event));
    }

    fn tell(&mut self, news: &News) {
        self.monitors.retain(|monitor| match monitor.upgrade() {
            Some(events) => {
                events.push(news.clone());
                true
            }
            None => false,
        });
    }
}

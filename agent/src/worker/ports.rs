//! The ports that a worker owns, each with its upcall socket.

use std::collections::HashMap;

use weft_flow::Action;
use weft_flowsim::{PuntClass, Time};
use weft_ovs::UpcallSource;
use weft_topology::Snapshot;
use weft_topology::id::PortId;

use super::limit::Bucket;
use super::shared::Settings;

/// A port and its socket.
pub(super) struct PortSlot {
    /// The virtual port.
    pub(super) port: PortId,
    /// Its upcalls.
    pub(super) source: Box<dyn UpcallSource>,
    /// Its number in the datapath, once it has one.
    pub(super) number: Option<u32>,
    /// Whether its socket is read: from the time that the port has a number.
    pub(super) watched: bool,
    /// Overflows of the socket that are counted already.
    pub(super) overflows: u64,
    /// Upcalls that were read.
    pub(super) upcalls: u64,
    /// Dumps of the kernel's flows that began since the port has a number.
    pub(super) dumps: u32,
    buckets: Vec<(PuntClass, Bucket)>,
    log: Bucket,
}

/// All ports of a worker, by the token that epoll gives back.
#[derive(Default)]
pub(super) struct Ports {
    slots: HashMap<u64, PortSlot>,
    by_number: HashMap<u32, u64>,
    last_token: u64,
}

impl PortSlot {
    pub(super) fn new(
        port: PortId,
        source: Box<dyn UpcallSource>,
        settings: Settings,
        now: Time,
    ) -> Self {
        let rate = settings.punts_per_port;
        let buckets = PuntClass::ALL
            .iter()
            .map(|&class| (class, Bucket::new(rate, rate, now)))
            .collect();
        Self {
            port,
            source,
            number: None,
            watched: false,
            overflows: 0,
            upcalls: 0,
            dumps: 0,
            buckets,
            log: Bucket::new(settings.logs_per_port, settings.log_burst, now),
        }
    }

    /// Whether a local service may take one more packet of this port.
    pub(super) fn may_punt(&mut self, class: PuntClass, now: Time) -> bool {
        self.buckets
            .iter_mut()
            .find(|(of, _)| *of == class)
            .is_none_or(|(_, bucket)| bucket.take(now))
    }

    /// Whether rules may log one more packet of this port.
    pub(super) fn may_log(&mut self, now: Time) -> bool {
        self.log.take(now)
    }
}

impl Ports {
    /// Enters a port, with the number that it has in a snapshot; its token.
    pub(super) fn insert(&mut self, mut slot: PortSlot, snapshot: &Snapshot) -> u64 {
        self.last_token += 1;
        slot.number = number_of(&slot, snapshot);
        if let Some(number) = slot.number {
            self.by_number.insert(number, self.last_token);
        }
        self.slots.insert(self.last_token, slot);
        self.last_token
    }

    /// Takes a port out.
    pub(super) fn remove(&mut self, port: PortId) -> Option<PortSlot> {
        let token = self
            .slots
            .iter()
            .find(|(_, slot)| slot.port == port)
            .map(|(&t, _)| t)?;
        let slot = self.slots.remove(&token)?;
        self.by_number.retain(|_, of| *of != token);
        Some(slot)
    }

    pub(super) fn get_mut(&mut self, token: u64) -> Option<&mut PortSlot> {
        self.slots.get_mut(&token)
    }

    /// The port with a number in the datapath.
    pub(super) fn by_number(&self, number: u32) -> Option<&PortSlot> {
        self.slots.get(self.by_number.get(&number)?)
    }

    /// The same, to change it.
    pub(super) fn by_number_mut(&mut self, number: u32) -> Option<&mut PortSlot> {
        self.slots.get_mut(self.by_number.get(&number)?)
    }

    /// Takes the ports' numbers from a snapshot.
    pub(super) fn renumber(&mut self, snapshot: &Snapshot) {
        self.by_number.clear();
        for (&token, slot) in &mut self.slots {
            slot.number = number_of(slot, snapshot);
            if let Some(number) = slot.number {
                self.by_number.insert(number, token);
            }
        }
    }

    /// A dump of the kernel's flows begins.
    pub(super) fn dumped(&mut self) {
        let numbered = self.slots.values_mut().filter(|slot| slot.number.is_some());
        numbered.for_each(|slot| slot.dumps = slot.dumps.saturating_add(1));
    }

    /// All ports with their tokens.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut PortSlot)> {
        self.slots.iter_mut().map(|(&token, slot)| (token, slot))
    }

    /// All ports.
    pub(super) fn iter(&self) -> impl Iterator<Item = &PortSlot> {
        self.slots.values()
    }

    /// Lets all ports go.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.by_number.clear();
    }
}

fn number_of(slot: &PortSlot, snapshot: &Snapshot) -> Option<u32> {
    snapshot.local_by_port(slot.port).map(|local| local.number)
}

/// Puts a socket's id into the actions that bring packets up.
pub(super) fn set_pid(actions: &mut [Action], pid: u32) {
    for action in actions {
        match action {
            Action::Userspace(userspace) => userspace.pid = pid,
            Action::Clone(inner) => set_pid(inner, pid),
            _ => {}
        }
    }
}

/// Actions as the simulation gives them: with no socket's id.
pub(super) fn without_pid(actions: &[Action]) -> Vec<Action> {
    let mut actions = actions.to_vec();
    set_pid(&mut actions, 0);
    actions
}

//! Rules 11 and 12: what bridges learn, and how long it counts.

use std::time::Duration;

use weft_topology::MacAddr;
use weft_topology::id::{BridgeId, PortId};

use crate::enter::Entered;
use crate::{Learned, World};

impl World {
    /// The frame's source is at its ingress port.
    pub(crate) fn learn(&mut self, now: Duration, entered: &Entered) {
        let new = Learned {
            bridge: entered.bridge,
            vlan: entered.vlan,
            mac: entered.frame.source,
            port: entered.port,
            used: now,
        };
        let same =
            |old: &Learned| (old.bridge, old.vlan, old.mac) == (new.bridge, new.vlan, new.mac);
        self.learned.retain(|old| !same(old));
        self.learned.push(new);
    }

    /// Where a MAC was learned to be, if that still counts. This is a use of the entry.
    pub(crate) fn use_learned(
        &mut self,
        now: Duration,
        bridge: BridgeId,
        vlan: u16,
        mac: MacAddr,
    ) -> Option<PortId> {
        let position = self.learned.iter().position(|entry| {
            (entry.bridge, entry.vlan, entry.mac) == (bridge, vlan, mac)
                && now.saturating_sub(entry.used) < self.ageing
                && self.carried(entry.port, bridge).is_some()
        })?;
        let entry = self.learned.get_mut(position)?;
        entry.used = now;
        Some(entry.port)
    }
}

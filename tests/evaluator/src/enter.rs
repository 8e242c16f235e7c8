//! The rules in their order.

use std::collections::BTreeMap;
use std::time::Duration;

use weft_topology::dhcp::SERVER_MAC;
use weft_topology::id::{BridgeId, PortId};

use crate::frame::{Frame, Tag};
use crate::{Punt, Reason, Verdict, World};

/// A frame that passed the rules of entry.
pub(crate) struct Entered {
    pub(crate) port: PortId,
    pub(crate) bridge: BridgeId,
    pub(crate) vlan: u16,
    pub(crate) frame: Frame,
}

impl World {
    /// A frame enters by a datapath port; bridges learn from it. `now` is a time on a clock that
    /// does not go back.
    pub fn enter(&mut self, now: Duration, number: u32, bytes: &[u8]) -> Verdict {
        let entered = match self.entry(number, bytes) {
            Ok(entered) => entered,
            Err(reason) => return drop_for(reason),
        };
        if let Some((subnet, host)) = self.dhcp_request(&entered) {
            return Verdict {
                punt: Some(Punt::Dhcp { subnet, host }),
                ..drop_for(Reason::Dhcp)
            };
        }
        self.learn(now, &entered);
        if let Some(answer) = self.arp_answer(&entered) {
            return Verdict {
                answer: Some((number, answer)),
                ..drop_for(Reason::ArpAnswered)
            };
        }
        self.forward(now, &entered)
    }

    /// Rules 1 to 9.
    fn entry(&self, number: u32, bytes: &[u8]) -> Result<Entered, Reason> {
        let local = self.local.iter().find(|local| local.number == number);
        let id = local.ok_or(Reason::NoSuchPort)?.port;
        let port = self.port(id).ok_or(Reason::NotABridgePort)?;
        let bridge_id = port.bridge().ok_or(Reason::NotABridgePort)?;
        if !port.admin_state_up {
            return Err(Reason::PortDown);
        }
        let bridge = self.bridge(bridge_id).ok_or(Reason::NoSuchBridge)?;
        if !bridge.admin_state_up {
            return Err(Reason::BridgeDown);
        }
        let frame = Frame::read(bytes).ok_or(Reason::TooShort)?;
        if frame.source.is_multicast() {
            return Err(Reason::SourceIsGroup);
        }
        if let [0x01, 0x80, 0xc2, 0x00, 0x00, 0x00..=0x0f] = frame.destination.octets() {
            return Err(Reason::LinkLocalControl);
        }
        let vlan = match (frame.tag, bridge.vlan_aware) {
            (Tag::Absent, _) => 0,
            (_, false) => return Err(Reason::Tagged),
            (Tag::Customer(vlan @ 1..=4094), true) => vlan,
            (_, true) => return Err(Reason::BadTag),
        };
        Ok(Entered {
            port: id,
            bridge: bridge_id,
            vlan,
            frame,
        })
    }

    /// Rules 16 to 19.
    fn forward(&mut self, now: Duration, entered: &Entered) -> Verdict {
        let destination = entered.frame.destination;
        if destination.is_multicast() {
            return self.flood(Reason::FloodGroup, entered);
        }
        if entered.vlan == 0 && destination == SERVER_MAC {
            return drop_for(Reason::ForServer);
        }
        let learned = self.use_learned(now, entered.bridge, entered.vlan, destination);
        let persistent = self.persistent(entered.bridge, entered.vlan, destination);
        let Some(port) = learned.or(persistent) else {
            return self.flood(Reason::FloodUnknown, entered);
        };
        if port == entered.port {
            return drop_for(Reason::Hairpin);
        }
        let Some(number) = self.carried(port, entered.bridge) else {
            return drop_for(Reason::NotHere);
        };
        if !self.is_up(port) {
            return drop_for(Reason::EgressDown);
        }
        Verdict {
            outputs: BTreeMap::from([(number, entered.frame.bytes.clone())]),
            ..drop_for(Reason::Unicast)
        }
    }

    fn flood(&self, reason: Reason, entered: &Entered) -> Verdict {
        let mut outputs = BTreeMap::new();
        for local in &self.local {
            let other = local.port != entered.port;
            let here = self.carried(local.port, entered.bridge).is_some();
            if other && here && self.is_up(local.port) {
                outputs.insert(local.number, entered.frame.bytes.clone());
            }
        }
        Verdict {
            outputs,
            ..drop_for(reason)
        }
    }
}

/// A verdict with which nothing leaves.
fn drop_for(reason: Reason) -> Verdict {
    Verdict {
        outputs: BTreeMap::new(),
        answer: None,
        punt: None,
        reason,
    }
}

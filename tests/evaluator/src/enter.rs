//! The rules in their order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use weft_topology::dhcp::SERVER_MAC;
use weft_topology::id::{BridgeId, PortId, RuleId};
use weft_topology::port::Port;

use crate::filter::Word;
use crate::frame::{Frame, Tag, u16_at};
use crate::packet::{IPV6, Packet, Piece};
use crate::security::offence;
use crate::{Arrival, Connection, Punt, Reason, Said, Verdict, World};

/// A frame that passed the rules of entry.
pub(crate) struct Entered {
    pub(crate) ingress: Port,
    pub(crate) port: PortId,
    pub(crate) bridge: BridgeId,
    pub(crate) vlan: u16,
    pub(crate) frame: Frame,
    pub(crate) packet: Packet,
    /// Whether there is a second tag behind the one that names the VLAN.
    pub(crate) is_stacked: bool,
    /// Whether it was put together from fragments.
    pub(crate) came_in_fragments: bool,
    /// Whether a zone says that it goes the way of replies.
    pub(crate) returns: bool,
    /// Whether a zone says that it is an original packet of an admitted connection, and that counts.
    pub(crate) is_admitted: bool,
    /// Whether chains denied it, and it passed all the same.
    pub(crate) is_kept: bool,
    /// The ports whose zones get its connection if it is an original packet.
    pub(crate) zones: BTreeSet<PortId>,
    /// Whether it is the first of its connection, or of none, as far as was asked.
    pub(crate) is_first: bool,
    /// What rules have said that is to be logged.
    pub(crate) logged: BTreeSet<(RuleId, Said)>,
}

impl World {
    /// A frame enters by a datapath port; bridges learn from it. `now` is a time on a clock that
    /// does not go back.
    pub fn enter(&mut self, now: Duration, number: u32, bytes: &[u8]) -> Verdict {
        self.enter_as(now, number, bytes, Arrival::default())
    }

    /// The same for a packet of which connection tracking knows something.
    pub fn enter_as(
        &mut self,
        now: Duration,
        number: u32,
        bytes: &[u8],
        as_what: Arrival,
    ) -> Verdict {
        let learned = self.learned.clone();
        let verdict = self.judge(now, number, bytes, as_what);
        if verdict.reason == Reason::PutTogether {
            // It comes again, whole.
            self.learned = learned;
        }
        verdict
    }

    fn judge(&mut self, now: Duration, number: u32, bytes: &[u8], as_what: Arrival) -> Verdict {
        let mut entered = match self.entry(number, bytes, as_what) {
            Ok(entered) => entered,
            Err(reason) => return drop_for(reason),
        };
        let mut verdict = self.pass_through(now, number, &mut entered, as_what);
        if verdict.reason != Reason::PutTogether {
            verdict.logged = entered.logged;
        }
        verdict
    }

    /// What becomes of a frame that has entered.
    fn pass_through(
        &mut self,
        now: Duration,
        number: u32,
        entered: &mut Entered,
        as_what: Arrival,
    ) -> Verdict {
        if let Some(security) = &entered.ingress.security
            && let Some(offence) = offence(security, entered)
        {
            return drop_for(Reason::Security(offence));
        }
        if let Some((subnet, host)) = self.dhcp_request(entered) {
            return Verdict {
                punt: Some(Punt::Dhcp { subnet, host }),
                ..drop_for(Reason::Dhcp)
            };
        }
        let ingress = entered.ingress.clone();
        if let Err(reason) = self.track(entered, &ingress, as_what) {
            return drop_for(reason);
        }
        let bridge = self.bridge(entered.bridge);
        let chains = [
            ingress.inbound_filter,
            bridge.and_then(|bridge| bridge.inbound_filter),
        ];
        match self.say(chains, entered, None) {
            Ok(Word::Accept) => {}
            Ok(_) if entered.is_admitted => entered.is_kept = true,
            Ok(Word::Drop(rule)) => return drop_for(Reason::Filtered(rule)),
            Ok(Word::Reject(rule)) => return drop_for(Reason::Rejected(rule)),
            Err(reason) => return drop_for(reason),
        }
        self.learn(now, entered);
        if let Some(answer) = self.arp_answer(entered) {
            return Verdict {
                answer: Some((number, answer)),
                ..drop_for(Reason::ArpAnswered)
            };
        }
        self.forward(now, entered, as_what)
    }

    /// Rules 16 and 17 at one of the packet's ports.
    fn track(&self, entered: &mut Entered, port: &Port, as_what: Arrival) -> Result<(), Reason> {
        let asked = self.asked_at(port)?;
        let is_fragment = entered.packet.is_ip() && entered.packet.piece != Piece::Whole;
        let tracked = asked.connection && is_trackable(entered);
        if is_fragment && (tracked || asked.ports) {
            return Err(Reason::PutTogether);
        }
        if tracked {
            match as_what.connection {
                Connection::Original => entered.is_first = !as_what.is_entered,
                Connection::Admitted => {
                    entered.is_admitted = self.keeps;
                    entered.is_first = false;
                }
                Connection::Return => {
                    entered.returns = true;
                    entered.is_first = false;
                }
                Connection::ReturnCut => return Err(Reason::Cut),
                Connection::Invalid => return Err(Reason::InvalidConnection),
            }
            entered.zones.insert(port.id);
        }
        Ok(())
    }

    /// What lets a packet out of a port, with the connections that are entered then.
    fn let_out(
        &self,
        entered: &mut Entered,
        port: PortId,
        as_what: Arrival,
        is_flooded: bool,
    ) -> Result<Word, Reason> {
        let Some(port) = self.port(port).cloned() else {
            return Ok(Word::Accept);
        };
        let before = entered.zones.clone();
        self.track(entered, &port, as_what)?;
        let bridge = self.bridge(entered.bridge);
        let chains = [
            bridge.and_then(|bridge| bridge.outbound_filter),
            port.outbound_filter,
        ];
        let mut said = self.say(chains, entered, Some(&port));
        let denied = matches!(said, Ok(Word::Drop(_) | Word::Reject(_)));
        if denied && entered.is_admitted && !is_flooded {
            entered.is_kept = true;
            said = Ok(Word::Accept);
        }
        if said != Ok(Word::Accept) {
            entered.zones = before;
        }
        said
    }

    /// Rules 1 to 9.
    fn entry(&self, number: u32, bytes: &[u8], as_what: Arrival) -> Result<Entered, Reason> {
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
        let had_priority_tag = frame.bytes.len() < bytes.len();
        let vlan = match (frame.tag, bridge.vlan_aware) {
            (Tag::Absent, _) => 0,
            (_, false) => return Err(Reason::Tagged),
            (Tag::Customer(vlan @ 1..=4094), true) => vlan,
            (_, true) => return Err(Reason::BadTag),
        };
        let is_stacked = vlan != 0
            && !had_priority_tag
            && matches!(u16_at(&frame.bytes, 16), Some(0x8100 | 0x88a8));
        Ok(Entered {
            ingress: port.clone(),
            port: id,
            bridge: bridge_id,
            vlan,
            // The kernel looks through two tags, a priority tag among them.
            packet: Packet::read(&frame, if had_priority_tag { 1 } else { 2 }),
            frame,
            is_stacked,
            came_in_fragments: as_what.came_in_fragments,
            returns: false,
            is_admitted: false,
            is_kept: false,
            zones: BTreeSet::new(),
            is_first: true,
            logged: BTreeSet::new(),
        })
    }

    /// Rules 16 to 19.
    fn forward(&mut self, now: Duration, entered: &mut Entered, as_what: Arrival) -> Verdict {
        let destination = entered.frame.destination;
        if destination.is_multicast() {
            return self.flood(Reason::FloodGroup, entered, as_what);
        }
        if entered.vlan == 0 && destination == SERVER_MAC {
            return drop_for(Reason::ForServer);
        }
        let learned = self.use_learned(now, entered.bridge, entered.vlan, destination);
        let persistent = self.persistent(entered.bridge, entered.vlan, destination);
        let Some(port) = learned.or(persistent) else {
            return self.flood(Reason::FloodUnknown, entered, as_what);
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
        match self.let_out(entered, port, as_what, false) {
            Ok(Word::Accept) => Verdict {
                outputs: BTreeMap::from([(number, entered.frame.bytes.clone())]),
                commits: commits(entered),
                ..drop_for(Reason::Unicast)
            },
            Ok(Word::Drop(rule)) => drop_for(Reason::Filtered(rule)),
            Ok(Word::Reject(rule)) => drop_for(Reason::Rejected(rule)),
            Err(reason) => drop_for(reason),
        }
    }

    fn flood(&self, reason: Reason, entered: &mut Entered, as_what: Arrival) -> Verdict {
        let (mut outputs, mut is_held) = (BTreeMap::new(), false);
        let mut reached: Vec<_> = self.local.iter().collect();
        reached.sort_by_key(|local| local.port);
        for local in reached {
            let other = local.port != entered.port;
            let here = self.carried(local.port, entered.bridge).is_some();
            if !other || !here || !self.is_up(local.port) {
                continue;
            }
            match self.let_out(entered, local.port, as_what, true) {
                Ok(Word::Accept) => {
                    outputs.insert(local.number, entered.frame.bytes.clone());
                }
                Err(Reason::PutTogether) => return drop_for(Reason::PutTogether),
                Ok(_) | Err(_) => is_held = true,
            }
        }
        let is_held = outputs.is_empty() && is_held;
        Verdict {
            commits: match outputs.is_empty() {
                true => BTreeSet::new(),
                false => commits(entered),
            },
            outputs,
            ..drop_for(if is_held {
                Reason::FilteredEverywhere
            } else {
                reason
            })
        }
    }
}

/// A verdict with which nothing leaves.
fn drop_for(reason: Reason) -> Verdict {
    Verdict {
        outputs: BTreeMap::new(),
        answer: None,
        punt: None,
        commits: BTreeSet::new(),
        logged: BTreeSet::new(),
        reason,
    }
}

/// The ports whose zones get the connection: of an original packet only, that rules accept.
fn commits(entered: &Entered) -> BTreeSet<PortId> {
    match entered.returns || entered.is_kept {
        true => BTreeSet::new(),
        false => entered.zones.clone(),
    }
}

/// Whether connection tracking has entries for such packets.
fn is_trackable(entered: &Entered) -> bool {
    let packet = &entered.packet;
    let link_icmp = packet.ether_type == Some(IPV6)
        && packet.protocol == Some(58)
        && matches!(packet.ports, Some((130..=137 | 143, _)));
    packet.is_ip() && !entered.frame.destination.is_multicast() && !link_icmp
}

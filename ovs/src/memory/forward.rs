//! A packet's way through the datapath.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use weft_flow::action::Userspace;
use weft_flow::codec::encode_key;
use weft_flow::{Action, Field, FlowKey};

use super::NotInjected;
use super::keep::add_metadata;
use super::ports::LOCAL;
use super::rewrite;
use super::state::State;
use super::stranger::PER_CPU;
use super::upcall::Waiting;
use crate::extract::{dissect, extract};
use crate::upcall::UpcallKind;
use crate::vport::VportKind;

/// A frame that left by a port.
#[derive(Clone, PartialEq, Debug)]
pub struct Sent {
    /// From its Ethernet header on.
    pub frame: Vec<u8>,
    /// The tunnel header that was set for it; none at a port that is no tunnel.
    pub tunnel: Option<FlowKey>,
}

/// A packet within the datapath.
#[derive(Clone)]
pub(super) struct Packet {
    pub(super) frame: Vec<u8>,
    /// Its key as it is now.
    pub(super) key: FlowKey,
    pub(super) mru: Option<u16>,
    pub(super) hash: u64,
    /// The tunnel header that was set for the outputs that follow.
    pub(super) tunnel: Option<Box<FlowKey>>,
}

/// How often a packet may go through the table; the kernel drops it somewhere from 10 on.
const PASSES: u32 = 12;

impl Packet {
    /// A packet whose key has the metadata of another; none if it is no frame.
    pub(super) fn new(frame: &[u8], metadata: &FlowKey) -> Option<Self> {
        let mut packet = Self {
            frame: frame.to_vec(),
            key: metadata.clone(),
            mru: None,
            hash: 0,
            tunnel: None,
        };
        packet.refresh()?;
        packet.hash = hash(&packet.key);
        Some(packet)
    }

    /// Reads the headers again, which have changed.
    pub(super) fn refresh(&mut self) -> Option<()> {
        let mut key = extract(&self.frame)?;
        for (field, value) in self.key.fields().filter(|(it, _)| *it < Field::EthSrc) {
            key.set(field, value);
        }
        key.tunnel_options = std::mem::take(&mut self.key.tunnel_options);
        add_metadata(&mut key);
        self.key = key;
        Some(())
    }

    /// The bytes from the transport header on; none where there is no whole one.
    pub(super) fn transport(&self) -> &[u8] {
        let at = dissect(&self.frame).and_then(|dissection| dissection.transport);
        at.and_then(|at| self.frame.get(at..)).unwrap_or_default()
    }

    fn in_port(&self) -> u32 {
        self.key.u32(Field::InPort).unwrap_or(LOCAL)
    }
}

/// The hash that chooses among a port's sockets: packets of one connection's direction share it.
fn hash(key: &FlowKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    let fields = [
        Field::EthSrc,
        Field::EthDst,
        Field::Ipv4Src,
        Field::Ipv4Dst,
        Field::Ipv6Src,
        Field::Ipv6Dst,
        Field::IpProto,
        Field::TpSrc,
        Field::TpDst,
    ];
    fields.map(|field| key.get(field)).hash(&mut hasher);
    hasher.finish() & u64::from(u32::MAX)
}

impl State {
    /// A frame comes in by a port.
    pub(super) fn inject(
        &mut self,
        port_no: u32,
        frame: &[u8],
        mut metadata: FlowKey,
    ) -> Result<(), NotInjected> {
        let port = self.ports.get_mut(port_no);
        let port = port.ok_or(NotInjected::NoPort(port_no))?;
        metadata.set(Field::InPort, port_no.into());
        let packet = Packet::new(frame, &metadata).ok_or(NotInjected::TooShort(frame.len()))?;
        port.vport.stats.rx_packets += 1;
        port.vport.stats.rx_bytes += frame.len() as u64;
        self.process(packet, 1);
        Ok(())
    }

    /// Looks a packet up and does what its flow says; it comes up where there is none.
    fn process(&mut self, packet: Packet, pass: u32) {
        if pass > PASSES {
            return;
        }
        let now = self.now();
        let found = self.table.look_up(&packet.key);
        self.counts.mask_hits += found.masks;
        let Some(entry) = found.entry else {
            self.counts.missed += 1;
            let pid = self.pid_of(&packet);
            self.bring_up(pid, UpcallKind::Miss, &packet, &[]);
            return;
        };
        let flags = packet.key.get_or_zero(Field::TcpFlags) & 0xff;
        let flags = u8::try_from(flags).unwrap_or_default();
        entry.hit(packet.frame.len(), flags, now);
        self.counts.hits += 1;
        let actions = Arc::clone(&entry.actions);
        self.execute(packet, &actions, pass);
    }

    /// Carries actions out on a packet, which has gone through the table so often.
    pub(super) fn execute(&mut self, mut packet: Packet, actions: &[Action], pass: u32) {
        for action in actions {
            if self.act(&mut packet, action, pass).is_none() {
                return;
            }
        }
    }

    /// `None`: the packet is dropped.
    fn act(&mut self, packet: &mut Packet, action: &Action, pass: u32) -> Option<()> {
        match action {
            Action::Output(number) => self.output(*number, packet),
            Action::Userspace(to) => self.punt(to, packet),
            Action::Set { header, fields } => rewrite::set(packet, *header, fields)?,
            Action::SetTunnel(tunnel) => packet.tunnel = Some(tunnel.clone()),
            Action::PushVlan { tpid, tci } => rewrite::push_vlan(packet, *tpid, *tci)?,
            Action::PopVlan => rewrite::pop_vlan(packet)?,
            Action::Recirc(id) => {
                let mut again = packet.clone();
                again.key.set(Field::RecircId, (*id).into());
                self.process(again, pass + 1);
            }
            Action::Ct(ct) => self.connections.track(packet, ct)?,
            Action::Meter(id) => {
                let (length, now) = (packet.frame.len(), self.now());
                // One that is not there lets everything through.
                let meter = self.meters.get_mut(*id);
                if meter.is_some_and(|meter| !meter.passes(length, now)) {
                    return None;
                }
            }
            Action::Drop(_) => return None,
            // Refused when they were put.
            Action::Truncate(_) | Action::CheckPktLen { .. } | Action::Unknown(_) => return None,
            Action::Clone(inner) => self.execute(packet.clone(), inner, pass),
        }
        Some(())
    }

    fn output(&mut self, number: u32, packet: &Packet) {
        let Some(port) = self.ports.get_mut(number) else {
            return;
        };
        let is_tunnel = matches!(
            port.vport.kind,
            VportKind::Vxlan { .. } | VportKind::Geneve { .. }
        );
        let tunnel = packet.tunnel.as_deref().filter(|_| is_tunnel).cloned();
        if is_tunnel && tunnel.is_none() {
            port.vport.stats.tx_errors += 1;
            return;
        }
        port.vport.stats.tx_packets += 1;
        port.vport.stats.tx_bytes += packet.frame.len() as u64;
        port.sent.push(Sent {
            frame: packet.frame.clone(),
            tunnel,
        });
    }

    fn punt(&mut self, to: &Userspace, packet: &Packet) {
        let pid = match self.features & PER_CPU {
            0 => to.pid,
            _ => 0,
        };
        self.bring_up(pid, UpcallKind::Action, packet, &to.userdata);
    }

    /// The socket for a packet that met no flow: one of its port's, by its hash. 0: there is none.
    fn pid_of(&self, packet: &Packet) -> u32 {
        let port = self.ports.get(packet.in_port());
        let pids = port.map_or(&[][..], |port| &port.upcall_pids);
        let place = packet.hash.checked_rem(pids.len() as u64);
        let place = place.and_then(|place| usize::try_from(place).ok());
        let pid = place.and_then(|place| pids.get(place));
        match self.features & PER_CPU {
            0 => pid.copied().unwrap_or_default(),
            _ => 0,
        }
    }

    fn bring_up(&mut self, pid: u32, kind: UpcallKind, packet: &Packet, userdata: &[u8]) {
        let mut key_attrs = Vec::new();
        let is_said = encode_key(&packet.key, &mut key_attrs).is_ok();
        let waiting = Waiting {
            kind,
            key_attrs,
            packet: packet.frame.clone(),
            userdata: userdata.to_vec(),
            mru: packet.mru,
            hash: Some(packet.hash),
            original_len: None,
        };
        let socket = self.sockets.get(&pid).filter(|_| is_said);
        if !socket.is_some_and(|socket| socket.push(waiting)) {
            self.counts.lost += 1;
        }
    }
}

//! The only way to a packet: reading a field puts it into the mask.
//!
//! A comparison reads the bits from the most significant one down to the first that differs, so that a
//! flow stays as wide as the verdict allows. A field that the key does not have is not a zero: what proves
//! its absence is read instead ([`FlowMask::add_read`]).

use std::net::Ipv4Addr;
use std::ops::ControlFlow;

use weft_flow::{Field, FlowKey, FlowMask, key};
use weft_topology::id::{BridgeId, PortId};
use weft_topology::{Known, MacAddr, ObjectId, Tag};

use crate::learned::{Learned, Time};
use crate::logged::Logged;
use crate::mark::Conversation;
use crate::outcome::{Install, Outcome};
use crate::reason::Reason;
use crate::scratch::{Lists, Scratch};
use crate::trace::{Step, What};

/// A packet to be judged, with the record of what was read of it.
pub struct Probe<'a> {
    key: &'a FlowKey,
    packet: &'a [u8],
    learned: &'a dyn Learned,
    now: Time,
    scratch: &'a mut Scratch,
    trace: Option<&'a mut Vec<Step>>,
    mask: FlowMask,
    pub(crate) lists: Lists,
    valid_until: Option<Time>,
    install: Install,
    conversation: Option<Conversation>,
    /// What rules have said that is to be logged, each once.
    pub(crate) logged: Vec<Logged>,
}

impl<'a> Probe<'a> {
    /// A packet with the key that the kernel extracted, its bytes from the Ethernet header on, and what
    /// is known beside the snapshot. Re-checks of a flow have no bytes: `simulate` never reads them.
    pub fn new(
        key: &'a FlowKey,
        packet: &'a [u8],
        learned: &'a dyn Learned,
        now: Time,
        scratch: &'a mut Scratch,
    ) -> Self {
        Self {
            key,
            packet,
            learned,
            now,
            scratch,
            trace: None,
            mask: FlowMask::new(),
            lists: Lists::default(),
            valid_until: None,
            install: Install::Flow,
            conversation: None,
            logged: Vec::new(),
        }
    }

    /// Collects the steps of the simulations that follow.
    pub fn with_trace(mut self, steps: &'a mut Vec<Step>) -> Self {
        self.trace = Some(steps);
        self
    }

    /// Starts a simulation: nothing is read yet.
    pub(crate) fn begin(&mut self) {
        self.mask = FlowMask::new();
        self.lists = self.scratch.lists();
        self.valid_until = None;
        self.install = Install::Flow;
        self.conversation = None;
        self.logged.clear();
    }

    /// Notes whose connections the actions enter.
    pub(crate) fn converses(&mut self, conversation: Option<Conversation>) {
        self.conversation = conversation;
    }

    /// Ends a simulation.
    pub(crate) fn finish(&mut self, reason: Reason) -> Outcome {
        self.step(reason.object(), What::Verdict(reason));
        let mut lists = std::mem::take(&mut self.lists);
        if !lists.missing.is_empty() {
            self.install = Install::PerPacket;
            lists.effects.clear();
        }
        Outcome {
            actions: lists.actions,
            mask: std::mem::take(&mut self.mask),
            tags: lists.tags,
            effects: lists.effects,
            held: lists.held,
            missing: lists.missing,
            valid_until: self.valid_until,
            reason,
            install: self.install,
            conversation: self.conversation,
        }
    }
}

/// Reading fields.
impl Probe<'_> {
    /// A field's value, if the key has it.
    #[inline]
    pub fn read(&mut self, field: Field) -> Option<u128> {
        self.read_bits(field, field.full())
    }

    /// Some bits of a field, the others 0, if the key has it.
    #[inline]
    pub fn read_bits(&mut self, field: Field, bits: u128) -> Option<u128> {
        self.mask.add_read(self.key, field, bits);
        Some(self.key.get(field)? & bits)
    }

    /// Whether the field is there and equals `value`.
    #[inline]
    pub fn is(&mut self, field: Field, value: u128) -> bool {
        self.is_in(field, value, field.full())
    }

    /// Whether the field is there and equals `value` in the bits of `of`.
    #[inline]
    pub fn is_in(&mut self, field: Field, value: u128, of: u128) -> bool {
        let differs = self.key.get(field).map_or(0, |own| (own ^ value) & of);
        let read = match differs.checked_ilog2() {
            None => of,
            Some(first) => of & (u128::MAX << first),
        };
        self.mask.add_read(self.key, field, read);
        self.key.has(field) && differs == 0
    }

    /// Whether the field is there and lies between two values, both included. Bits are read down to the first
    /// that decides.
    pub fn is_between(&mut self, field: Field, first: u128, last: u128) -> bool {
        let full = field.full();
        let value = self.key.get_or_zero(field);
        // From each of these it has to be told, and is by the first bit in which it differs: inside, from the next values
        // outside; outside, from the nearer end.
        let inside = first <= value && value <= last;
        let tell_from = match inside {
            true => [first.checked_sub(1), last.checked_add(1)],
            false if value < first => [Some(first), None],
            false => [Some(last), None],
        };
        let mut open = full;
        for other in tell_from
            .into_iter()
            .flatten()
            .filter(|other| other & !full == 0)
        {
            open &= below_first(value ^ other);
        }
        self.mask.add_read(self.key, field, full & !open);
        self.key.has(field) && inside
    }

    /// Whether any bit of a field was read.
    pub(crate) fn has_read(&self, field: Field) -> bool {
        self.mask.get(field) != 0
    }

    /// The number of the datapath port that the packet came in by; the kernel leaves it out for a
    /// packet that came by none.
    pub fn in_port(&mut self) -> u32 {
        self.mask.add_field(Field::InPort);
        self.key.u32(Field::InPort).unwrap_or(NO_PORT)
    }

    /// The recirculation id, 0 in the first pass.
    pub fn recirc_id(&mut self) -> u32 {
        self.mask.add_field(Field::RecircId);
        self.key.u32(Field::RecircId).unwrap_or(0)
    }

    /// A field as an IPv4 address.
    pub fn ipv4(&mut self, field: Field) -> Option<Ipv4Addr> {
        self.read(field)?;
        self.key.ipv4(field)
    }

    /// A field as a MAC address.
    pub fn mac(&mut self, field: Field) -> Option<MacAddr> {
        self.read(field).map(key::mac_from_bits)
    }

    /// Whether the field is there and is this MAC address.
    pub fn is_mac(&mut self, field: Field, mac: MacAddr) -> bool {
        self.is(field, key::mac_to_bits(mac))
    }

    /// Whether the MAC address in the field is a group's (multicast or broadcast): one bit is read.
    pub fn is_group(&mut self, field: Field) -> Option<bool> {
        Some(self.read_bits(field, GROUP_BIT)? != 0)
    }
}

/// Reading what is not in the key.
impl<'a> Probe<'a> {
    /// The packet's bytes. The verdict then holds for this packet alone.
    pub fn packet(&mut self) -> &'a [u8] {
        self.install = Install::PerPacket;
        self.packet
    }

    /// The port behind which a bridge has last seen a MAC.
    pub fn learned_mac(&mut self, bridge: BridgeId, vlan: u16, mac: MacAddr) -> Option<PortId> {
        self.tag(Tag::Mac(bridge, vlan, mac));
        self.learned.mac(bridge, vlan, mac, self.now)
    }

    /// Whether a point in time is reached; while it is not, the verdict ends there.
    pub fn reached(&mut self, deadline: Time) -> bool {
        let reached = self.now >= deadline;
        if !reached {
            let earliest = self
                .valid_until
                .map_or(deadline, |until| until.min(deadline));
            self.valid_until = Some(earliest);
        }
        reached
    }

    /// Notes a fact that the verdict depends on.
    pub(crate) fn tag(&mut self, tag: Tag) {
        if !self.lists.tags.contains(&tag) {
            self.lists.tags.push(tag);
        }
    }

    /// The object, if it exists. One that is not loaded ends the simulation.
    pub(crate) fn loaded<T>(
        &mut self,
        id: ObjectId,
        known: Known<T>,
    ) -> ControlFlow<Reason, Option<T>> {
        match known {
            Known::Here(object) => ControlFlow::Continue(Some(object)),
            Known::Absent => ControlFlow::Continue(None),
            Known::NotLoaded => {
                self.lists.missing.push(id);
                ControlFlow::Break(Reason::NotLoaded(id))
            }
        }
    }

    /// Makes the verdict hold for this packet alone.
    pub(crate) fn this_packet_only(&mut self) {
        self.install = Install::PerPacket;
    }

    /// Notes a step for people.
    pub(crate) fn step(&mut self, object: Option<ObjectId>, what: What) {
        if let Some(steps) = &mut self.trace {
            steps.push(Step { object, what });
        }
    }
}

/// The bits below the first one that is set.
fn below_first(bits: u128) -> u128 {
    let first = bits.checked_ilog2().unwrap_or(0);
    (1 << first) - 1
}

/// The individual/group bit of a MAC address.
const GROUP_BIT: u128 = 1 << 40;

/// `DP_MAX_PORTS` of `net/openvswitch/datapath.h`, which no port has as its number.
const NO_PORT: u32 = 65535;

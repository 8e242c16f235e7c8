//! Marks: how a connection that is entered is found again when a rule is taken away.
//!
//! The mark of a connection is a number of its *conversation*: what its original packets show beside addresses,
//! protocol and ports, which the entry itself has. From both together the original packet's key is made again and
//! judged afresh. The number is a hash of the conversation, so the same one has the same number on every worker
//! and after a restart, and a flow that is judged again keeps its actions. Of two conversations with one number
//! both are asked about.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;
use weft_flow::{Action, Field, FlowKey};
use weft_topology::id::PortId;

use crate::connection::CUT;
use crate::probe::Probe;

/// What original packets of a connection show beside what its entry has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Conversation {
    /// The port where they enter.
    pub port: PortId,
    /// Ethernet source, 48 bits.
    pub source: u64,
    /// Ethernet destination, 48 bits.
    pub destination: u64,
    /// The outer VLAN tag's control information and protocol, 0 without one.
    pub vlan: (u16, u16),
    /// TOS or traffic class, if a rule asked for it.
    pub tos: Option<u8>,
}

impl Conversation {
    /// Its number: 31 bits, not 0.
    pub fn mark(&self) -> u32 {
        // Byte by byte: the form of a derived hash may change with the compiler.
        let mut hasher = SipHasher13::new();
        hasher.write(self.port.0.as_bytes());
        for part in [self.source, self.destination] {
            hasher.write(&part.to_be_bytes());
        }
        for part in [
            self.vlan.0,
            self.vlan.1,
            self.tos.map_or(u16::MAX, u16::from),
        ] {
            hasher.write(&part.to_be_bytes());
        }
        let bits = hasher.finish() & u64::from(!CUT);
        u32::try_from(bits).unwrap_or_default().max(1)
    }

    /// That of an original packet's key, where no rule asked for the TOS.
    pub fn of_key(port: PortId, key: &FlowKey) -> Self {
        let field = |field| u64::try_from(key.get_or_zero(field)).unwrap_or(0);
        let tag = |field| u16::try_from(key.get_or_zero(field)).unwrap_or(0);
        Self {
            port,
            source: field(Field::EthSrc),
            destination: field(Field::EthDst),
            vlan: (tag(Field::VlanTci), tag(Field::VlanTpid)),
            tos: None,
        }
    }

    /// Reads it, with the TOS or without.
    pub(crate) fn read(port: PortId, probe: &mut Probe<'_>, tos: bool) -> Self {
        let mut field = |field| u64::try_from(probe.read(field).unwrap_or(0)).unwrap_or(0);
        let tag = |bits: u64| u16::try_from(bits).unwrap_or(0);
        Self {
            port,
            source: field(Field::EthSrc),
            destination: field(Field::EthDst),
            vlan: (tag(field(Field::VlanTci)), tag(field(Field::VlanTpid))),
            tos: tos.then(|| u8::try_from(field(Field::IpTos)).unwrap_or(0)),
        }
    }

    /// Its fields, in a key.
    pub fn write(&self, key: &mut FlowKey) {
        key.set(Field::EthSrc, self.source.into());
        key.set(Field::EthDst, self.destination.into());
        if self.vlan.1 != 0 {
            key.set(Field::VlanTci, self.vlan.0.into());
            key.set(Field::VlanTpid, self.vlan.1.into());
        }
    }
}

/// Writes the number of the packet's conversation into what enters connections.
pub(crate) fn write(port: PortId, probe: &mut Probe<'_>) -> Option<Conversation> {
    let commits = |action: &Action| matches!(action, Action::Ct(ct) if ct.commit);
    if !probe.lists.actions.iter().any(commits) {
        return None;
    }
    let tos = probe.has_read(Field::IpTos);
    let conversation = Conversation::read(port, probe, tos);
    let mark = conversation.mark();
    for action in &mut probe.lists.actions {
        if let Action::Ct(ct) = action
            && ct.commit
        {
            ct.mark = Some((mark, u32::MAX));
        }
    }
    Some(conversation)
}

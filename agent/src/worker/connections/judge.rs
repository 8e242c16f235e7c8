//! What the rules say of a connection that is entered: the key of an original packet is made of the entry and of its
//! conversation, and walked through the topology like any other's.

use std::net::IpAddr;

use weft_flow::present::{ethertype, protocol};
use weft_flow::{Action, Field, FlowKey};
use weft_flowsim::{Conversation, Learned, Outcome, Probe, Reason, Scratch, Step, Time, simulate};
use weft_ovs::conntrack::{Entry, Part, Tuple};
use weft_topology::Snapshot;

use crate::worker::passes::{Answer, advance, pass_of};

/// A packet is looked up so often at most.
const MOST_PASSES: usize = 4;
/// TCP's flag of a segment in the middle of a connection.
const ACK: u128 = 0x10;

/// What is to be done with an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::worker) enum Judgement {
    /// Its original packets pass, or nothing can be said of them now.
    Stays,
    /// They do not.
    Denied,
}

/// Walks packets that nobody has sent.
pub(in crate::worker) struct Judge<'a> {
    pub(in crate::worker) snapshot: &'a Snapshot,
    pub(in crate::worker) learned: &'a dyn Learned,
    pub(in crate::worker) now: Time,
    pub(in crate::worker) scratch: &'a mut Scratch,
}

impl Judge<'_> {
    /// What becomes of an original packet of a connection; nothing where the port is gone, which takes its connections
    /// with it. Steps are those of the last pass.
    pub(in crate::worker) fn connection(
        &mut self,
        entry: &Entry,
        conversation: &Conversation,
        steps: Option<&mut Vec<Step>>,
    ) -> Option<Outcome> {
        let local = self.snapshot.local_by_port(conversation.port)?;
        let key = key_of(&entry.original, conversation, local.number);
        self.packet(key, (Answer::Established, entry.mark), steps)
    }

    /// What becomes of a packet in its last pass, if a table says so of it and has such a mark.
    pub(in crate::worker) fn packet(
        &mut self,
        mut key: FlowKey,
        (answer, mark): (Answer, u32),
        mut steps: Option<&mut Vec<Step>>,
    ) -> Option<Outcome> {
        for _ in 0..MOST_PASSES {
            let mut probe = Probe::new(&key, &[], self.learned, self.now, self.scratch);
            if let Some(steps) = steps.as_deref_mut() {
                steps.clear();
                probe = probe.with_trace(steps);
            }
            let outcome = simulate(self.snapshot, &mut probe);
            let Some(pass) = pass_of(&outcome) else {
                return Some(outcome);
            };
            advance(&mut key, &outcome, pass, answer);
            key.set(Field::CtMark, mark.into());
            self.scratch.recycle(outcome);
        }
        None
    }
}

/// What such an outcome means for an entry in a zone. A packet that passes enters its connection there, unless no rule
/// asks for connections any more. One that goes nowhere for another reason than a rule (its destination is not here, or
/// not yet) is not denied.
pub(in crate::worker) fn judgement(outcome: &Outcome, zone: u16) -> Judgement {
    let enters = |action: &Action| matches!(action, Action::Ct(ct) if ct.commit && ct.zone == zone);
    let is_denied = match outcome.reason {
        Reason::Filtered(_)
        | Reason::Rejected(_)
        | Reason::FilteredEverywhere(_)
        | Reason::Security(..)
        | Reason::NoSuchChain(_)
        | Reason::ChainTooLong(_) => true,
        // A flood that leaves by others, and not there.
        Reason::FloodUnknown(_) => !outcome.actions.iter().any(enters),
        _ => false,
    };
    match is_denied {
        true => Judgement::Denied,
        false => Judgement::Stays,
    }
}

/// The key of an original packet, in its first pass.
fn key_of(tuple: &Tuple, conversation: &Conversation, number: u32) -> FlowKey {
    let mut key = FlowKey::new();
    for field in [
        Field::RecircId,
        Field::SkbPriority,
        Field::SkbMark,
        Field::DpHash,
        Field::CtState,
        Field::CtZone,
        Field::CtMark,
        Field::CtLabels,
        Field::IpFrag,
    ] {
        key.set(field, 0);
    }
    conversation.write(&mut key);
    key.set(Field::InPort, number.into())
        .set(Field::IpProto, tuple.protocol.into())
        .set(Field::IpTos, conversation.tos.unwrap_or(0).into())
        .set(Field::IpTtl, 64);
    match (tuple.source, tuple.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            key.set(Field::EthType, ethertype::IPV4.into())
                .set(Field::Ipv4Src, source.to_bits().into())
                .set(Field::Ipv4Dst, destination.to_bits().into());
        }
        (source, destination) => {
            let bits = |addr: IpAddr| match addr {
                IpAddr::V6(addr) => addr.to_bits(),
                IpAddr::V4(addr) => addr.to_ipv6_mapped().to_bits(),
            };
            key.set(Field::EthType, ethertype::IPV6.into())
                .set(Field::Ipv6Src, bits(source))
                .set(Field::Ipv6Dst, bits(destination))
                .set(Field::Ipv6Label, 0);
        }
    }
    match tuple.part {
        Part::Ports {
            source,
            destination,
        } if matches!(
            tuple.protocol,
            protocol::TCP | protocol::UDP | protocol::SCTP
        ) =>
        {
            key.set(Field::TpSrc, source.into())
                .set(Field::TpDst, destination.into());
            if tuple.protocol == protocol::TCP {
                key.set(Field::TcpFlags, ACK);
            }
        }
        Part::Icmp { kind, code, .. } => {
            key.set(Field::IcmpType, kind.into())
                .set(Field::IcmpCode, code.into());
        }
        Part::Ports { .. } | Part::Nothing => {}
    }
    key
}

//! From one pass of a packet to the next: what the kernel changes of its key when it looks the packet up in a
//! connection table.

use weft_flow::present::ct_state;
use weft_flow::{Action, Field, FlowKey};
use weft_flowsim::{Outcome, Pass};

/// What a connection table says of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// It begins a connection.
    New,
    /// It goes the way of the packet that began one.
    Established,
    /// It goes the other way.
    Reply,
    /// It is an ICMP error about one.
    Related,
    /// It fits none.
    Invalid,
}

impl Answer {
    const fn bits(self) -> u8 {
        let state = match self {
            Answer::New => ct_state::NEW,
            Answer::Established => ct_state::ESTABLISHED,
            Answer::Reply => ct_state::ESTABLISHED | ct_state::REPLY,
            Answer::Related => ct_state::RELATED,
            Answer::Invalid => ct_state::INVALID,
        };
        state | ct_state::TRACKED
    }
}

/// The pass for which an outcome has the packet looked up.
pub(super) fn pass_of(outcome: &Outcome) -> Option<Pass> {
    match outcome.actions.last() {
        Some(Action::Recirc(id)) => Pass::of(*id),
        _ => None,
    }
}

/// Makes a key that of the next pass.
pub(super) fn advance(key: &mut FlowKey, outcome: &Outcome, pass: Pass, answer: Answer) {
    if outcome.actions.first() == Some(&Action::PopVlan) {
        pop_vlan(key);
    }
    // What was in pieces is whole.
    if key.has(Field::IpFrag) {
        key.set(Field::IpFrag, 0);
    }
    set_answer(key, pass, answer);
}

/// Writes what a table says into a key.
pub(super) fn set_answer(key: &mut FlowKey, pass: Pass, answer: Answer) {
    key.set(Field::RecircId, pass.recirc_id().into())
        .set(Field::CtState, answer.bits().into())
        .set(Field::CtZone, pass.zone.into())
        .set(Field::CtMark, 0);
}

/// Takes the outer tag off.
fn pop_vlan(key: &mut FlowKey) {
    let inner = [Field::InnerVlanTci, Field::InnerVlanTpid];
    for (outer, inner) in [Field::VlanTci, Field::VlanTpid].into_iter().zip(inner) {
        match key.get(inner) {
            Some(value) => key.set(outer, value),
            None => key.clear(outer),
        };
        key.clear(inner);
    }
}

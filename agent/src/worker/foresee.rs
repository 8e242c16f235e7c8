//! Foresight: a packet that the kernel looks up in a connection table comes again under a recirculation id. What
//! will become of it then is judged at once, and written before the packet goes, so that one upcall serves both
//! passes.
//!
//! What the table will say is a guess: that the packet begins a connection, or that it answers, where it looks so
//! (TCP's SYN and ACK together) or may not begin one. A wrong guess costs an upcall more; the flow that was put for
//! it is right all the same for the packets that it matches.

use weft_flow::present::protocol;
use weft_flow::{Field, FlowKey};
use weft_flowsim::{Install, Outcome, PuntClass};

use super::judge::Act;
use super::passes::{Answer, advance, pass_of, set_answer};
use super::run::Worker;

/// Bits of TCP's flags.
const SYN: u128 = 0x02;
const ACK: u128 = 0x10;

impl Worker {
    /// Judges and installs what comes after an outcome that has the packet looked up.
    pub(super) fn foresee(&mut self, pid: u32, key: &FlowKey, outcome: &Outcome) {
        // Of a datagram in pieces the key has not all that the whole one's will.
        let Some(pass) = pass_of(outcome).filter(|pass| !pass.was_fragment) else {
            return;
        };
        let mut next = key.clone();
        advance(&mut next, outcome, pass, guess(key));
        let Some(mut judged) = self.judge(Act::Simulate, &next, &[]) else {
            return;
        };
        if judged.reason.is_drop() && guess(key) == Answer::New {
            set_answer(&mut next, pass, Answer::Reply);
            let Some(answer) = self.judge(Act::Simulate, &next, &[]) else {
                return;
            };
            if answer.reason.is_drop() {
                // Neither passes: the rule that denies the beginning is the reason.
                set_answer(&mut next, pass, Answer::New);
                self.scratch.recycle(answer);
            } else {
                self.scratch.recycle(std::mem::replace(&mut judged, answer));
            }
        }
        if judged.missing.is_empty() && judged.install == Install::Flow {
            // If the guess is right, the packet does not come up again: what it teaches, it teaches now.
            if PuntClass::of_actions(&judged.actions).is_none() {
                self.carry_out(&judged, &[]);
            }
            self.install(pid, &next, &judged);
        }
        self.scratch.recycle(judged);
    }
}

/// What a table would say of a packet that it has not seen.
pub(super) fn guess(key: &FlowKey) -> Answer {
    let flags = key.get_or_zero(Field::TcpFlags);
    let is_tcp = key.get(Field::IpProto) == Some(protocol::TCP.into());
    match is_tcp && flags & (SYN | ACK) == SYN | ACK {
        true => Answer::Reply,
        false => Answer::New,
    }
}

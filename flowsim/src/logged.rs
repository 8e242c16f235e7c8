//! What rules log: a copy of the packet comes up beside whatever becomes of it.
//!
//! Such a flow begins with `clone(meter(N),userspace(…))`, whose user data names the rules and what they said, so that
//! a packet that meets the flow in the kernel is logged like the one that made it. The meter is its port's
//! ([`Metered::Log`]).
//!
//! | a rule with a name for the log | is logged |
//! |---|---|
//! | drops or rejects | each packet |
//! | accepts what begins a connection | the first packet: its connection has no mark yet |
//! | accepts another packet of a connection | never |
//! | accepts what is not tracked | each packet |
//!
//! That a connection has a mark says that it was entered. "New" would not do: to the kernel each packet of a stream
//! that nobody answers is new.

use uuid::Uuid;
use weft_flow::action::Userspace;
use weft_flow::{Action, Field};
use weft_topology::id::RuleId;

use crate::connection::{Connection, Direction};
use crate::metered::Metered;
use crate::probe::Probe;
use crate::trace::What;
use crate::walk::Walk;

/// The user data's first byte. It is no class of punt ([`PuntClass`](crate::PuntClass)), and never becomes one.
const CODE: u8 = 4;
/// A rule's id and what it said.
const EACH: usize = 17;
/// So many rules are named for one packet; more do not decide about one but where it is flooded.
const MOST: usize = 32;

/// A rule that logs, and what it said of a packet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Logged {
    /// The rule.
    pub rule: RuleId,
    /// What it said.
    pub said: Said,
}

/// What a rule said.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Said {
    /// It passes.
    Accept,
    /// It is dropped.
    Drop,
    /// It is dropped, and its sender told.
    Reject,
}

impl Said {
    const ALL: [Self; 3] = [Said::Accept, Said::Drop, Said::Reject];

    /// The name in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Said::Accept => "accept",
            Said::Drop => "drop",
            Said::Reject => "reject",
        }
    }

    const fn code(self) -> u8 {
        match self {
            Said::Accept => 1,
            Said::Drop => 2,
            Said::Reject => 3,
        }
    }
}

impl Logged {
    /// What an upcall's user data names; `None` if it is not for the log.
    pub fn of_userdata(userdata: &[u8]) -> Option<impl Iterator<Item = Self> + '_> {
        let (&code, rest) = userdata.split_first()?;
        if code != CODE || !rest.len().is_multiple_of(EACH) {
            return None;
        }
        let one = |bytes: &[u8]| {
            let (id, said) = bytes.split_first_chunk::<16>()?;
            let said = Said::ALL.into_iter().find(|it| [it.code()] == *said)?;
            let rule = RuleId(Uuid::from_bytes(*id));
            Some(Self { rule, said })
        };
        Some(rest.chunks_exact(EACH).filter_map(one))
    }

    /// The copy for the log among a flow's actions.
    pub fn copy_in(actions: &[Action]) -> Option<&Action> {
        let copy = actions.first()?;
        let Action::Clone(inner) = copy else {
            return None;
        };
        match inner.last()? {
            Action::Userspace(up) if up.userdata.first() == Some(&CODE) => Some(copy),
            _ => None,
        }
    }
}

/// Notes that a rule has decided, if its word is to be logged.
pub(crate) fn note(walk: &mut Walk<'_, '_>, logged: Logged) {
    if logged.said == Said::Accept && !is_first(walk) {
        return;
    }
    let all = &mut walk.probe.logged;
    if all.len() < MOST && !all.contains(&logged) {
        all.push(logged);
    }
}

/// Whether the packet is the first of its connection, or of none.
fn is_first(walk: &mut Walk<'_, '_>) -> bool {
    match walk.connection {
        Connection::Known(Direction::Return) => false,
        Connection::Known(Direction::Original) => walk.probe.is(Field::CtMark, 0),
        Connection::Unasked | Connection::Refused(_) => true,
    }
}

/// A service has the packet, of whose key all rules have said what they say: it was logged with the flow that brought
/// it up.
pub(crate) fn forget(walk: &mut Walk<'_, '_>) {
    if !walk.is_handed_back {
        walk.probe.logged.clear();
    }
}

/// Puts the copy for the log before the other actions.
pub(crate) fn write(probe: &mut Probe<'_>) {
    if probe.logged.is_empty() {
        return;
    }
    let number = probe.in_port();
    let mut userdata = vec![CODE];
    let logged = std::mem::take(&mut probe.logged);
    for &Logged { rule, said } in &logged {
        userdata.extend(rule.0.as_bytes());
        userdata.push(said.code());
        probe.step(Some(rule.into()), What::Logs(said));
    }
    probe.logged = logged;
    let up = Action::Userspace(Userspace {
        userdata,
        ..Userspace::default()
    });
    let copy = Action::Clone(vec![Metered::Log.action(number), up]);
    probe.lists.actions.insert(0, copy);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PuntClass;

    #[test]
    fn user_data_names_rules_and_nothing_else_does() {
        let rule = |n| RuleId(Uuid::from_u128(n));
        let all: Vec<Logged> = (0..3)
            .zip(Said::ALL)
            .map(|(n, said)| Logged {
                rule: rule(n),
                said,
            })
            .collect();
        let mut userdata = vec![CODE];
        for logged in &all {
            userdata.extend(logged.rule.0.as_bytes());
            userdata.push(logged.said.code());
        }
        let read = Logged::of_userdata(&userdata).unwrap();
        assert_eq!(read.collect::<Vec<_>>(), all);
        assert_eq!(PuntClass::from_userdata(&userdata), None);
        for foreign in [&[][..], &[1], &[CODE, 1], &userdata[..17], &userdata[1..]] {
            assert!(Logged::of_userdata(foreign).is_none(), "{foreign:?}");
        }
        for &class in PuntClass::ALL {
            let Action::Userspace(up) = class.action() else {
                panic!("{class:?} is brought up by another action");
            };
            assert!(Logged::of_userdata(&up.userdata).is_none());
        }
    }
}

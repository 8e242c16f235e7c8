//! Evaluation of a chain: rule after rule, with jumps.
//!
//! The end of the first chain, or a return from it, accepts. A datagram that came in fragments passes if it
//! would as a first fragment and as a later one: rules tell the two apart, the datagram has one fate.
//!
//! Chains that jump in a circle, or too deep, are refused when they are written; a limit on what one packet may cost
//! holds for those that jump to one another again and again.

use std::ops::ControlFlow;

use weft_topology::chain::{MOST_JUMPS, Rule, RuleAction};
use weft_topology::id::ChainId;
use weft_topology::snapshot::Step;

use super::condition;
use super::facts::{Facts, Piece};
use super::{Hook, Verdict, program};
use crate::logged::{self, Logged, Said};
use crate::reason::Reason;
use crate::trace::What;
use crate::walk::Walk;

/// Rules that are looked at for one packet at one place.
const LONGEST: usize = 1 << 16;

/// How a chain ended.
enum End {
    /// One of its rules, or of those that it jumped to, decided; what of that is to be logged.
    Decided(Verdict, Option<Logged>),
    /// None did: the chain that jumped here goes on.
    Fell,
}

struct Evaluation<'a, 'w, 'p> {
    walk: &'a mut Walk<'w, 'p>,
    hook: Hook<'a>,
    facts: Facts,
    /// Rules that may still be looked at.
    left: usize,
}

/// What a chain says of the packet.
pub(super) fn evaluate(
    walk: &mut Walk<'_, '_>,
    chain: ChainId,
    hook: Hook<'_>,
) -> ControlFlow<Reason, Verdict> {
    let pieces: &[Piece] = match walk.was_fragment {
        false => &[Piece::AsItIs],
        true => &[Piece::First, Piece::Later],
    };
    let mut verdict = Verdict::Accept;
    let mut said = [None; 2];
    for (place, &piece) in pieces.iter().enumerate() {
        let mut evaluation = Evaluation {
            walk: &mut *walk,
            hook,
            facts: Facts::new(piece),
            left: LONGEST,
        };
        if let End::Decided(decided, logged) = evaluation.chain(chain, 0)? {
            verdict = decided;
            said[place] = logged;
        }
        if verdict != Verdict::Accept {
            // What let the other piece pass has let nothing pass.
            said = [None, said[place]];
            break;
        }
    }
    for logged in said.into_iter().flatten() {
        logged::note(walk, logged);
    }
    ControlFlow::Continue(verdict)
}

impl Evaluation<'_, '_, '_> {
    fn chain(&mut self, id: ChainId, depth: usize) -> ControlFlow<Reason, End> {
        let program = program(self.walk, id)?;
        for step in &program.rules {
            let (checks, rule) = match step {
                Step::Rule(checks, rule) => (checks, rule),
                Step::Missing(rule) => {
                    self.walk.probe.lists.missing.push((*rule).into());
                    return ControlFlow::Break(Reason::NotLoaded((*rule).into()));
                }
            };
            if self.left == 0 {
                return ControlFlow::Break(Reason::ChainTooLong(id));
            }
            self.left -= 1;
            if !condition::holds(self.walk, checks, rule, self.hook, &mut self.facts)? {
                continue;
            }
            self.walk.probe.step(Some(rule.id.into()), What::Matches);
            match &rule.action {
                RuleAction::Accept => return decided(rule, Verdict::Accept),
                RuleAction::Drop => return decided(rule, Verdict::Drop(rule.id)),
                RuleAction::Reject => return decided(rule, Verdict::Reject(rule.id)),
                RuleAction::Return => return ControlFlow::Continue(End::Fell),
                RuleAction::Jump { .. } if depth == MOST_JUMPS => {
                    return ControlFlow::Break(Reason::ChainTooLong(id));
                }
                RuleAction::Jump { chain } => {
                    let end = self.chain(*chain, depth + 1)?;
                    if let End::Decided(..) = end {
                        return ControlFlow::Continue(end);
                    }
                }
                // On a bridge there is nothing to translate.
                RuleAction::Continue | RuleAction::Nat { .. } => {}
            }
        }
        ControlFlow::Continue(End::Fell)
    }
}

fn decided(rule: &Rule, verdict: Verdict) -> ControlFlow<Reason, End> {
    let said = match verdict {
        Verdict::Accept => Said::Accept,
        Verdict::Drop(_) => Said::Drop,
        Verdict::Reject(_) => Said::Reject,
    };
    let logged = rule.log.is_some().then_some(Logged {
        rule: rule.id,
        said,
    });
    ControlFlow::Continue(End::Decided(verdict, logged))
}

//! Filters: the chains of ports and bridges.
//!
//! ```text
//!  port ─▶ its inbound chain ─▶ bridge's inbound chain ─▶ bridging ─▶ bridge's outbound chain ─▶ outbound chain of the port it leaves by
//! ```
//! The first that does not accept decides. They are walked for every packet, tagged ones too; who is let in is
//! learned after that.

mod chain;
mod condition;
mod facts;

use std::ops::ControlFlow;

use weft_topology::Tag;
use weft_topology::id::{ChainId, RuleId};
use weft_topology::port::Port;
use weft_topology::snapshot::Program;

use crate::kept;
use crate::logged;
use crate::punt::PuntClass;
use crate::reason::Reason;
use crate::reject;
use crate::walk::{Flow, Purpose, Walk};

/// What chains say of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It passes.
    Accept,
    /// It is dropped in silence.
    Drop(RuleId),
    /// It is dropped, and its sender is told.
    Reject(RuleId),
}

/// Where in its device a packet is.
#[derive(Clone, Copy)]
pub(crate) struct Hook<'w> {
    /// The port that it leaves by, once that is known.
    pub(crate) out_port: Option<&'w Port>,
}

/// A stage: what the ingress port and its bridge let in.
pub(crate) fn inbound<'w>(walk: &mut Walk<'w, '_>) -> Flow {
    let chains = [walk.ingress.inbound_filter, walk.bridge_filters.0];
    let hook = Hook { out_port: None };
    match judge(walk, chains, hook)? {
        Verdict::Accept => ControlFlow::Continue(()),
        _ if kept::is_kept(walk) => ControlFlow::Continue(()),
        Verdict::Drop(rule) => ControlFlow::Break(Reason::Filtered(rule)),
        Verdict::Reject(rule) => rejected(walk, rule),
    }
}

/// What a bridge and the port that the packet would leave by let out.
pub(crate) fn outbound<'w>(
    walk: &mut Walk<'w, '_>,
    port: &'w Port,
) -> ControlFlow<Reason, Verdict> {
    let chains = [walk.bridge_filters.1, port.outbound_filter];
    let hook = Hook {
        out_port: Some(port),
    };
    judge(walk, chains, hook)
}

fn judge(
    walk: &mut Walk<'_, '_>,
    chains: [Option<ChainId>; 2],
    hook: Hook<'_>,
) -> ControlFlow<Reason, Verdict> {
    for chain in chains.into_iter().flatten() {
        let verdict = chain::evaluate(walk, chain, hook)?;
        if verdict != Verdict::Accept {
            return ControlFlow::Continue(verdict);
        }
    }
    ControlFlow::Continue(Verdict::Accept)
}

/// Ends a packet whose sender is to be told.
pub(crate) fn rejected(walk: &mut Walk<'_, '_>, rule: RuleId) -> Flow {
    let reason = Reason::Rejected(rule);
    match walk.purpose {
        Purpose::Judge if walk.vlan == 0 => {
            walk.probe.lists.actions.clear();
            walk.punt(PuntClass::Reject, reason)
        }
        Purpose::Serve if walk.vlan == 0 => {
            logged::forget(walk);
            reject::answer(walk);
            ControlFlow::Break(reason)
        }
        _ => ControlFlow::Break(reason),
    }
}

/// A chain as it is evaluated. One that does not exist lets nothing pass: nobody can have meant that.
pub(crate) fn program<'w>(
    walk: &mut Walk<'w, '_>,
    chain: ChainId,
) -> ControlFlow<Reason, &'w Program> {
    walk.probe.tag(Tag::Object(chain.into()));
    let snapshot = walk.snapshot;
    match walk.probe.loaded(chain.into(), snapshot.program(chain))? {
        Some(program) => ControlFlow::Continue(program.as_ref()),
        None => ControlFlow::Break(Reason::NoSuchChain(chain)),
    }
}

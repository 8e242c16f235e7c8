//! What a change would cut, before it is made.
//!
//! ```text
//!  changes ─▶ Snapshot::supposing ─▶ then ─┐
//!  workers' snapshot ────────────▶ now ────┼─▶ the warden's judge ─▶ passes now, and not then
//!  kernel: entries, flows with traffic ────┘
//! ```
//!
//! Connections are judged by the code that cuts them, so what is said here is what a change does. Nothing of it
//! reaches the workers or the warden.
//!
//! Races:
//! - *The topology changes, or a connection begins or ends, while it is looked*: what is said is of the moment at which
//!   the snapshot was taken and the kernel listed its tables.
//! - *A MAC moves*: both verdicts are by the learned tables of now.

mod connections;
mod flows;
mod words;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Duration;

use crate::sync::bounded;
use weft_flowsim::{Conversation, Scratch};
use weft_topology::{Change, Snapshot};
use weft_wire::impact::{Impact, ImpactResult};

use super::connections::{Judge, News, live};
use super::pool::{PATIENCE, Workers};
use super::shared::Shared;
use crate::hot::HotError;

const ATTEMPT: &str = "find out what changes would cut";

/// What is looked at, and what was found so far.
struct Look<'a> {
    shared: &'a Shared,
    now: &'a Snapshot,
    then: &'a Snapshot,
    scratch: Scratch,
    result: ImpactResult,
}

impl Workers {
    /// Visits what would not pass any more, connections first, until told to stop. Flows without a packet for longer
    /// than `recent` are left out. The host's name in the result is the caller's to fill in.
    pub(super) fn impact_of(
        &self,
        changes: &[Change],
        recent: Duration,
        each: &mut dyn FnMut(Impact) -> ControlFlow<()>,
    ) -> Result<ImpactResult, HotError> {
        let now = self.shared.snapshot();
        let then = now.supposing(changes);
        let mut look = Look {
            shared: &self.shared,
            now: &now,
            then: &then,
            scratch: Scratch::new(),
            result: ImpactResult {
                revision: now.epoch().revision,
                ..ImpactResult::default()
            },
        };
        let conversations = self.conversations()?;
        let mut conntrack = self.control().conntrack()?;
        let entries = live(&mut *conntrack, &now)?;
        if look.connections(entries, &conversations, each).is_break() {
            return Ok(look.result);
        }
        let _ = look.flows(self.stateless_flows(recent)?, each);
        Ok(look.result)
    }

    fn conversations(&self) -> Result<HashMap<u32, Conversation>, HotError> {
        let (sender, answer) = bounded(1);
        self.shared.tell_warden(News::Asked(sender));
        answer
            .recv_timeout(PATIENCE)
            .map_err(|_| HotError::Stopped { attempt: ATTEMPT })
    }
}

impl<'a> Look<'a> {
    fn judge_of<'b>(&'b mut self, snapshot: &'b Snapshot) -> Judge<'b> {
        Judge {
            snapshot,
            learned: &self.shared.learned,
            now: self.shared.now(),
            scratch: &mut self.scratch,
        }
    }

    fn now(&mut self) -> Judge<'_> {
        self.judge_of(self.now)
    }

    fn then(&mut self) -> Judge<'_> {
        self.judge_of(self.then)
    }
}

//! The warden: a thread that knows whose connections the flows enter, and cuts those that a change denies.
//!
//! ```text
//!  workers: a conversation that is new ───┐
//!  control: a snapshot is published ──────┤            ┌─ list the entries of this host's zones
//!  workers: all are past an epoch ────────┼──▶ warden ─┤  judge the original direction of each
//!  control: a port was let go ────────────┘            └─ denied: write the top bit of its mark
//!                                             └──▶ Event::EpochDone
//! ```
//!
//! Cutting and not deleting: with the entry gone, the responder's next packet would begin a connection of its own,
//! which its rules may well allow.
//!
//! Races:
//! - *An original packet passes by an old flow while entries are cut.* It would write the whole mark and heal what is
//!   cut. So entries are looked at when every worker is past the epoch: no old flow is left by then.
//! - *The snapshot is newer than the epoch that was passed.* What it denies beyond that is cut too early, may be
//!   healed by an old flow, and is cut again when its own epoch is passed.
//! - *A port goes, and its number is another port's*: numbers go up and come again after all others, long after the
//!   zone was emptied.
//! - *A connection begins while entries are listed*: a new flow let it in.
//! - *An entry ends, or is another one by then*: it is named by its tuple and zone; a cut of one that the rules
//!   allow lasts until its next original packet.
//! - *The agent ends before a cut*: that one is due is noted in a file of the run directory, with the revision. The next
//!   run cuts when it has that revision: its snapshot on disk may be older, and would deny what was allowed since.

pub(crate) mod conversations;
mod judge;
mod live;
mod note;

pub(super) use self::judge::{Judge, Judgement, judgement};
pub(super) use self::live::live;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use weft_flowsim::{CUT, Conversation, Scratch};
use weft_ovs::conntrack::{Bits, Filter, Outcome};
use weft_ovs::{Conntrack, Datapath, Error};
use weft_topology::{Epoch, Kind, Tag};

use self::conversations::Conversations;
use self::live::entries;
use self::note::Note;
use super::run::Worker;
use super::shared::Shared;
use super::tally::Counter;
use crate::hot::Event;
use crate::sync::{Receiver, RecvTimeoutError, Sender};

/// After a listing that failed, so long is waited before the next.
const AGAIN: Duration = Duration::from_secs(1);
/// Conversations that a worker remembers to have told of.
const REMEMBERED: usize = 1 << 16;

/// What the warden is told.
pub(super) enum News {
    /// A flow enters its connections.
    Met(Conversation),
    /// A snapshot goes out to the workers; whether it may deny what was allowed.
    Published(Epoch, bool),
    /// Every worker is past it.
    Passed(Epoch),
    /// A port was let go: nothing of its zone is left.
    Vacated(u16),
    /// Say whose connections are known, by mark.
    Asked(Sender<HashMap<u32, Conversation>>),
    /// Say when all before this is dealt with.
    #[cfg(test)]
    Echo(Sender<()>),
    /// End the thread.
    Stop,
}

/// The thread's own.
pub(super) struct Warden {
    shared: Arc<Shared>,
    conntrack: Box<dyn Conntrack>,
    conversations: Conversations,
    scratch: Scratch,
    /// Published and not passed by all yet, the oldest first.
    published: VecDeque<(Epoch, bool)>,
    /// Passed, and to be told of when what they deny is cut.
    passed: Vec<Epoch>,
    /// Entries must be looked at, by a snapshot of this revision or a later one.
    due: Option<u64>,
    note: Note,
    complained: bool,
}

/// Whether a change with these tags may deny what was allowed.
pub(super) fn may_deny(tags: &BTreeSet<Tag>) -> bool {
    tags.iter().any(|tag| match tag {
        Tag::Object(id) => matches!(
            id.kind,
            Kind::Chain | Kind::Rule | Kind::Port | Kind::Bridge | Kind::AddressGroup
        ),
        Tag::Member(..) => true,
        _ => false,
    })
}

impl Warden {
    pub(super) fn new(
        shared: Arc<Shared>,
        datapath: &dyn Datapath,
        file: Option<PathBuf>,
    ) -> Result<Self, Error> {
        let note = Note::beside(file.as_deref());
        Ok(Self {
            shared,
            conntrack: datapath.conntrack()?,
            due: note.read(),
            note,
            conversations: Conversations::load(file),
            scratch: Scratch::new(),
            published: VecDeque::new(),
            passed: Vec::new(),
            complained: false,
        })
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self, news: &Receiver<News>) {
        loop {
            let waits = !self.passed.is_empty();
            let next = match waits {
                true => news.recv_timeout(AGAIN),
                false => news.recv().map_err(RecvTimeoutError::from),
            };
            match next {
                Ok(News::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(first) => {
                    self.take(first);
                    while let Ok(more) = news.try_recv() {
                        if matches!(more, News::Stop) {
                            return;
                        }
                        self.take(more);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.settle();
        }
    }

    fn take(&mut self, news: News) {
        match news {
            News::Met(conversation) => self.conversations.add(conversation),
            News::Published(epoch, may_deny) => {
                if may_deny && !self.conversations.is_empty() {
                    self.note.write(epoch.revision);
                }
                self.published.push_back((epoch, may_deny));
            }
            News::Passed(epoch) => {
                let last = self.published.iter().position(|(of, _)| *of == epoch);
                for (epoch, may_deny) in self.published.drain(..last.map_or(0, |last| last + 1)) {
                    if may_deny {
                        let due = self.due.unwrap_or(epoch.revision);
                        self.due = Some(due.min(epoch.revision));
                    }
                    self.passed.push(epoch);
                }
            }
            News::Vacated(zone) => self.vacate(zone),
            // Who asked may have gone.
            News::Asked(sender) => drop(sender.send(self.conversations.all())),
            #[cfg(test)]
            News::Echo(sender) => {
                self.settle();
                let _ = sender.send(());
            }
            News::Stop => {}
        }
    }

    /// Cuts what is to be cut, then says which epochs are in force.
    fn settle(&mut self) {
        let Some(newest) = self.passed.last().map(|epoch| epoch.revision) else {
            return;
        };
        if self.due.is_some_and(|due| due <= newest) {
            match self.cut() {
                Ok(()) => {
                    self.due = None;
                    self.complained = false;
                    if !self.published.iter().any(|(_, may_deny)| *may_deny) {
                        self.note.remove();
                    }
                }
                Err(error) => {
                    if !self.complained {
                        tracing::error!(%error, "connections that a change denies cannot be cut: it is tried again, \
                            and nothing newer counts as in force until then");
                    }
                    self.complained = true;
                    return;
                }
            }
        }
        for epoch in self.passed.drain(..) {
            self.shared.tell(Event::EpochDone(epoch));
        }
    }

    /// Looks at every connection of this host's ports.
    fn cut(&mut self) -> Result<(), Error> {
        if self.conversations.is_empty() {
            return Ok(());
        }
        let snapshot = self.shared.snapshot();
        let entries = live(&mut *self.conntrack, &snapshot)?;
        let (mut cut, mut unknown) = (0_u64, 0_u64);
        for entry in &entries {
            let Some(conversation) = self.conversations.get(entry.mark) else {
                unknown += 1;
                continue;
            };
            let mut judge = Judge {
                snapshot: &snapshot,
                learned: &self.shared.learned,
                now: self.shared.now(),
                scratch: &mut self.scratch,
            };
            let Some(outcome) = judge.connection(entry, conversation, None) else {
                continue;
            };
            let is_denied = judgement(&outcome, entry.zone) == Judgement::Denied;
            self.scratch.recycle(outcome);
            if is_denied {
                let bits = Bits {
                    value: CUT,
                    mask: CUT,
                };
                let outcome = self.conntrack.set_mark(entry.zone, &entry.original, bits)?;
                cut += u64::from(outcome == Outcome::Done);
            }
        }
        self.shared.counters.add(Counter::ConnectionsCut, cut);
        self.shared
            .counters
            .add(Counter::ConnectionsUnknown, unknown);
        if cut > 0 || unknown > 0 {
            tracing::info!(
                looked_at = entries.len(),
                cut,
                unknown,
                "connections were judged again"
            );
        }
        Ok(())
    }

    /// Deletes what is left in a zone that no port has any more.
    fn vacate(&mut self, zone: u16) {
        let filter = Filter {
            zone: Some(zone),
            ..Filter::default()
        };
        let vacated = entries(&mut *self.conntrack, filter, |_| true).and_then(|entries| {
            for entry in &entries {
                // One that has ended by itself is as good.
                let _ = self.conntrack.delete(zone, &entry.original)?;
            }
            Ok(entries.len())
        });
        match vacated {
            Ok(0) => {}
            Ok(count) => tracing::debug!(
                zone,
                count,
                "connections of a port that is gone were deleted"
            ),
            Err(error) => {
                tracing::warn!(zone, %error, "connections of a port that is gone stay until they time out");
            }
        }
    }
}

impl Worker {
    /// Tells of a conversation whose connections a flow enters, once.
    pub(super) fn meet_conversation(&mut self, conversation: Conversation) {
        if self.met.len() >= REMEMBERED {
            self.met.clear();
        }
        if self.met.insert(conversation.mark()) {
            self.shared.tell_warden(News::Met(conversation));
        }
    }
}

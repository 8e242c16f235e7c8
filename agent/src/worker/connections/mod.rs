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
//! - *The agent ends before a zone is emptied, or its state is lost*: what is in a zone that no port has is deleted as it
//!   starts, before a port can get one if the datapath is new.
//! - *The agent ends before a cut*: that one is due is noted in a file of the run directory, with the revision. The next
//!   run cuts when it has that revision: its snapshot on disk may be older, and would deny what was allowed since.

pub(crate) mod conversations;
mod index;
mod judge;
mod live;
mod note;

pub(super) use self::judge::{Judge, Judgement, judgement};
pub(super) use self::live::live;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use weft_flowsim::{CUT, Conversation, Scratch};
use weft_ovs::conntrack::{Bits, Filter, Outcome};
use weft_ovs::{Conntrack, Datapath, Error, Vport};
use weft_topology::{Epoch, Kind, Tag};

use self::conversations::Conversations;
use self::index::{Facts, Index, facts};
use self::live::{entries, strangers, zones};
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
    /// A flow enters its connections, and its verdict has read these facts.
    Met(Conversation, Facts),
    /// A snapshot goes out to the workers; what has changed, if that may deny what was allowed.
    Published(Epoch, Option<Arc<BTreeSet<Tag>>>),
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
    index: Index,
    scratch: Scratch,
    /// Published and not passed by all yet, the oldest first.
    published: VecDeque<(Epoch, Option<Arc<BTreeSet<Tag>>>)>,
    /// Passed, and to be told of when what they deny is cut.
    passed: Vec<Epoch>,
    /// Entries must be looked at.
    due: Option<Due>,
    note: Note,
    complained: bool,
}

/// That entries must be looked at.
struct Due {
    /// By a snapshot of this revision or a later one.
    revision: u64,
    /// Because of these changes; absent: an earlier run did not say which.
    changed: Option<BTreeSet<Tag>>,
}

impl Due {
    /// Another change, too.
    fn add(earlier: Option<Self>, revision: u64, more: &BTreeSet<Tag>) -> Self {
        let Some(mut due) = earlier else {
            return Self {
                revision,
                changed: Some(more.clone()),
            };
        };
        due.revision = due.revision.min(revision);
        if let Some(changed) = &mut due.changed {
            changed.extend(more);
        }
        due
    }
}

/// Whether a change with these tags may deny what was allowed.
pub(super) fn may_deny(tags: &BTreeSet<Tag>) -> bool {
    tags.iter().any(|tag| match tag {
        Tag::Object(id) => matches!(
            id.kind,
            Kind::Chain | Kind::Rule | Kind::Port | Kind::Bridge | Kind::AddressGroup
        ),
        Tag::Member(..) | Tag::Established => true,
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
            due: note.read().map(|revision| Due {
                revision,
                changed: None,
            }),
            note,
            conversations: Conversations::load(file),
            index: Index::default(),
            scratch: Scratch::new(),
            published: VecDeque::new(),
            passed: Vec::new(),
            complained: false,
        })
    }

    /// Deletes what flows of an earlier life have entered in zones that no port of this one has: a port that gets such a
    /// zone shall not meet its connections.
    pub(super) fn forget_strangers(&mut self, vports: &[Vport]) {
        let mut zones = zones(&self.shared.snapshot());
        zones.extend(
            vports
                .iter()
                .filter_map(|of| u16::try_from(of.port_no).ok()),
        );
        let found = strangers(&mut *self.conntrack, &zones).and_then(|entries| {
            for entry in &entries {
                let _ = self.conntrack.delete(entry.zone, &entry.original)?;
            }
            Ok(entries.len())
        });
        match found {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "connections of ports that are gone were deleted"),
            Err(error) => {
                tracing::warn!(%error, "connections of ports that are gone stay until they time out");
            }
        }
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
            News::Met(conversation, facts) => {
                if let Some(forgotten) = self.conversations.add(conversation) {
                    self.index.forget(forgotten);
                }
                self.index.read(conversation.mark(), facts);
            }
            News::Published(epoch, changed) => {
                if changed.is_some() && !self.conversations.is_empty() {
                    self.note.write(epoch.revision);
                }
                self.published.push_back((epoch, changed));
            }
            News::Passed(epoch) => {
                let last = self.published.iter().position(|(of, _)| *of == epoch);
                for (epoch, changed) in self.published.drain(..last.map_or(0, |last| last + 1)) {
                    if let Some(changed) = changed {
                        self.due = Some(Due::add(self.due.take(), epoch.revision, &changed));
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
        if let Some(due) = self.due.take_if(|due| due.revision <= newest) {
            match self.cut(due.changed.as_ref()) {
                Ok(()) => {
                    self.complained = false;
                    if !self.published.iter().any(|(_, changed)| changed.is_some()) {
                        self.note.remove();
                    }
                }
                Err(error) => {
                    self.due = Some(due);
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

    /// Looks at the connections of this host's ports that such changes may concern.
    fn cut(&mut self, changed: Option<&BTreeSet<Tag>>) -> Result<(), Error> {
        let concerned = self.index.concerned(changed);
        if self.conversations.is_empty() || concerned.is_nobody() {
            return Ok(());
        }
        let snapshot = self.shared.snapshot();
        let entries = live(&mut *self.conntrack, &snapshot)?;
        let (mut judged, mut cut, mut unknown) = (0_u64, 0_u64, 0_u64);
        let mut strangers = HashSet::new();
        for entry in &entries {
            let Some(conversation) = self.conversations.get(entry.mark) else {
                unknown += 1;
                strangers.insert(entry.mark);
                continue;
            };
            if !concerned.has(entry) {
                continue;
            }
            judged += 1;
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
            self.index.judged(entry.mark, &outcome.tags);
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
        self.index.done(&concerned, strangers);
        self.shared.counters.add(Counter::ConnectionsJudged, judged);
        self.shared.counters.add(Counter::ConnectionsCut, cut);
        self.shared
            .counters
            .add(Counter::ConnectionsUnknown, unknown);
        if cut > 0 || unknown > 0 {
            tracing::info!(
                judged,
                of = entries.len(),
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
    /// Tells of a conversation whose connections a flow enters, once for each set of facts that such a flow depends on.
    pub(super) fn meet_conversation(&mut self, conversation: Conversation, tags: &[Tag]) {
        if self.met.len() >= REMEMBERED {
            self.met.clear();
        }
        let mut hasher = self.met.hasher().build_hasher();
        conversation.mark().hash(&mut hasher);
        facts(tags).for_each(|fact| fact.hash(&mut hasher));
        if self.met.insert(hasher.finish()) {
            let facts: BTreeSet<Tag> = facts(tags).collect();
            let facts: Facts = facts.into_iter().collect();
            self.shared.tell_warden(News::Met(conversation, facts));
        }
    }
}

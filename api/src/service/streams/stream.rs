//! One host's watch: a state machine that yields lines as long as they are wanted.
//!
//! ```text
//!  begin ─▶ [lines to send] ─▶ wait for: a new model | an interest request | 3 s of silence
//!               ▲                        | a nudge | the inbox or the service closed: end
//!               └────────────────────────┘
//! ```
//! Races and their answers:
//! - An interest request and a change at the same time: the stream first brings itself to one model,
//!   then answers the request from the same model; so nothing falls between the two.
//! - A transaction of which only a part concerns the host: all of that part comes before `complete`.
//! - A second watch of the same host: the inbox of the first closes, and it ends.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use weft_store::Revision;
use weft_topology::id::HostId;
use weft_topology::{Object, ObjectId};
use weft_wire::watch::{InterestRequest, WatchLine};

use super::history::Moved;
use crate::model::Model;
use crate::service::Service;

/// A heartbeat is sent after so much silence.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// Where a watch continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    /// The host knows nothing.
    Nowhere,
    /// The host knows this store's topology as of a revision.
    At(Revision),
    /// The host knows something that cannot be continued.
    Stale(String),
}

/// One host's watch.
pub(crate) struct HostStream {
    service: Arc<Service>,
    host: HostId,
    interests: BTreeSet<ObjectId>,
    /// Everything up to this revision has been put in line.
    seen: Revision,
    /// The revision that the host knew when the stream began.
    known: Option<Revision>,
    /// The newest interest request that has been answered.
    answered: u64,
    lines: VecDeque<WatchLine>,
    inbox: mpsc::Receiver<InterestRequest>,
    versions: watch::Receiver<Arc<Model>>,
    nudges: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    silent_since: Instant,
}

enum Event {
    Version,
    Interest(InterestRequest),
    Silence,
    Nudge,
    End,
}

impl HostStream {
    /// Begins a watch; another one of the same host ends.
    pub(crate) fn open(service: &Arc<Service>, host: HostId, resume: Resume) -> Self {
        let inbox = service.streams.open(host);
        let mut versions = service.versions();
        let model = versions.borrow_and_update().clone();
        let mut stream = Self {
            service: service.clone(),
            host,
            interests: BTreeSet::new(),
            seen: model.revision,
            known: None,
            answered: 0,
            lines: VecDeque::new(),
            inbox,
            versions,
            nudges: service.streams.nudge.subscribe(),
            stopping: service.stopping(),
            silent_since: Instant::now(),
        };
        let missed = match resume {
            // The store was put back as it was before, and will count up another way.
            Resume::At(revision) if revision > model.revision => Err(Some(format!(
                "the store is at revision {}, before {revision}",
                model.revision
            ))),
            Resume::At(revision) => service
                .streams
                .history()
                .since(revision)
                .map(|steps| (revision, steps))
                .ok_or_else(|| Some(format!("changes after revision {revision} are not known"))),
            Resume::Nowhere => Err(None),
            Resume::Stale(reason) => Err(Some(reason)),
        };
        match missed {
            Ok((revision, steps)) => {
                stream.known = Some(revision);
                stream.tell(&model, &steps, |stream, moved| stream.follows(moved));
            }
            Err(reason) => {
                if let Some(reason) = reason {
                    stream.lines.push_back(WatchLine::Relist { reason });
                }
                stream.list_all(&model);
            }
        }
        stream.complete();
        stream
    }

    /// The next lines, at least one; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Vec<WatchLine>> {
        while self.lines.is_empty() {
            match self.event().await {
                Event::Version => drop(self.catch_up()),
                Event::Interest(request) => {
                    let model = self.catch_up();
                    self.answer(request, &model);
                }
                Event::Nudge => {
                    self.catch_up();
                    self.complete();
                }
                Event::Silence => {
                    self.catch_up();
                    let revision = self.seen;
                    self.lines.push_back(WatchLine::Heartbeat { revision });
                }
                Event::End => return None,
            }
        }
        self.silent_since = Instant::now();
        Some(self.lines.drain(..).collect())
    }

    async fn event(&mut self) -> Event {
        tokio::select! {
            biased;
            _ = self.stopping.wait_for(|stopping| *stopping) => Event::End,
            request = self.inbox.recv() => request.map_or(Event::End, Event::Interest),
            changed = self.versions.changed() => changed.map_or(Event::End, |()| Event::Version),
            nudged = self.nudges.changed() => nudged.map_or(Event::End, |()| Event::Nudge),
            () = sleep_until(self.silent_since + HEARTBEAT) => Event::Silence,
        }
    }

    /// Puts in line what changed since the stream last looked. A step that does not concern the
    /// host is silent; the next line that is sent tells its revision. Returns the model that the
    /// stream has reached.
    fn catch_up(&mut self) -> Arc<Model> {
        let model = self.versions.borrow_and_update().clone();
        if model.revision == self.seen {
            return model;
        }
        let missed = self.service.streams.history().since(self.seen);
        self.seen = model.revision;
        match missed {
            Some(steps) => {
                if self.tell(&model, &steps, |stream, moved| stream.follows(moved)) {
                    self.complete();
                }
            }
            None => {
                self.lines.push_back(WatchLine::Relist {
                    reason: "the stream was read too slowly".to_owned(),
                });
                self.known = None;
                self.list_all(&model);
                self.complete();
            }
        }
        model
    }

    /// Answers an interest request from the model that the stream has reached.
    fn answer(&mut self, request: InterestRequest, model: &Model) {
        for id in request.add {
            self.interests.insert(id);
            self.list(model, id);
        }
        let known: BTreeSet<ObjectId> = request.known.into_iter().collect();
        self.interests.extend(&known);
        let steps = self
            .known
            .and_then(|revision| self.service.streams.history().since(revision));
        match steps {
            Some(steps) => {
                let concerns =
                    |_: &Self, moved: &Moved| is_brought_by(moved, |id| known.contains(&id));
                self.tell(model, &steps, concerns);
            }
            None => known.iter().for_each(|id| self.list(model, *id)),
        }
        for id in request.drop {
            self.interests.remove(&id);
        }
        self.answered = request.number;
        self.complete();
    }

    /// Puts in line what became of the objects that changed and that are wanted. Returns whether any was.
    fn tell(
        &mut self,
        model: &Model,
        steps: &[Arc<[Moved]>],
        wanted: impl Fn(&Self, &Moved) -> bool,
    ) -> bool {
        let changed = steps.iter().flat_map(|step| step.iter());
        let ids: BTreeSet<ObjectId> = changed
            .filter(|moved| wanted(self, moved))
            .map(|moved| moved.id)
            .collect();
        for id in &ids {
            self.state(model, *id);
        }
        !ids.is_empty()
    }

    /// Puts in line everything that the host follows.
    fn list_all(&mut self, model: &Model) {
        self.list(model, self.host.into());
        for id in self.interests.clone() {
            self.list(model, id);
        }
    }

    /// Puts in line an object and all that an interest in it brings.
    fn list(&mut self, model: &Model, id: ObjectId) {
        self.state(model, id);
        let brought = |object: &&Object| object.brought_by().contains(&id);
        for object in model.topology.referrers(id).filter(brought) {
            self.state(model, object.id());
        }
    }

    /// Puts in line what an object is now.
    fn state(&mut self, model: &Model, id: ObjectId) {
        let line = match (model.topology.object(id), model.written(id)) {
            (Some(object), Some(revision)) => WatchLine::Put {
                revision,
                object: object.clone(),
            },
            _ => WatchLine::Gone {
                revision: model.revision,
                id,
            },
        };
        self.lines.push_back(line);
    }

    fn complete(&mut self) {
        self.lines.push_back(WatchLine::Complete {
            revision: self.seen,
            interest: self.answered,
        });
    }

    fn follows(&self, moved: &Moved) -> bool {
        is_brought_by(moved, |id| {
            id == self.host.into() || self.interests.contains(&id)
        })
    }
}

fn is_brought_by(moved: &Moved, followed: impl Fn(ObjectId) -> bool) -> bool {
    followed(moved.id) || moved.concerned.iter().any(|id| followed(*id))
}

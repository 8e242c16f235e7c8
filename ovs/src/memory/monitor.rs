//! Events of the datapath in memory, for any number of monitors.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};

use super::bell::Bell;
use super::state::{State, USER_FEATURES};
use crate::error::{Error, What};
use crate::monitor::{DatapathEvent, DatapathMonitor};

/// What a datapath says to its monitors.
#[derive(Clone, Debug)]
pub(super) enum News {
    Event(DatapathEvent),
    /// Somebody set the features.
    Features(u32),
}

/// One monitor's events that wait.
#[derive(Debug)]
pub(super) struct Events {
    queue: Mutex<VecDeque<News>>,
    bell: Bell,
}

/// Follows one datapath.
pub(super) struct MemoryMonitor {
    datapath: Arc<Mutex<State>>,
    events: Arc<Events>,
    /// Whether the features must be asked for.
    unsure: bool,
    restored: u64,
}

/// Events that wait for one monitor; more are lost, which it is told.
const LENGTH: usize = 1_024;

impl Events {
    /// Queues news.
    pub(super) fn push(&self, news: News) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() < LENGTH {
            queue.push_back(news);
        } else if let Some(last) = queue.back_mut() {
            *last = News::Event(DatapathEvent::EventsLost);
        }
        self.bell.ring();
    }

    fn take(&self) -> VecDeque<News> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        self.bell.hush();
        std::mem::take(&mut queue)
    }
}

impl MemoryMonitor {
    pub(super) fn open(datapath: &Arc<Mutex<State>>) -> Result<Self, Error> {
        let mut state = datapath.lock().unwrap_or_else(PoisonError::into_inner);
        let bell = Bell::new().map_err(|errno| Error::Socket {
            attempt: Box::new(state.attempt(What::Monitor)),
            errno,
        })?;
        let events = Arc::new(Events {
            queue: Mutex::default(),
            bell,
        });
        state.monitors.push(Arc::downgrade(&events));
        Ok(Self {
            datapath: datapath.clone(),
            events,
            unsure: true,
            restored: 0,
        })
    }

    fn restore(&mut self, state: &mut State, found: u32, said: &mut Vec<DatapathEvent>) {
        if found != USER_FEATURES && !state.deleted {
            state.set_features(USER_FEATURES);
            self.restored += 1;
            said.push(DatapathEvent::DispatchRestored { found });
        }
    }
}

impl DatapathMonitor for MemoryMonitor {
    fn handle(&mut self) -> Result<Vec<DatapathEvent>, Error> {
        let datapath = self.datapath.clone();
        let mut state = datapath.lock().unwrap_or_else(PoisonError::into_inner);
        let mut said = Vec::new();
        for news in self.events.take() {
            match news {
                News::Event(event) => {
                    self.unsure |= event == DatapathEvent::EventsLost;
                    said.push(event);
                }
                News::Features(found) => self.restore(&mut state, found, &mut said),
            }
        }
        if std::mem::take(&mut self.unsure) {
            if state.deleted && !said.contains(&DatapathEvent::DatapathDeleted) {
                said.push(DatapathEvent::DatapathDeleted);
            }
            let found = state.features;
            self.restore(&mut state, found, &mut said);
        }
        Ok(said)
    }

    fn dispatch_restored(&self) -> u64 {
        self.restored
    }
}

impl AsFd for MemoryMonitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.bell.as_fd()
    }
}

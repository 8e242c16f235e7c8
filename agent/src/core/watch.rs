//! News of the service and the hot path.
//!
//! Races:
//! - *Lines of a watch that has ended* are still in the inbox when the next one is open: they carry its
//!   number and are passed over.

use std::time::Instant;

use super::{Core, Ended};
use crate::hot::Event;
use crate::service::{BindAnswer, StreamEvent};

impl Core {
    pub(super) fn on_stream(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Opening(reply) => {
                let _ = reply.send(self.builder.resume());
            }
            StreamEvent::Open {
                stream,
                url,
                store,
                established,
            } => {
                tracing::info!(url, ?established, "following the topology service");
                self.builder.set_established(established);
                let known = self.builder.store();
                let is_same_store = known.is_empty() || known == store;
                if !is_same_store {
                    self.frontier.reset();
                }
                self.wishes.watch_began(is_same_store);
                self.heard = super::Heard {
                    stream: Some(stream),
                    url: Some(url),
                    last: Some(Instant::now()),
                    complained: false,
                };
                self.reached = None;
                let wanted = self.wanted();
                if let Some(request) = self.builder.opened(&store, &wanted) {
                    self.service.ask_interest(stream, request);
                }
            }
            StreamEvent::Lines { stream, lines } if self.heard.stream == Some(stream) => {
                self.heard.last = Some(Instant::now());
                for line in lines {
                    let heard = self.builder.line(line);
                    self.reached = heard.reached.or(self.reached);
                }
            }
            StreamEvent::Lines { .. } => {}
            StreamEvent::Closed { reason, .. } => {
                if !self.heard.complained {
                    tracing::warn!(
                        reason,
                        "the topology service is away: going on with what is known"
                    );
                }
                self.heard.complained = true;
                self.heard.stream = None;
                self.heard.url = None;
                self.reached = None;
                self.builder.close();
            }
        }
    }

    pub(super) fn on_bind_answer(&mut self, answer: BindAnswer) {
        let BindAnswer {
            port,
            interface,
            outcome,
        } = answer;
        match (interface, outcome) {
            (interface, Err(error)) if error.is_away() => {
                tracing::debug!(%port, %error, "asked again later");
                self.unanswered.push((port, interface));
            }
            (Some(interface), Ok(revision)) => self.wishes.granted(port, &interface, revision),
            (Some(interface), Err(error)) => self.refused(port, &interface, &error),
            (None, Ok(revision)) => self.wishes.returned(port, revision),
            // A service that does not know this host has nothing of it.
            (None, Err(error)) if error.is_not_found() => self.wishes.returned(port, 0),
            (None, Err(error)) => {
                tracing::warn!(%port, %error, "the service does not take the port back: asked again");
                self.unanswered.push((port, None));
            }
        }
    }

    pub(super) fn on_hot(&mut self, event: Event) {
        match event {
            Event::Missing(ids) => self.met.extend(ids),
            Event::EpochDone(epoch) => self.frontier.done(epoch),
            Event::WorkerLost { reason } => self.ended = Some(Ended::Broken(reason)),
        }
    }
}

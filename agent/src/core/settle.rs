//! What follows from what is known: steps, a snapshot, requests, answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use weft_topology::id::PortId;
use weft_wire::control::FailureCode;

use super::Core;
use crate::bindings::{Desired, Situation, desired, plan};
use crate::snapshot::wanted;

impl Core {
    /// Makes what is so agree with what is wanted, as far as it can be done now.
    pub(super) fn settle(&mut self) {
        let now = Instant::now();
        self.settle_wishes();
        self.desired = self.desired_now();
        self.carrier.retain_failures(&self.desired, &self.links);
        let steps = plan(&self.desired, &self.links, self.carrier.carried());
        if self.carrier.execute(steps, &self.links, now) {
            self.builder.set_local(&self.carrier.local_ports());
            self.saving.changed();
        }
        // Before a revision is called reached: what the host follows by it may have to be asked for.
        self.ask_interest();
        self.publish();
        self.is_unsettled = self.answer_waiters(now);
        // The service is told what is here before it is asked anything that depends on it.
        self.service.set_report(self.report());
        self.ask_service();
        self.save_if_due(now);
    }

    /// What should be carried as things are.
    pub(super) fn desired_now(&self) -> BTreeMap<PortId, Desired> {
        desired(&Situation {
            snapshot: self.builder.snapshot(),
            host: self.identity.id,
            wishes: &self.wishes,
            links: &self.links,
            carried: self.carrier.carried(),
            is_away: self.is_away(),
        })
    }

    /// Whether the service cannot be asked.
    pub(super) fn is_away(&self) -> bool {
        self.heard.stream.is_none()
    }

    /// Hands the newest snapshot to the hot path, and notes what will be in force with it.
    pub(super) fn publish(&mut self) {
        if let Some((snapshot, tags)) = self.builder.publish() {
            let epoch = snapshot.epoch();
            self.hot.publish(snapshot, tags);
            self.frontier.published(epoch);
            self.saving.changed();
        }
        if self.builder.is_settled()
            && let Some(revision) = self.reached.take()
        {
            self.frontier.reached(revision);
        }
    }

    /// Forgets wishes that the store's word has overtaken.
    fn settle_wishes(&mut self) {
        let snapshot = self.builder.snapshot();
        let host = self.identity.id;
        if self.is_away() || !self.builder.is_settled() {
            return;
        }
        let is_here = |port: PortId, interface: &str| {
            let binding = snapshot.port(port).here();
            binding
                .and_then(|port| port.binding.as_ref())
                .is_some_and(|of| of.host == host && of.interface == interface)
        };
        let revision = snapshot.epoch().revision;
        for (interface, port) in self.wishes.settle(revision, is_here) {
            tracing::info!(interface, %port, "the port was taken from this host, or is no more");
            self.fail_plugs(&interface, FailureCode::Conflict, &format!(
                "port {port} was bound elsewhere, or deleted, while {interface} was being plugged"
            ));
        }
    }

    fn ask_service(&mut self) {
        if self.is_away() {
            return;
        }
        let questions = self.wishes.ask_due();
        for (port, interface) in questions.plugs {
            self.service.bind(port, &interface);
        }
        for port in questions.back {
            self.service.unbind(port);
        }
    }

    /// The objects that this host wants to know.
    pub(super) fn wanted(&self) -> BTreeSet<weft_topology::ObjectId> {
        let plugged = self.wishes.plugs().map(|(_, wish)| wish.port).collect();
        wanted(
            self.builder.snapshot(),
            self.identity.id,
            &plugged,
            &self.met,
        )
    }

    fn ask_interest(&mut self) {
        let Some(stream) = self.heard.stream else {
            return;
        };
        let wanted = self.wanted();
        if let Some(request) = self.builder.follow(&wanted) {
            self.service.ask_interest(stream, request);
        }
    }
}

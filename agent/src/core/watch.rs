//! News of the service, the hot path and the datapath.
//!
//! Races:
//! - *Lines of a watch that has ended* are still in the inbox when the next one is open: they carry its
//!   number and are passed over.
//! - *The datapath is deleted while steps are done*: they fail, and the event that follows makes it anew.

use std::time::Instant;

use weft_ovs::{DatapathEvent, KernelDatapath, OpenMode};
use weft_topology::id::PortId;

use super::start::monitor_datapath;
use super::{Core, Ended};
use crate::hot::Event;
use crate::service::{BindAnswer, StreamEvent};

impl Core {
    pub(super) fn on_stream(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Opening(reply) => {
                let _ = reply.send(self.builder.resume());
            }
            StreamEvent::Open { stream, url, store } => {
                tracing::info!(url, "following the topology service");
                if self.heard.store != store {
                    self.frontier.reset();
                }
                self.heard = super::Heard {
                    stream: Some(stream),
                    url: Some(url),
                    last: Some(Instant::now()),
                    store: store.clone(),
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
            (Some(interface), Ok(revision)) => {
                if !self.wishes.granted(port, &interface, revision)
                    && self.wishes.interface_of(port) != Some(&*interface)
                {
                    // Nobody wants it any more: it was given up while the service was asked.
                    self.service.unbind(port);
                }
            }
            (Some(interface), Err(error)) => self.refused(port, &interface, &error),
            (None, Ok(revision)) => self.wishes.returned(port, revision),
            (None, Err(error)) => {
                tracing::warn!(%port, %error, "the service does not take the port back");
                self.wishes.returned(port, 0);
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

    pub(super) fn on_datapath(&mut self, event: DatapathEvent) {
        match event {
            DatapathEvent::DispatchRestored { found } => tracing::warn!(
                features = format!("{found:#x}"),
                "somebody had switched the datapath to another dispatch of upcalls (ovs-dpctl does): \
                 switched back"
            ),
            DatapathEvent::VportRemoved(vport) => {
                if self.carrier.lost(vport.port_no) {
                    self.builder.set_local(&self.carrier.local_ports());
                }
            }
            DatapathEvent::EventsLost => match self.carrier.review() {
                Ok(true) => self.builder.set_local(&self.carrier.local_ports()),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the datapath's ports cannot be read"),
            },
            DatapathEvent::VportAdded(_) | DatapathEvent::VportChanged(_) => {}
            DatapathEvent::DatapathDeleted => self.rebuild(),
        }
    }

    /// Makes the datapath anew after somebody deleted it. What it carried is carried again by the steps
    /// that follow.
    fn rebuild(&mut self) {
        let culprit = match who_deletes_datapaths() {
            Some(pid) => format!(
                "ovs-vswitchd runs here (process {pid}) and deletes datapaths that it does not know: stop \
                 it, or it will do so at its next start"
            ),
            None => "by a command, as it seems: no ovs-vswitchd runs here".to_owned(),
        };
        tracing::error!(
            datapath = self.datapath_name,
            culprit,
            "somebody deleted the datapath: making \
            it anew"
        );
        if let Err(error) = self.try_rebuild() {
            self.ended = Some(Ended::Broken(format!(
                "the datapath cannot be made anew: {error}"
            )));
        }
    }

    fn try_rebuild(&mut self) -> anyhow::Result<()> {
        use weft_ovs::Datapath as _;
        let datapath = KernelDatapath::open(&self.datapath_name, OpenMode::CreateOrAdopt)?;
        let ports: Vec<PortId> = self.carrier.carried().keys().copied().collect();
        for port in ports {
            self.hot.detach(port);
        }
        self.hot.rebuilt(datapath.fork()?)?;
        monitor_datapath(datapath.monitor()?, self.sender.clone())?;
        self.carrier.rebuilt(Box::new(datapath));
        self.builder.set_local(&[]);
        Ok(())
    }
}

/// The process id of an ovs-vswitchd on this machine.
fn who_deletes_datapaths() -> Option<u32> {
    let entries = std::fs::read_dir("/proc").ok()?;
    entries.filter_map(Result::ok).find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
        (name.trim() == "ovs-vswitchd").then_some(pid)
    })
}

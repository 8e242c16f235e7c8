//! News of the datapath: what others do to it, and what is done about that.
//!
//! Races:
//! - *The datapath is deleted while steps are done*: they fail, and the event that follows makes it anew.

use std::time::Duration;

use crossbeam_channel::Sender;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use weft_ovs::{Datapath, DatapathEvent, DatapathMonitor, Error};
use weft_topology::id::PortId;

use super::{Core, Ended, Message};

/// After news that cannot be read, so long is waited before the next ones are.
const PAUSE: Duration = Duration::from_millis(100);

/// Makes the datapath anew after somebody deleted it.
pub struct Reopen(Box<dyn FnMut() -> Result<Box<dyn Datapath>, Error> + Send>);

impl Reopen {
    /// By this function.
    pub fn new(open: impl FnMut() -> Result<Box<dyn Datapath>, Error> + Send + 'static) -> Self {
        Self(Box::new(open))
    }

    fn open(&mut self) -> Result<Box<dyn Datapath>, Error> {
        (self.0)()
    }
}

impl std::fmt::Debug for Reopen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reopen").finish_non_exhaustive()
    }
}

impl Core {
    pub(super) fn on_datapath(&mut self, event: DatapathEvent) {
        let repairs = &mut self.repairs;
        match event {
            DatapathEvent::DispatchRestored { .. } => repairs.dispatch_restored += 1,
            DatapathEvent::EventsLost => repairs.events_lost += 1,
            DatapathEvent::DatapathDeleted => repairs.rebuilt += 1,
            DatapathEvent::VportAdded(_)
            | DatapathEvent::VportChanged(_)
            | DatapathEvent::VportRemoved(_) => {}
        }
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
            DatapathEvent::EventsLost => self.review(),
            DatapathEvent::VportAdded(_) | DatapathEvent::VportChanged(_) => {}
            DatapathEvent::DatapathDeleted => self.rebuild(),
        }
    }

    /// Finds out which vports are gone, after news were lost. What cannot be read now is read at the next tick.
    pub(super) fn review(&mut self) {
        let reviewed = self.carrier.review();
        self.is_unreviewed = reviewed.is_err();
        match reviewed {
            Ok(true) => self.builder.set_local(&self.carrier.local_ports()),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "the datapath's ports cannot be read; trying again")
            }
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
        let datapath = self.reopen.open()?;
        let ports: Vec<PortId> = self.carrier.carried().keys().copied().collect();
        for port in ports {
            self.hot.detach(port);
        }
        self.hot.rebuilt(datapath.fork()?)?;
        monitor_datapath(datapath.monitor()?, self.sender.clone())?;
        self.carrier.rebuilt(datapath);
        self.is_unreviewed = false;
        self.builder.set_local(&[]);
        Ok(())
    }
}

/// Follows the datapath on a thread of its own until it is gone: while a changed dispatch goes unseen every
/// upcall is lost, so nothing else may be in the way.
pub(super) fn monitor_datapath(
    monitor: Box<dyn DatapathMonitor>,
    core: Sender<Message>,
) -> std::io::Result<()> {
    let follow = move || {
        if let Err(errno) = follow_datapath(monitor, &core) {
            let reason = format!("the datapath cannot be followed: {errno}");
            let _ = core.send(Message::Broken(reason));
        }
    };
    let thread = std::thread::Builder::new().name("datapath".to_owned());
    thread.spawn(follow).map(drop)
}

fn follow_datapath(
    mut monitor: Box<dyn DatapathMonitor>,
    core: &Sender<Message>,
) -> nix::Result<()> {
    loop {
        // At the first time without waiting: what happened before it was followed.
        match monitor.handle() {
            Ok(events) => {
                let quiet = events.is_empty();
                for event in events {
                    let ends = event == DatapathEvent::DatapathDeleted;
                    if core.send(Message::Datapath(event)).is_err() || ends {
                        return Ok(());
                    }
                }
                if !quiet {
                    continue;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "news of the datapath are not understood");
                // If that goes on, it shall not take a processor.
                std::thread::sleep(PAUSE);
            }
        }
        let mut waited = [PollFd::new(monitor.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waited, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
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

//! Follows the kernel's datapath by its multicast groups, and keeps the dispatch of upcalls as it must be.
//!
//! Races:
//! * Any tool that opens the datapath switches it to upcalls by processor, for which no socket is given:
//!   every upcall is lost from then on. The event of that switch makes us switch back at once; what was
//!   lost in between the datapath has counted.
//! * The switch may come before the groups are joined, or its event may be dropped: so the features are
//!   asked for at the first look and after every overflow.
//! * Two events of switches may wait while the first has been undone already: undoing twice does no harm.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::errno::Errno;

use super::datapath::open_requests;
use super::object::{USER_FEATURES, features, get, set_features};
use super::uapi::{dp, vport as vport_uapi};
use super::{Identity, vport};
use crate::error::{Error, What};
use crate::monitor::{DatapathEvent, DatapathMonitor};
use crate::nl::message::{Body, Message, Messages};
use crate::nl::prefix::{Ovs, Prefix};
use crate::nl::requests::{Failure, Requests};
use crate::nl::socket::{Received, Socket};

/// Follows one datapath of the kernel.
#[derive(Debug)]
pub struct KernelMonitor {
    identity: Arc<Identity>,
    events: Socket,
    /// For switching back; its own changes come back as events, too.
    requests: Requests,
    buffer: Box<[u8]>,
    /// Whether the features must be asked for.
    unsure: bool,
    /// What was read, until somebody is told: an error in between loses none of it.
    queue: Vec<DatapathEvent>,
    restored: u64,
}

/// An event is short; one port or one datapath.
const BUFFER: usize = 16 << 10;
/// Receive buffer of the events' socket in bytes.
const RECEIVE_BUFFER: usize = 1 << 20;

impl KernelMonitor {
    pub(super) fn open(identity: Arc<Identity>) -> Result<Self, Error> {
        let failed = |failure| identity.error(What::Monitor, failure);
        let events = Socket::open(Ovs::PROTOCOL, RECEIVE_BUFFER)
            .map_err(|errno| failed(Failure::Socket(errno)))?;
        let families = &identity.families;
        for (family, name) in [
            (&families.datapath, dp::GROUP),
            (&families.vport, vport_uapi::GROUP),
        ] {
            let group = family
                .group(name)
                .ok_or_else(|| failed(Failure::Malformed(format!("no multicast group {name}"))))?;
            events
                .join(group)
                .map_err(|errno| failed(Failure::Socket(errno)))?;
        }
        let requests = open_requests(identity.attempt(What::OpenSocket))?;
        Ok(Self {
            identity,
            events,
            requests,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            unsure: true,
            queue: Vec::new(),
            restored: 0,
        })
    }

    /// Reads what waits into the queue.
    fn read(&mut self) -> Result<(), Error> {
        loop {
            if self.unsure {
                self.check()?;
                self.unsure = false;
            }
            match self.events.receive(&mut self.buffer) {
                Ok(Received::Bytes(length)) => {
                    let said = self.buffer.get(..length).and_then(|bytes| {
                        let messages = Messages::new(bytes);
                        messages
                            .map(|message| said(&self.identity, message.ok()?))
                            .collect::<Option<Vec<_>>>()
                    });
                    match said {
                        Some(said) => said.into_iter().try_for_each(|said| self.act(said))?,
                        None => self.lost(),
                    }
                }
                Ok(Received::Nothing) => return Ok(()),
                Ok(Received::Truncated) | Err(Errno::ENOBUFS) => self.lost(),
                Err(errno) => {
                    return Err(self.identity.error(What::Monitor, Failure::Socket(errno)));
                }
            }
        }
    }

    /// Something was said that could not be heard.
    fn lost(&mut self) {
        self.queue.push(DatapathEvent::EventsLost);
        self.unsure = true;
    }

    fn act(&mut self, said: Said) -> Result<(), Error> {
        match said {
            Said::Features(found) => self.restore(found)?,
            Said::Event(event) => self.queue.push(event),
            Said::Nothing => {}
        }
        Ok(())
    }

    /// Asks for the features and puts them right.
    fn check(&mut self) -> Result<(), Error> {
        let identity = &self.identity;
        match get(&mut self.requests, &identity.families, "", identity.ifindex) {
            Ok(info) => self.restore(info.user_features),
            Err(Failure::Kernel(Errno::ENODEV, _)) => {
                self.queue.push(DatapathEvent::DatapathDeleted);
                Ok(())
            }
            Err(failure) => Err(identity.error(What::GetDatapath, failure)),
        }
    }

    fn restore(&mut self, found: u32) -> Result<(), Error> {
        if found == USER_FEATURES {
            return Ok(());
        }
        self.unsure = true;
        match set_features(&mut self.requests, &self.identity) {
            Ok(()) => {
                self.restored += 1;
                self.queue.push(DatapathEvent::DispatchRestored { found });
            }
            // Its deletion is the next event.
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        self.unsure = false;
        Ok(())
    }
}

/// What an event says of our datapath.
enum Said {
    Features(u32),
    Event(DatapathEvent),
    Nothing,
}

/// `None`: it cannot be read.
fn said(identity: &Identity, message: Message<'_>) -> Option<Said> {
    let Body::Answer {
        kind,
        prefix,
        attrs,
    } = message.body
    else {
        return Some(Said::Nothing);
    };
    let Ovs {
        command,
        dp_ifindex,
        ..
    } = prefix;
    if dp_ifindex != identity.ifindex {
        return Some(Said::Nothing);
    }
    if kind == identity.families.datapath.id {
        return Some(match (command, features(attrs)) {
            (dp::DEL, _) => Said::Event(DatapathEvent::DatapathDeleted),
            (_, Some(found)) => Said::Features(found),
            _ => Said::Nothing,
        });
    }
    if kind != identity.families.vport.id {
        return Some(Said::Nothing);
    }
    let event = match command {
        vport_uapi::NEW => DatapathEvent::VportAdded,
        vport_uapi::DEL => DatapathEvent::VportRemoved,
        vport_uapi::SET => DatapathEvent::VportChanged,
        _ => return Some(Said::Nothing),
    };
    vport::decode(attrs)
        .ok()
        .map(|port| Said::Event(event(port)))
}

impl DatapathMonitor for KernelMonitor {
    fn handle(&mut self) -> Result<Vec<DatapathEvent>, Error> {
        self.read()?;
        Ok(std::mem::take(&mut self.queue))
    }

    fn dispatch_restored(&self) -> u64 {
        self.restored
    }
}

impl AsFd for KernelMonitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

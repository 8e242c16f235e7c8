//! What a worker is told, and how it is woken for it.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::sys::eventfd::EfdFlags;
use weft_flowsim::Time;
use weft_ovs::{Datapath, DumpedFlow, FlowUsage, UpcallSource};
use weft_topology::id::PortId;
use weft_topology::{Snapshot, Tag};

use super::run::Worker;
use crate::sync::{EventFd, Receiver, Sender, unbounded};

/// A message to a worker. They are taken in the order in which they were sent.
pub(super) enum Message {
    /// Own a port: read its upcalls.
    Attach(PortId, Box<dyn UpcallSource>),
    /// Let a port go: its flows are deleted.
    Detach(PortId),
    /// Use this snapshot, and judge the flows under these tags again.
    Publish(Arc<Snapshot>, Arc<BTreeSet<Tag>>),
    /// A learned table changed: judge the flows under these tags again.
    Touch(Arc<[Tag]>),
    /// A dump of the kernel's flows began then.
    DumpBegins(Time),
    /// What the dump found of this worker's ports.
    Dumped(Vec<Dumped>),
    /// The dump is at its end: what was there when it began and was not found is gone.
    DumpEnds,
    /// The datapath was made anew, empty: forget all ports and flows, and write to this one.
    Rebuilt(Box<dyn Datapath>),
    /// Do this between two batches.
    Ask(Box<dyn FnOnce(&mut Worker) + Send>),
    /// End the thread. Flows and datapath stay.
    Stop,
}

/// A flow that a dump found.
pub(super) struct Dumped {
    /// What names it, and what it has seen.
    pub(super) usage: FlowUsage,
    /// All of it, where the dump was of whole flows.
    pub(super) whole: Option<Box<DumpedFlow>>,
}

/// The sending end of a worker's inbox. Unbounded: the control side sends at the pace of topology
/// changes, and of the workers' own messages each carries a MAC that moved, which costs the sender
/// more than the receiver, who empties the inbox before every batch.
#[derive(Clone)]
pub(super) struct Postbox {
    sender: Sender<Message>,
    wake: Arc<EventFd>,
}

/// The receiving end.
pub(super) struct Inbox {
    receiver: Receiver<Message>,
    wake: Arc<EventFd>,
}

pub(super) fn inbox() -> nix::Result<(Postbox, Inbox)> {
    let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
    let wake = Arc::new(EventFd::from_value_and_flags(0, flags)?);
    let (sender, receiver) = unbounded();
    Ok((
        Postbox {
            sender,
            wake: wake.clone(),
        },
        Inbox { receiver, wake },
    ))
}

impl Postbox {
    /// Sends a message; to a worker that has ended it is lost.
    pub(super) fn send(&self, message: Message) {
        let _ = self.sender.send(message);
        // Full means that it is awake already.
        let _ = self.wake.write(1);
    }

    /// How many messages wait.
    pub(super) fn waiting(&self) -> usize {
        self.sender.len()
    }
}

impl Inbox {
    /// The next message, if one waits.
    pub(super) fn next(&self) -> Option<Message> {
        self.receiver.try_recv().ok()
    }

    /// Takes note of having been woken, before the messages are read.
    pub(super) fn woken(&self) {
        let _ = self.wake.read();
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

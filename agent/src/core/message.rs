//! What the control side is told.

use tokio::sync::oneshot;
use weft_observe::metrics::Distribution;
use weft_ovs::DatapathEvent;
use weft_topology::id::PortId;
use weft_wire::control::{BindingInfo, Failure, PlugResult, Status};

use super::save::Saved;
use crate::hot::Event;
use crate::links::LinkChange;
use crate::service::{BindAnswer, StreamEvent};

/// A message to the control side.
#[derive(Debug)]
pub enum Message {
    /// News of the service's watch.
    Stream(StreamEvent),
    /// The service's answer about a binding.
    Bind(BindAnswer),
    /// News of an interface.
    Link(LinkChange),
    /// Somebody did something to the datapath.
    Datapath(DatapathEvent),
    /// News of the hot path.
    Hot(Event),
    /// A snapshot is on disk, or cannot be put there.
    Saved(Saved),
    /// A question or a wish from the control socket.
    Ask(Ask),
    /// Something broke that a new start mends.
    Broken(String),
    /// End. Datapath and flows stay.
    Stop,
}

/// Where an answer goes.
pub type Answer<T> = oneshot::Sender<Result<T, Failure>>;

/// What comes from the control socket and is not the hot path's.
#[derive(Debug)]
pub enum Ask {
    /// Plug an interface into a port.
    Plug {
        /// The port.
        port: PortId,
        /// The interface.
        interface: String,
        /// MTU to set on it.
        mtu: Option<u16>,
        /// How long to wait, in milliseconds.
        timeout_ms: u64,
        /// Answered when the kernel has the vport, or not.
        answer: Answer<PlugResult>,
    },
    /// Unplug an interface.
    Unplug {
        /// The interface.
        interface: String,
        /// Answered when the kernel has it no more and the service knows.
        answer: Answer<()>,
    },
    /// Release a port.
    UnbindPort {
        /// The port.
        port: PortId,
        /// As for an unplug.
        answer: Answer<()>,
    },
    /// The bindings of this host.
    Bindings(oneshot::Sender<Vec<BindingInfo>>),
    /// The ports that this host knows whose ids begin so, two at most.
    FindPort(String, oneshot::Sender<Vec<PortId>>),
    /// The state.
    Status(oneshot::Sender<Status>),
    /// The state, and more numbers.
    Measure(oneshot::Sender<CoreMeasures>),
}

/// What the control side says of itself in numbers.
#[derive(Clone, Debug)]
pub struct CoreMeasures {
    /// Its state.
    pub status: Status,
    /// The bindings of this host.
    pub bindings: Vec<BindingInfo>,
    /// Starts of an agent with this state directory, this one among them.
    pub starts: u64,
    /// Messages that wait in its inbox.
    pub inbox: usize,
    /// How long it took to do what follows from messages.
    pub settle: Distribution,
    /// What was mended of the datapath.
    pub repairs: Repairs,
}

/// How often something was mended that others did to the datapath, since the agent started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    /// Its dispatch of upcalls was switched back.
    pub dispatch_restored: u64,
    /// It was deleted, and made anew.
    pub rebuilt: u64,
    /// News of it were lost (ENOBUFS), and its ports read anew.
    pub events_lost: u64,
}

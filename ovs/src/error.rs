//! What can go wrong with a datapath, each with what was attempted.

use std::fmt;

use nix::errno::Errno;
use weft_flow::Ufid;

use crate::conntrack::Tuple;
use crate::limit::Limited;
use crate::nl::requests::Failure;

/// An operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel has no openvswitch, and it could not be loaded.
    #[error(
        "the kernel has no generic netlink family {family}: openvswitch is not loaded ({load}); see that this \
         kernel has the module and that nothing in /etc/modprobe.d refuses it, run 'modprobe openvswitch', and \
         start this program again"
    )]
    NoModule {
        /// The family that was looked up.
        family: &'static str,
        /// What became of the attempt to load it.
        load: String,
    },
    /// The kernel does not show its table of connections.
    #[error(
        "the kernel has no netlink for its table of connections: see that it has the modules nfnetlink and \
         nf_conntrack_netlink and that nothing in /etc/modprobe.d refuses them, run 'modprobe \
         nf_conntrack_netlink', and start this program again"
    )]
    NoConntrack,
    /// The kernel has no such part of openvswitch.
    #[error("{attempt}: the kernel has no {family}")]
    NoFamily {
        /// What was attempted.
        attempt: Box<Attempt>,
        /// The generic netlink family that it lacks.
        family: &'static str,
    },
    /// Another meter has the place that the kernel keeps for one with this id.
    #[error(
        "{attempt}: another meter has its place: the kernel keeps a table of 1024 or, once these are taken, of \
         twice as many, and puts a meter at its id modulo that; take ids without gaps from 0 on ({errno})"
    )]
    MeterClash {
        /// What was attempted.
        attempt: Box<Attempt>,
        /// EBUSY.
        errno: Errno,
    },
    /// A put met a flow that is there already or that overlaps it.
    #[error("{attempt}: a flow with another id covers it, or it exists already ({errno})")]
    FlowExists {
        /// What was attempted.
        attempt: Box<Attempt>,
        /// EEXIST, or ENOENT for [`PutMode::CreateOrModify`](crate::PutMode::CreateOrModify).
        errno: Errno,
    },
    /// The datapath, port or flow is not there.
    #[error("{attempt}: there is none ({errno})")]
    NotFound {
        /// What was attempted.
        attempt: Box<Attempt>,
        /// ENOENT or ENODEV.
        errno: Errno,
    },
    /// The datapath or port is there already.
    #[error("{attempt}: it exists already ({errno})")]
    AlreadyExists {
        /// What was attempted.
        attempt: Box<Attempt>,
        /// EEXIST or EBUSY.
        errno: Errno,
    },
    /// The kernel refused for another reason.
    #[error("{attempt}: {errno}{}", Text(message))]
    Refused {
        /// What was attempted.
        attempt: Box<Attempt>,
        /// Its error number.
        errno: Errno,
        /// Its extended acknowledgement, where it gave one.
        message: Option<String>,
    },
    /// The socket failed.
    #[error("{attempt}: netlink socket: {errno}")]
    Socket {
        /// What was attempted.
        attempt: Box<Attempt>,
        /// The system call's error number.
        errno: Errno,
    },
    /// The kernel did the operation or not: its answer did not arrive.
    #[error("{attempt}: the kernel's answer was lost")]
    AnswerLost {
        /// What was attempted.
        attempt: Box<Attempt>,
    },
    /// The answer or upcall is not what the kernel's headers say.
    #[error("{attempt}: malformed answer: {reason}")]
    Malformed {
        /// What was attempted.
        attempt: Box<Attempt>,
        /// What is wrong with it.
        reason: String,
    },
    /// The request cannot be put into a message.
    #[error("{attempt}: {reason}")]
    BadRequest {
        /// What was attempted.
        attempt: Box<Attempt>,
        /// What is wrong with it.
        reason: String,
    },
    /// The in-memory datapath does not do this.
    #[error("{attempt}: the in-memory datapath does not support {what}")]
    Unsupported {
        /// What was attempted.
        attempt: Box<Attempt>,
        /// The action or match.
        what: String,
    },
}

/// What was attempted, on which datapath.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// The datapath's name; empty when it concerned none.
    pub datapath: String,
    /// What was attempted on it.
    pub what: What,
}

/// The operations that can fail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// Looking up a generic netlink family.
    Family(&'static str),
    /// Making a socket.
    OpenSocket,
    /// Asking what the datapath is.
    GetDatapath,
    /// Creating the datapath.
    CreateDatapath,
    /// Setting the datapath's features.
    SetDatapath,
    /// Deleting the datapath.
    DeleteDatapath,
    /// Listing its ports.
    ListPorts,
    /// Adding a port, by device name.
    AddPort(String),
    /// Setting the upcall sockets of a port.
    SetPort(u32),
    /// Deleting a port.
    DeletePort(u32),
    /// Listing the flows.
    ListFlows,
    /// Asking for a flow.
    GetFlow(Ufid),
    /// Putting a flow.
    PutFlow(Ufid),
    /// Replacing a flow's actions.
    SetActions(Ufid),
    /// Deleting a flow.
    DeleteFlow(Ufid),
    /// Deleting a flow that has no id.
    DeleteUnnamedFlow,
    /// Executing actions on a packet.
    Execute,
    /// Receiving an upcall.
    Upcall,
    /// Following the datapath.
    Monitor,
    /// Asking what the kernel supports.
    Probe,
    /// Opening the table of connections.
    OpenConntrack,
    /// Listing the connections.
    ListConnections,
    /// Asking for a connection, by zone and original direction.
    GetConnection(u16, Tuple),
    /// Writing the mark of a connection.
    SetMark(u16, Tuple),
    /// Deleting a connection.
    DeleteConnection(u16, Tuple),
    /// Putting a meter.
    SetMeter(u32),
    /// Asking for a meter.
    GetMeter(u32),
    /// Deleting a meter.
    DeleteMeter(u32),
    /// Limiting connections, or taking the limit away.
    SetLimit(Limited),
    /// Asking for a limit.
    GetLimit(Limited),
}

struct Text<'a>(&'a Option<String>);

impl Error {
    /// The kernel's or the socket's error number, where there is one.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::FlowExists { errno, .. }
            | Self::MeterClash { errno, .. }
            | Self::NotFound { errno, .. }
            | Self::AlreadyExists { errno, .. }
            | Self::Refused { errno, .. }
            | Self::Socket { errno, .. } => Some(*errno),
            _ => None,
        }
    }

    /// Puts a failure of the request's socket beside what was attempted.
    pub(crate) fn from_failure(attempt: Attempt, failure: Failure) -> Self {
        let boxed = |attempt| Box::new(attempt);
        match failure {
            Failure::Kernel(errno, message) => Self::from_kernel(attempt, errno, message),
            Failure::Socket(errno) => Self::Socket {
                attempt: boxed(attempt),
                errno,
            },
            Failure::Lost => Self::AnswerLost {
                attempt: boxed(attempt),
            },
            Failure::Malformed(reason) => Self::Malformed {
                attempt: boxed(attempt),
                reason,
            },
            Failure::TooLong(error) => Self::BadRequest {
                attempt: boxed(attempt),
                reason: error.to_string(),
            },
            Failure::Interrupted => Self::Malformed {
                attempt: boxed(attempt),
                reason: "every dump was interrupted, or answers were lost".to_owned(),
            },
        }
    }

    /// Sorts the kernel's answer to `attempt`.
    pub(crate) fn from_kernel(attempt: Attempt, errno: Errno, message: Option<String>) -> Self {
        let attempt = Box::new(attempt);
        match (errno, &attempt.what) {
            (Errno::EEXIST | Errno::ENOENT, What::PutFlow(_)) => {
                Self::FlowExists { attempt, errno }
            }
            (Errno::EBUSY, What::SetMeter(_)) => Self::MeterClash { attempt, errno },
            (Errno::ENOENT | Errno::ENODEV, _) => Self::NotFound { attempt, errno },
            (Errno::EEXIST, _) | (Errno::EBUSY, What::AddPort(_) | What::CreateDatapath) => {
                Self::AlreadyExists { attempt, errno }
            }
            _ => Self::Refused {
                attempt,
                errno,
                message,
            },
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Family(name) => write!(f, "look up netlink family {name}"),
            What::OpenSocket => write!(f, "open a netlink socket"),
            What::GetDatapath => write!(f, "get datapath"),
            What::CreateDatapath => write!(f, "create datapath"),
            What::SetDatapath => write!(f, "set features of datapath"),
            What::DeleteDatapath => write!(f, "delete datapath"),
            What::ListPorts => write!(f, "list ports"),
            What::AddPort(name) => write!(f, "add port {name}"),
            What::SetPort(number) => write!(f, "set upcall sockets of port {number}"),
            What::DeletePort(number) => write!(f, "delete port {number}"),
            What::ListFlows => write!(f, "list flows"),
            What::GetFlow(ufid) => write!(f, "get flow {ufid}"),
            What::PutFlow(ufid) => write!(f, "put flow {ufid}"),
            What::SetActions(ufid) => write!(f, "set actions of flow {ufid}"),
            What::DeleteFlow(ufid) => write!(f, "delete flow {ufid}"),
            What::DeleteUnnamedFlow => write!(f, "delete a flow without id"),
            What::Execute => write!(f, "execute actions on a packet"),
            What::Upcall => write!(f, "receive an upcall"),
            What::Monitor => write!(f, "follow the datapath"),
            What::Probe => write!(f, "probe the kernel"),
            What::OpenConntrack => write!(f, "open the table of connections"),
            What::ListConnections => write!(f, "list connections"),
            What::GetConnection(zone, it) => write!(f, "get connection {it} of zone {zone}"),
            What::SetMark(zone, it) => write!(f, "set mark of connection {it} of zone {zone}"),
            What::DeleteConnection(zone, it) => write!(f, "delete connection {it} of zone {zone}"),
            What::SetMeter(id) => write!(f, "set meter {id}"),
            What::GetMeter(id) => write!(f, "get meter {id}"),
            What::DeleteMeter(id) => write!(f, "delete meter {id}"),
            What::SetLimit(of) => write!(f, "set limit of connections of {of}"),
            What::GetLimit(of) => write!(f, "get limit of connections of {of}"),
        }?;
        if self.datapath.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", self.datapath)
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(text) => write!(f, ": {text}"),
            None => Ok(()),
        }
    }
}

//! What can go wrong with a datapath, each with what was attempted.

use std::fmt;

use nix::errno::Errno;
use weft_flow::Ufid;

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
}

struct Text<'a>(&'a Option<String>);

impl Error {
    /// The kernel's or the socket's error number, where there is one.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::FlowExists { errno, .. }
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
        let attempt_is_put = matches!(attempt.what, What::PutFlow(_));
        let attempt = Box::new(attempt);
        match errno {
            Errno::EEXIST | Errno::ENOENT if attempt_is_put => Self::FlowExists { attempt, errno },
            Errno::ENOENT | Errno::ENODEV => Self::NotFound { attempt, errno },
            Errno::EEXIST | Errno::EBUSY => Self::AlreadyExists { attempt, errno },
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

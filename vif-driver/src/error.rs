//! What can go wrong while plugging, and the exit status that it means.

use std::io;
use std::path::PathBuf;

use weft_topology::id::PortId;
use weft_wire::control::{Failure, FailureCode};

/// A plug, unplug or list that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name cannot be a network interface's.
    #[error(
        "'{0}' cannot be an interface's name: want 1 to 15 bytes without '/', ':', '%' and blanks"
    )]
    InterfaceName(String),
    /// A step on the device failed.
    #[error("cannot {attempt} on interface {interface}: {source}")]
    Device {
        /// What was attempted.
        attempt: &'static str,
        /// The interface.
        interface: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A file could not be read or written.
    #[error("cannot {attempt} {path}: {source}")]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The agent's configuration is not readable as such.
    #[error("cannot read the agent's configuration {path}: {problem}")]
    Config {
        /// The file.
        path: PathBuf,
        /// Where and what.
        problem: String,
    },
    /// The agent could not be reached, other than that it is down.
    #[error("cannot talk to the agent at {path}: {source}; is the user root or in group weft?")]
    Socket {
        /// The control socket.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The agent's answer is not of its protocol.
    #[error("the agent at {path} answered what this program does not understand: {problem}")]
    Protocol {
        /// The control socket.
        path: PathBuf,
        /// What was wrong.
        problem: String,
    },
    /// The agent said no.
    #[error("{}", .0.message)]
    Refused(Failure),
    /// The agent did not answer in time.
    #[error("no answer from the agent at {path} within {seconds} s")]
    TimedOut {
        /// The control socket.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The service could not be reached or said no.
    #[error("cannot bind by {url}: {problem}")]
    Api {
        /// The request's address.
        url: String,
        /// The answer, or why there is none.
        problem: String,
    },
    /// The state directory has no host id yet.
    #[error("no host id in {0}: start weft-agent once, it makes the id")]
    NoHostId(PathBuf),
    /// Another interface of this host has the port, and the agent is down.
    #[error("port {port} is already plugged as {interface} on this host; unplug that first")]
    AlreadyPlugged {
        /// The virtual port.
        port: PortId,
        /// The interface that has it.
        interface: String,
    },
}

impl Error {
    /// Whether it failed for want of time.
    pub fn is_timeout(&self) -> bool {
        match self {
            Error::TimedOut { .. } => true,
            Error::Refused(failure) => failure.code == FailureCode::TimedOut,
            _ => false,
        }
    }

    /// Exit status: 2 wrong use, 3 timed out, 1 failed.
    pub fn exit_status(&self) -> u8 {
        match self {
            Error::InterfaceName(_) => 2,
            _ if self.is_timeout() => 3,
            _ => 1,
        }
    }
}

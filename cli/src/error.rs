//! What can go wrong, and the exit status that it means.

use std::io;
use std::path::PathBuf;

use weft_wire::control::{Failure, FailureCode};

use crate::capture_file::CaptureError;
use crate::frame::FrameError;

/// A verb that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The agent cannot be reached.
    #[error(
        "cannot reach the agent at {path}: {source}; does weft-agent run, and is this user root or \
         in group weft?"
    )]
    AgentUnreachable {
        /// The control socket.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The connection to the agent broke.
    #[error("the agent at {path} did not finish its answer: {source}")]
    AgentBroke {
        /// The control socket.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// The agent's answer is not of its protocol.
    #[error("the agent at {path} answered what this program does not understand: {problem}")]
    AgentAnswer {
        /// The control socket.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The agent said no.
    #[error("{}", .0.message)]
    Refused(Failure),
    /// The service cannot be reached.
    #[error("cannot reach the service at {url}: {problem}; does weft-api run, and is --api right?")]
    ApiUnreachable {
        /// The request's address.
        url: String,
        /// Why.
        problem: String,
    },
    /// The service said no.
    #[error("{url}: {status}: {message}")]
    ApiRefused {
        /// The request's address.
        url: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// The service's answer is not what its contract says.
    #[error("{url}: the answer is not understood: {problem}")]
    ApiAnswer {
        /// The request's address.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The packet to trace cannot be made.
    #[error("cannot make the packet: {0}")]
    Frame(#[from] FrameError),
    /// The capture to trace cannot be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// Some packets of a capture are none that can be traced.
    #[error("{refused} of {all} packets could not be traced")]
    Untraced {
        /// How many.
        refused: u64,
        /// Of how many.
        all: u64,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}; what was there before stays", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no topology file.
    #[error("{}: {problem}", path.display())]
    TopologyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// What the file says is not what there is: no failure, but a status of its own.
    #[error("the topology is not what the file says")]
    Differs,
    /// The service does not say what it would change.
    #[error(
        "the service is older than this program and does not say what a file would change: upgrade it first"
    )]
    OldService,
    /// Nobody can be asked, and nobody has agreed.
    #[error(
        "{verb} asks before it changes anything, and here it cannot ask (stdin is no terminal, or --json): \
         look by weft {verb} --dry-run FILE, then do it by weft {verb} --yes FILE"
    )]
    Unasked {
        /// The verb.
        verb: &'static str,
    },
    /// The person who was asked said no.
    #[error("nothing was changed")]
    Declined,
    /// No interface of this host has that name, and it is no id.
    #[error("'{0}' is neither a port's id nor an interface of weft show bindings")]
    NoSuchPort(String),
    /// No chain has that name or id.
    #[error("there is no chain '{0}'; weft show chains lists them")]
    NoSuchChain(String),
    /// A capture cannot be taken or written.
    #[error("cannot {attempt}: {source}")]
    Streaming {
        /// What was attempted.
        attempt: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// Checks of the doctor's failed; they were shown.
    #[error("{failures} check{} failed", if *failures == 1 { "" } else { "s" })]
    Unwell {
        /// How many.
        failures: usize,
    },
    /// Hosts did not follow in time.
    #[error("after {seconds} s not all hosts have revision {revision} in force; behind: {hosts}")]
    Lagging {
        /// How long it was waited for.
        seconds: u64,
        /// The revision.
        revision: u64,
        /// Their names, each with the revision that it has.
        hosts: String,
    },
}

impl Error {
    /// Exit status: 1 failed, 2 wrong use, 3 timed out, 4 it differs.
    pub fn exit_status(&self) -> u8 {
        match self {
            Error::Lagging { .. } => 3,
            Error::Refused(failure) if failure.code == FailureCode::TimedOut => 3,
            Error::Frame(_)
            | Error::TopologyFile { .. }
            | Error::Unasked { .. }
            | Error::NoSuchPort(_)
            | Error::NoSuchChain(_) => 2,
            Error::Differs => 4,
            _ => 1,
        }
    }
}

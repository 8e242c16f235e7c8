//! What can go wrong, and the exit status that it means.

use std::io;
use std::path::PathBuf;

use weft_wire::control::{Failure, FailureCode};

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
    /// Exit status: 3 timed out, 1 failed.
    pub fn exit_status(&self) -> u8 {
        match self {
            Error::Lagging { .. } => 3,
            Error::Refused(failure) if failure.code == FailureCode::TimedOut => 3,
            Error::Frame(_) => 2,
            _ => 1,
        }
    }
}

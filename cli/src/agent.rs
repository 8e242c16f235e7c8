//! Asks the agent by its control socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use serde::de::DeserializeOwned;
use weft_wire::control::{Reply, Request, VERSION, Verb};

use crate::error::Error;

/// Longest silence of the agent within an answer.
const SILENCE: Duration = Duration::from_secs(30);

/// The agent of this host.
#[derive(Clone, Debug)]
pub struct Agent {
    socket: PathBuf,
}

impl Agent {
    /// The agent behind a control socket.
    pub fn at(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    /// Asks for a list.
    pub fn list<T: DeserializeOwned>(&self, verb: Verb) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        self.ask(verb, |item| {
            items.push(serde_json::from_value(item).map_err(|error| self.misunderstood(&error))?);
            Ok(())
        })?;
        Ok(items)
    }

    /// Asks for one thing.
    pub fn one<T: DeserializeOwned>(&self, verb: Verb) -> Result<T, Error> {
        let result = self.ask(verb, |_| Ok(()))?;
        serde_json::from_value(result).map_err(|error| self.misunderstood(&error))
    }

    /// Asks for items, each as it comes, and for what is said at the end.
    pub fn stream<T: DeserializeOwned, E: DeserializeOwned>(
        &self,
        verb: Verb,
        mut each: impl FnMut(T),
    ) -> Result<E, Error> {
        let end = self.ask(verb, |item| {
            each(serde_json::from_value(item).map_err(|error| self.misunderstood(&error))?);
            Ok(())
        })?;
        serde_json::from_value(end).map_err(|error| self.misunderstood(&error))
    }

    fn ask(
        &self,
        verb: Verb,
        mut each: impl FnMut(serde_json::Value) -> Result<(), Error>,
    ) -> Result<serde_json::Value, Error> {
        let broke = |source| self.broke(source);
        let stream = self.begin(verb)?;
        stream.set_read_timeout(Some(SILENCE)).map_err(broke)?;
        for line in BufReader::new(stream).lines() {
            let line = line.map_err(broke)?;
            match serde_json::from_str(&line).map_err(|error| self.misunderstood(&error))? {
                Reply::Item(item) => each(item)?,
                Reply::Done(result) => return Ok(result),
                Reply::Error(failure) => return Err(Error::Refused(failure)),
            }
        }
        Err(broke(std::io::ErrorKind::UnexpectedEof.into()))
    }

    /// Sends a request; what follows on the stream is the caller's to read.
    pub fn begin(&self, verb: Verb) -> Result<UnixStream, Error> {
        let mut stream = self.connect()?;
        let mut line = serde_json::to_vec(&Request { v: VERSION, verb })
            .map_err(|error| self.misunderstood(&error))?;
        line.push(b'\n');
        stream
            .write_all(&line)
            .map_err(|source| self.broke(source))?;
        Ok(stream)
    }

    /// The agent's process, by the kernel's word.
    pub fn pid(&self) -> Result<u32, Error> {
        let stream = self.connect()?;
        let peer =
            getsockopt(&stream, PeerCredentials).map_err(|errno| self.broke(errno.into()))?;
        Ok(peer.pid().unsigned_abs())
    }

    fn connect(&self) -> Result<UnixStream, Error> {
        UnixStream::connect(&self.socket).map_err(|source| Error::AgentUnreachable {
            path: self.socket.clone(),
            source,
        })
    }

    /// The connection broke.
    pub fn broke(&self, source: std::io::Error) -> Error {
        Error::AgentBroke {
            path: self.socket.clone(),
            source,
        }
    }

    /// The answer is none of the protocol.
    pub fn misunderstood(&self, error: &serde_json::Error) -> Error {
        Error::AgentAnswer {
            path: self.socket.clone(),
            problem: error.to_string(),
        }
    }
}

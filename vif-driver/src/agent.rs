//! A blocking client of the agent's control socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use weft_wire::control::{Reply, Request, VERSION, Verb};

use crate::error::Error;

/// What came of asking the agent.
#[derive(Debug)]
pub enum Asked {
    /// Its answer: the items, and what `done` carried.
    Answered(Vec<serde_json::Value>, serde_json::Value),
    /// Nobody listens on the socket.
    AgentDown,
}

/// Asks the agent one thing and waits for the end of its answer, `limit` at most.
pub fn ask(socket: &Path, verb: Verb, limit: Duration) -> Result<Asked, Error> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::TimedOut {
            path: socket.to_owned(),
            seconds: limit.as_secs(),
        },
        _ => Error::Socket {
            path: socket.to_owned(),
            source,
        },
    };
    let misunderstood = |problem: String| Error::Protocol {
        path: socket.to_owned(),
        problem,
    };

    let mut stream = match UnixStream::connect(socket) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(Asked::AgentDown);
        }
        Err(error) => return Err(failed(error)),
    };
    stream.set_read_timeout(Some(limit)).map_err(failed)?;
    stream.set_write_timeout(Some(limit)).map_err(failed)?;
    let mut line = serde_json::to_vec(&Request { v: VERSION, verb })
        .map_err(|error| misunderstood(error.to_string()))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(failed)?;

    let mut items = Vec::new();
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(failed)?;
        match serde_json::from_str(&line).map_err(|error| misunderstood(error.to_string()))? {
            Reply::Item(item) => items.push(item),
            Reply::Done(result) => return Ok(Asked::Answered(items, result)),
            Reply::Error(failure) => return Err(Error::Refused(failure)),
        }
    }
    Err(misunderstood(
        "it closed the connection before the end of its answer".to_owned(),
    ))
}

//! The agent's control socket, asked without a program in between: a test asks thousands of times.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde_json::Value;
use weft_wire::control::{Reply, Request, VERSION, Verb};

/// Longest silence of the agent within an answer.
const SILENCE: Duration = Duration::from_secs(30);

/// The agent behind a control socket.
#[derive(Clone, Debug)]
pub struct Control(PathBuf);

impl Control {
    /// The agent behind this one.
    pub fn at(socket: &Path) -> Self {
        Self(socket.to_owned())
    }

    /// Asks for one thing.
    pub fn one<T: DeserializeOwned>(&self, verb: Verb) -> Result<T> {
        let (_, done) = self.ask(verb)?;
        Ok(serde_json::from_value(done)?)
    }

    /// Asks for a list.
    pub fn list<T: DeserializeOwned>(&self, verb: Verb) -> Result<Vec<T>> {
        let (items, _) = self.ask(verb)?;
        let items = items.into_iter().map(serde_json::from_value);
        Ok(items.collect::<Result<_, _>>()?)
    }

    fn ask(&self, verb: Verb) -> Result<(Vec<Value>, Value)> {
        let mut stream = UnixStream::connect(&self.0)
            .with_context(|| format!("cannot reach the agent at {}", self.0.display()))?;
        stream.set_read_timeout(Some(SILENCE))?;
        let mut line = serde_json::to_vec(&Request { v: VERSION, verb })?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut items = Vec::new();
        for line in BufReader::new(stream).lines() {
            match serde_json::from_str(&line?)? {
                Reply::Item(item) => items.push(item),
                Reply::Done(done) => return Ok((items, done)),
                Reply::Error(failure) => bail!("the agent refuses: {failure:?}"),
            }
        }
        bail!("the agent's answer has no end")
    }
}

//! The control socket of Open vSwitch's programs (`ovs-appctl`'s): JSON-RPC 1.0, without the start of a program.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// Longest time that an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A connection to a program.
#[derive(Debug)]
pub(super) struct Control(UnixStream);

impl Control {
    /// Connects.
    pub(super) fn open(path: &str) -> Result<Self> {
        let stream = UnixStream::connect(path).with_context(|| format!("cannot reach {path}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(stream))
    }

    /// Asks for one thing and waits for the whole answer.
    pub(super) fn ask(&mut self, method: &str, words: &[&str]) -> Result<String> {
        let request = json!({ "method": method, "params": words, "id": 0 });
        self.0.write_all(request.to_string().as_bytes())?;
        let (mut answer, mut part) = (Vec::new(), [0; 4096]);
        loop {
            let length = self.0.read(&mut part).context("no answer")?;
            if length == 0 {
                bail!("{method} {words:?}: the program went away");
            }
            answer.extend(part.iter().take(length));
            if let Ok(answer) = serde_json::from_slice::<Value>(&answer) {
                return match answer["error"].as_str() {
                    Some(error) => bail!("{method} {words:?}: {error}"),
                    None => Ok(answer["result"].as_str().unwrap_or_default().to_owned()),
                };
            }
        }
    }
}

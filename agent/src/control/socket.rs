//! The socket itself: who may connect, and one request a connection.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::{Gid, Group, chown};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use weft_wire::control::{Failure, FailureCode, Reply, Request, VERSION};

use super::Peers;
use crate::files::{FileError, remove_if_there};

/// Who owns the socket beside root, where there is such a group.
const GROUP: &str = "weft";
/// Mode of the socket.
const MODE: u32 = 0o660;
/// Connections served at a time; more wait.
const CONNECTIONS: usize = 64;
/// The longest request in bytes; a trace carries a frame in hex.
const LONGEST: u64 = 256 << 10;
/// A request has to come within so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// A line of an answer has to be taken within so long.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);

/// The listening socket.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
}

/// Why the socket cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// What an earlier agent left cannot be removed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The kernel refused.
    #[error("listen on {path}: {source}")]
    Listen {
        /// The socket.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl ControlSocket {
    /// Makes the socket. The run directory is there, and locked: one that is there is a dead agent's.
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        remove_if_there(path)?;
        let failed = |source| SocketError::Listen {
            path: path.to_owned(),
            source,
        };
        let listener = UnixListener::bind(path).map_err(failed)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE)).map_err(failed)?;
        match Group::from_name(GROUP) {
            Ok(Some(group)) => {
                if let Err(errno) = chown(path, None, Some(Gid::from_raw(group.gid.as_raw()))) {
                    tracing::warn!(%errno, "the control socket stays root's alone");
                }
            }
            Ok(None) | Err(_) => {
                tracing::debug!("there is no group {GROUP}: the control socket is root's alone");
            }
        }
        Ok(Self { listener })
    }

    /// Serves until it is dropped.
    pub async fn serve(self, peers: Arc<Peers>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let peers = peers.clone();
                    tokio::spawn(async move {
                        if let Err(error) = converse(stream, &peers).await {
                            tracing::debug!(%error, "a control connection broke");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a control connection cannot be taken");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn converse(stream: UnixStream, peers: &Arc<Peers>) -> io::Result<()> {
    let caller = stream.peer_cred()?;
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    let mut bounded = BufReader::new(read.take(LONGEST));
    let reading = bounded.read_until(b'\n', &mut line);
    if tokio::time::timeout(PATIENCE, reading).await.is_err() {
        let message = format!("no request came within {PATIENCE:?}");
        let failure = Reply::Error(failure(FailureCode::TimedOut, message));
        return say(&mut write, &failure).await;
    }
    let request = match understand(&line) {
        Ok(request) => request,
        Err(failure) => return say(&mut write, &Reply::Error(failure)).await,
    };
    tracing::debug!(uid = caller.uid(), pid = caller.pid(), verb = ?request.verb, "asked");
    // Bounded: who lists many flows is sent them at the pace at which it reads.
    let (replies, mut answers) = mpsc::channel(256);
    let peers = peers.clone();
    let work = tokio::spawn(async move { peers.answer(request.verb, &replies).await });
    while let Some(reply) = answers.recv().await {
        let said = tokio::time::timeout(WRITE_PATIENCE, say(&mut write, &reply)).await;
        match said {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
    work.await.map_err(io::Error::other)
}

fn understand(line: &[u8]) -> Result<Request, Failure> {
    let bad = |message: String| failure(FailureCode::BadRequest, message);
    if line.len() as u64 >= LONGEST {
        return Err(bad(format!("a request has {LONGEST} bytes at most")));
    }
    let value: serde_json::Value = serde_json::from_slice(line)
        .map_err(|error| bad(format!("the request is no line of JSON: {error}")))?;
    match value.get("v").and_then(serde_json::Value::as_u64) {
        Some(v) if v == u64::from(VERSION) => {}
        Some(v) => {
            return Err(bad(format!(
                "the request has version {v}, this agent speaks {VERSION}: use programs of one release"
            )));
        }
        None => return Err(bad("the request has no version v".to_owned())),
    }
    serde_json::from_value(value)
        .map_err(|error| bad(format!("the request is not understood: {error}")))
}

async fn say(write: &mut (impl AsyncWriteExt + Unpin), reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    write.write_all(&line).await
}

pub(super) fn failure(code: FailureCode, message: String) -> Failure {
    Failure { code, message }
}

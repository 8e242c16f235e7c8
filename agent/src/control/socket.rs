//! The socket itself: who may connect, and one request a connection.
//!
//! Races:
//! - *Somebody connects before the socket has its mode*: it is made under another name, and gets its own
//!   when it is ready.
//! - *Somebody removes the socket*, or the whole run directory: it is made again. One that another program has put
//!   there is left alone.
//! - *A caller ends while its answer is made*: it is looked for now and again, so that it does not keep
//!   others from being served.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{Gid, Group, chown};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use weft_wire::control::{Failure, FailureCode, Reply, Request, VERSION, Verb};

use super::Peers;
use crate::files::{FileError, make_dir, remove_if_there};

/// Who owns the socket beside root, where there is such a group.
const GROUP: &str = "weft";
/// The socket's name until it is ready; not longer than its own, whose length is checked.
const FRESH: &str = "agent.new";
/// Mode of the socket.
const MODE: u32 = 0o660;
/// Connections served at a time; more wait.
const CONNECTIONS: usize = 256;
/// The longest request in bytes; a trace carries a frame in hex.
const LONGEST: u64 = 256 << 10;
/// The longest request that carries changes of the topology, in bytes: an address group with tens of thousands of
/// members.
const LONGEST_CHANGES: u64 = 32 << 20;
/// So many of these are read at a time.
const LONG_REQUESTS: usize = 2;
/// How they begin; the verb stands among the first so many bytes.
const CHANGES: (&[u8], usize) = (br#""verb":"impact""#, 64);
/// A request has to come within so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// A line of an answer has to be taken within so long.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// So often it is looked whether a caller that waits is still there.
const LOOK: Duration = Duration::from_secs(1);
/// Of a request that is too long so much is read and thrown away, in bytes: who is still writing it could not
/// read the answer.
const SWALLOWED: u64 = 4 << 20;

/// The listening socket.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
    listener: UnixListener,
    /// It was removed and could not be made again, and that was said.
    is_lost: bool,
}

/// Who asks, by the kernel's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) uid: u32,
    pub(super) pid: Option<i32>,
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
        let failed = |source| SocketError::Listen {
            path: path.to_owned(),
            source,
        };
        let fresh = path.with_file_name(FRESH);
        remove_if_there(&fresh)?;
        let listener = UnixListener::bind(&fresh).map_err(failed)?;
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(MODE)).map_err(failed)?;
        match Group::from_name(GROUP) {
            Ok(Some(group)) => {
                if let Err(errno) = chown(&fresh, None, Some(Gid::from_raw(group.gid.as_raw()))) {
                    tracing::warn!(%errno, "the control socket stays root's alone");
                }
            }
            Ok(None) | Err(_) => {
                tracing::debug!("there is no group {GROUP}: the control socket is root's alone");
            }
        }
        std::fs::rename(&fresh, path).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            listener,
            is_lost: false,
        })
    }

    /// Makes the socket again if somebody has removed it.
    fn come_back(&mut self) {
        match self.path.try_exists() {
            Ok(false) => {}
            Ok(true) | Err(_) => return,
        }
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let made = make_dir(folder).map_err(SocketError::from);
        match made.and_then(|()| Self::bind(&self.path)) {
            Ok(fresh) => {
                let path = self.path.display();
                tracing::warn!(%path, "somebody removed the control socket: made again");
                *self = fresh;
            }
            Err(error) if !self.is_lost => {
                tracing::error!(%error, "somebody removed the control socket: it is tried to make it again");
                self.is_lost = true;
            }
            Err(_) => {}
        }
    }

    /// Serves until it is dropped.
    pub async fn serve(mut self, peers: Arc<Peers>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let long = Arc::new(Semaphore::new(LONG_REQUESTS));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            let accepted = loop {
                match tokio::time::timeout(LOOK, self.listener.accept()).await {
                    Ok(accepted) => break accepted,
                    Err(_) => self.come_back(),
                }
            };
            match accepted {
                Ok((stream, _)) => {
                    let (peers, long) = (peers.clone(), long.clone());
                    tokio::spawn(async move {
                        if let Err(error) = converse(stream, &peers, &long).await {
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

async fn converse(stream: UnixStream, peers: &Arc<Peers>, long: &Semaphore) -> io::Result<()> {
    let caller = stream.peer_cred()?;
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    let mut bounded = BufReader::new(read.take(LONGEST));
    let reading = async {
        bounded.read_until(b'\n', &mut line).await?;
        if line.len() as u64 == LONGEST && carries_changes(&line) {
            let place = long.acquire().await.ok();
            bounded.get_mut().set_limit(LONGEST_CHANGES - LONGEST);
            bounded.read_until(b'\n', &mut line).await?;
            return Ok(place);
        }
        Ok::<_, io::Error>(None)
    };
    let Ok(read) = tokio::time::timeout(PATIENCE, reading).await else {
        let message = format!("no request came within {PATIENCE:?}");
        let failure = Reply::Error(failure(FailureCode::TimedOut, message));
        return say(&mut write, &failure).await;
    };
    // Held until the request is answered: it is in memory until then. What cannot be read is told below.
    let _place = read.ok().flatten();
    let request = match understand(&line) {
        Ok(request) => request,
        Err(failure) => {
            say(&mut write, &Reply::Error(failure)).await?;
            let mut rest = bounded.into_inner();
            rest.set_limit(if line.ends_with(b"\n") { 0 } else { SWALLOWED });
            let mut nowhere = tokio::io::sink();
            let swallowing = tokio::io::copy(&mut rest, &mut nowhere);
            let _ = tokio::time::timeout(LOOK, swallowing).await;
            return Ok(());
        }
    };
    tracing::debug!(
        uid = caller.uid(),
        pid = caller.pid(),
        verb = in_short(&request.verb),
        "asked"
    );
    // Bounded: who lists many flows is sent them at the pace at which it reads.
    let (replies, mut answers) = mpsc::channel(256);
    let peers = peers.clone();
    let who = Caller {
        uid: caller.uid(),
        pid: caller.pid(),
    };
    let work = tokio::spawn(async move { peers.answer(request.verb, who, &replies).await });
    loop {
        let reply = tokio::select! {
            reply = answers.recv() => reply,
            () = gone(write.as_ref()) => return Ok(()),
        };
        let Some(reply) = reply else { break };
        let said = tokio::time::timeout(WRITE_PATIENCE, say(&mut write, &reply)).await;
        match said {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
    work.await.map_err(io::Error::other)
}

fn in_short(verb: &Verb) -> String {
    match verb {
        Verb::Impact { changes, .. } => format!("impact of {} changes", changes.len()),
        verb => format!("{verb:?}"),
    }
}

/// Waits for the end of who is at the other end. That it writes no more (`shutdown(2)`) is none.
async fn gone(stream: &UnixStream) {
    loop {
        tokio::time::sleep(LOOK).await;
        let mut looked = [PollFd::new(stream.as_fd(), PollFlags::empty())];
        let events = poll(&mut looked, PollTimeout::ZERO).ok();
        let [looked] = looked;
        let ends = PollFlags::POLLHUP | PollFlags::POLLERR;
        if events.is_some() && looked.revents().is_some_and(|now| now.intersects(ends)) {
            return;
        }
    }
}

/// Whether a request, or its beginning, is one that may be long.
fn carries_changes(line: &[u8]) -> bool {
    let (verb, within) = CHANGES;
    let head = line.get(..within).unwrap_or(line);
    head.windows(verb.len()).any(|window| window == verb)
}

pub(crate) fn understand(line: &[u8]) -> Result<Request, Failure> {
    let bad = |message: String| failure(FailureCode::BadRequest, message);
    let longest = match carries_changes(line) {
        true => LONGEST_CHANGES,
        false => LONGEST,
    };
    if line.len() as u64 >= longest {
        return Err(bad(format!("a request has {longest} bytes at most")));
    }
    let value: serde_json::Value = serde_json::from_slice(line)
        .map_err(|error| bad(format!("the request is no line of JSON: {error}")))?;
    match value.get("v") {
        Some(v) if v.as_u64() == Some(u64::from(VERSION)) => {}
        Some(v) => {
            return Err(bad(format!(
                "the request has version {v}, this agent speaks {VERSION}: use programs of one release"
            )));
        }
        None => return Err(bad("the request has no version v".to_owned())),
    }
    serde_json::from_value(value).map_err(|error| {
        bad(format!(
            "the request is not understood: {error}; is the agent older than the program that asks, then \
             start it again"
        ))
    })
}

async fn say(write: &mut (impl AsyncWriteExt + Unpin), reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    write.write_all(&line).await
}

pub(super) fn failure(code: FailureCode, message: String) -> Failure {
    Failure { code, message }
}

//! One agent a state directory, a run directory and a datapath.
//!
//! The kernel releases a lock when its holder ends, however it ends: after a SIGKILL the next agent
//! starts at once, and nothing that is left on disk is in its way.
//!
//! Races:
//! - Two agents start at once: the lock is taken by one `flock`; the other reads who has it. It may
//!   read before the first has written its number: then it says so without a number.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use crate::files::FileError;

/// The locks of a running agent; dropped, they are free.
#[derive(Debug)]
pub struct Locks {
    _files: Vec<Flock<File>>,
    _datapath: Option<UnixListener>,
}

/// Why a lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The lock's file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another agent has the directory.
    #[error(
        "another weft-agent{} uses {path}; give each agent directories of its own",
        by(pid)
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The other's process id, if it has written it yet.
        pid: Option<u32>,
    },
    /// Another agent has the datapath.
    #[error(
        "another weft-agent{} drives datapath '{name}' in this network namespace; choose another name \
         by 'datapath' in the configuration",
        by(pid)
    )]
    Datapath {
        /// The datapath.
        name: String,
        /// The other's process id.
        pid: Option<u32>,
    },
}

fn by(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})"))
        .unwrap_or_default()
}

impl Locks {
    /// Takes the locks of two directories, which are there (and may be one), and of a datapath.
    pub fn take(state_dir: &Path, run_dir: &Path, datapath: &str) -> Result<Self, LockError> {
        let files = [state_dir.join("agent.lock"), run_dir.join("agent.pid")];
        let files = files
            .iter()
            .map(|path| take_file(path))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            _files: files,
            _datapath: take_datapath(datapath)?,
        })
    }
}

fn take_file(path: &Path) -> Result<Flock<File>, LockError> {
    let failed = FileError::at("lock", path);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    let file = match file {
        Ok(file) => file,
        Err(source) => return Err(failed(source).into()),
    };
    let mut lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => lock,
        Err((mut file, Errno::EWOULDBLOCK)) => {
            let mut text = String::new();
            let _ = file.read_to_string(&mut text);
            return Err(LockError::Directory {
                path: path.parent().unwrap_or(path).to_owned(),
                pid: text.trim().parse().ok(),
            });
        }
        Err((_, errno)) => return Err(failed(errno.into()).into()),
    };
    // The number is for people: the lock holds without it.
    let _ = lock
        .set_len(0)
        .and_then(|()| lock.rewind())
        .and_then(|()| writeln!(*lock, "{}", std::process::id()));
    Ok(lock)
}

/// An abstract unix socket belongs to a network namespace, as a datapath does, and goes with its process.
/// A user without rights could take the name first: only an agent of our own user counts.
fn take_datapath(name: &str) -> Result<Option<UnixListener>, LockError> {
    let attempt = || -> io::Result<(UnixListener, SocketAddr)> {
        let address = SocketAddr::from_abstract_name(format!("weft-agent/{name}"))?;
        Ok((UnixListener::bind_addr(&address)?, address))
    };
    match attempt() {
        Ok((listener, _)) => Ok(Some(listener)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let holder = SocketAddr::from_abstract_name(format!("weft-agent/{name}"))
                .and_then(|address| UnixStream::connect_addr(&address))
                .and_then(|stream| Ok(getsockopt(&stream, PeerCredentials)?));
            match holder {
                Ok(peer) if peer.uid() != nix::unistd::geteuid().as_raw() => {
                    tracing::warn!(
                        uid = peer.uid(),
                        pid = peer.pid(),
                        "a stranger holds the lock of the datapath: going on without it"
                    );
                    Ok(None)
                }
                Ok(peer) => Err(LockError::Datapath {
                    name: name.to_owned(),
                    pid: u32::try_from(peer.pid()).ok(),
                }),
                Err(_) => Err(LockError::Datapath {
                    name: name.to_owned(),
                    pid: None,
                }),
            }
        }
        Err(error) => {
            tracing::warn!(%error, "the datapath cannot be locked: going on without");
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Datapath names are the machine's: every test has its own.
    fn name() -> String {
        uuid::Uuid::new_v4().simple().to_string()
    }

    #[test]
    fn a_second_agent_is_refused_with_the_number_of_the_first() {
        let (state, run) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (state2, run2) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = Locks::take(state.path(), run.path(), &name()).unwrap();
        let me = format!("process {}", std::process::id());
        for (state, run) in [(state.path(), run2.path()), (state2.path(), run.path())] {
            let error = Locks::take(state, run, &name()).unwrap_err().to_string();
            assert!(error.contains(&me), "{error}");
        }
        drop(first);
        Locks::take(state.path(), run.path(), &name()).unwrap();
    }

    #[test]
    fn a_second_agent_on_the_same_datapath_is_refused_whatever_its_directories() {
        let dirs: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
        let name = name();
        let first = Locks::take(dirs[0].path(), dirs[1].path(), &name).unwrap();
        let error = Locks::take(dirs[2].path(), dirs[3].path(), &name).unwrap_err();
        assert!(
            matches!(error, LockError::Datapath { pid: Some(_), .. }),
            "{error}"
        );
        drop(first);
        Locks::take(dirs[2].path(), dirs[3].path(), &name).unwrap();
    }

    #[test]
    fn one_directory_for_state_and_socket_is_no_conflict_with_itself() {
        let dir = tempfile::tempdir().unwrap();
        Locks::take(dir.path(), dir.path(), &name()).unwrap();
    }
}

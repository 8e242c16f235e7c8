//! The things themselves.

use std::io;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollEvent, EpollTimeout};

pub(crate) use arc_swap::ArcSwap;
pub(crate) use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
pub(crate) use nix::sys::eventfd::EventFd;
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
pub(crate) use std::thread::JoinHandle;

/// Begins a thread.
pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let builder = std::thread::Builder::new();
    builder.name(name.to_owned()).spawn(work)
}

/// Waits for a time.
pub(crate) fn sleep(time: Duration) {
    std::thread::sleep(time);
}

/// Waits for events, for as long as it takes.
pub(crate) fn wait(epoll: &Epoll, ready: &mut [EpollEvent]) -> nix::Result<usize> {
    epoll.wait(ready, EpollTimeout::NONE)
}

//! The same things with points between which a model checker changes threads.
//!
//! Under a model all threads are one thread's coroutines, so nothing may block: who waits asks again and again, and others go
//! on in between. Outside of one, as in all other tests, they are what they are in a program.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, LockResult, TryLockError};
use std::time::Duration;

use crossbeam_channel::{RecvError, SendError, TryRecvError};
use nix::sys::epoll::{Epoll, EpollEvent, EpollTimeout};
use nix::sys::eventfd::EfdFlags;

use super::RecvTimeoutError;

pub(crate) use std::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

thread_local! {
    static IN_MODEL: Cell<bool> = const { Cell::new(false) };
}

/// Runs something under so many schedules, drawn from a seed that is told when one of them fails.
pub(crate) fn model(schedules: usize, run: impl Fn() + Send + Sync + 'static) {
    let mut config = shuttle::Config::new();
    config.stack_size = 1 << 20;
    config.max_steps = shuttle::MaxSteps::FailAfter(200_000);
    config.failure_persistence = shuttle::FailurePersistence::Print;
    let scheduler = shuttle::scheduler::RandomScheduler::new(schedules);
    let runner = shuttle::Runner::new(scheduler, config);
    runner.run(move || {
        IN_MODEL.set(true);
        run();
    });
    IN_MODEL.set(false);
}

/// Whether this thread is one of a model's.
fn is_model() -> bool {
    IN_MODEL.get()
}

/// Others may go on here.
pub(crate) fn point() {
    if is_model() {
        shuttle::thread::yield_now();
    }
}

/// Asks again and again, until there is an answer.
pub(crate) fn patiently<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    loop {
        point();
        if let Some(answer) = ask() {
            return answer;
        }
    }
}

// === locks ===

#[derive(Debug, Default)]
pub(crate) struct Mutex<T: ?Sized>(std::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }
}

impl<T: ?Sized> Mutex<T> {
    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        if !is_model() {
            return self.0.lock();
        }
        patiently(|| unless_busy(self.0.try_lock()))
    }
}

#[derive(Debug, Default)]
pub(crate) struct RwLock<T>(std::sync::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        if !is_model() {
            return self.0.read();
        }
        patiently(|| unless_busy(self.0.try_read()))
    }

    pub(crate) fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        if !is_model() {
            return self.0.write();
        }
        patiently(|| unless_busy(self.0.try_write()))
    }
}

fn unless_busy<G>(tried: Result<G, TryLockError<G>>) -> Option<LockResult<G>> {
    match tried {
        Ok(guard) => Some(Ok(guard)),
        Err(TryLockError::Poisoned(poisoned)) => Some(Err(poisoned)),
        Err(TryLockError::WouldBlock) => None,
    }
}

#[derive(Debug, Default)]
pub(crate) struct ArcSwap<T>(arc_swap::ArcSwap<T>);

impl<T> ArcSwap<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self(arc_swap::ArcSwap::new(value))
    }

    pub(crate) fn load_full(&self) -> Arc<T> {
        point();
        self.0.load_full()
    }

    pub(crate) fn store(&self, value: Arc<T>) {
        point();
        self.0.store(value);
    }
}

// === channels ===

pub(crate) struct Sender<T>(crossbeam_channel::Sender<T>);

pub(crate) struct Receiver<T>(crossbeam_channel::Receiver<T>);

pub(crate) fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = crossbeam_channel::unbounded();
    (Sender(sender), Receiver(receiver))
}

pub(crate) fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = crossbeam_channel::bounded(capacity);
    (Sender(sender), Receiver(receiver))
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Sender<T> {
    /// No channel of the hot path is ever full.
    pub(crate) fn send(&self, value: T) -> Result<(), SendError<T>> {
        point();
        self.0.send(value)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<T> Receiver<T> {
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        point();
        self.0.try_recv()
    }

    pub(crate) fn recv(&self) -> Result<T, RecvError> {
        if !is_model() {
            return self.0.recv();
        }
        patiently(|| match self.0.try_recv() {
            Ok(value) => Some(Ok(value)),
            Err(TryRecvError::Disconnected) => Some(Err(RecvError)),
            Err(TryRecvError::Empty) => None,
        })
    }

    /// Time stands still under a model: nothing is ever late.
    pub(crate) fn recv_timeout(&self, time: Duration) -> Result<T, RecvTimeoutError> {
        match is_model() {
            true => self.recv().map_err(RecvTimeoutError::from),
            false => self.0.recv_timeout(time),
        }
    }
}

// === waiting ===

pub(crate) struct EventFd(nix::sys::eventfd::EventFd);

impl EventFd {
    pub(crate) fn from_value_and_flags(value: u32, flags: EfdFlags) -> nix::Result<Self> {
        nix::sys::eventfd::EventFd::from_value_and_flags(value, flags).map(Self)
    }

    pub(crate) fn write(&self, value: u64) -> nix::Result<usize> {
        point();
        self.0.write(value)
    }

    pub(crate) fn read(&self) -> nix::Result<u64> {
        point();
        self.0.read()
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

pub(crate) fn wait(epoll: &Epoll, ready: &mut [EpollEvent]) -> nix::Result<usize> {
    if !is_model() {
        return epoll.wait(ready, EpollTimeout::NONE);
    }
    patiently(|| match epoll.wait(ready, EpollTimeout::ZERO) {
        Ok(0) => None,
        waited => Some(waited),
    })
}

// === threads ===

pub(crate) enum JoinHandle<T> {
    Real(std::thread::JoinHandle<T>),
    Scheduled(shuttle::thread::JoinHandle<T>),
}

pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    if !is_model() {
        let builder = std::thread::Builder::new();
        return builder
            .name(name.to_owned())
            .spawn(work)
            .map(JoinHandle::Real);
    }
    let builder = shuttle::thread::Builder::new();
    builder
        .name(name.to_owned())
        .spawn(work)
        .map(JoinHandle::Scheduled)
}

impl<T> JoinHandle<T> {
    pub(crate) fn is_finished(&self) -> bool {
        match self {
            Self::Real(thread) => thread.is_finished(),
            // To join it waits no longer than it runs.
            Self::Scheduled(_) => true,
        }
    }

    pub(crate) fn join(self) -> std::thread::Result<T> {
        match self {
            Self::Real(thread) => thread.join(),
            Self::Scheduled(thread) => thread.join(),
        }
    }
}

pub(crate) fn sleep(time: Duration) {
    match is_model() {
        true => point(),
        false => std::thread::sleep(time),
    }
}

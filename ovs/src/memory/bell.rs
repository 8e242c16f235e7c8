//! What epoll sees of a queue in memory: readable while something waits.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::eventfd::{EfdFlags, EventFd};

#[derive(Debug)]
pub(super) struct Bell(EventFd);

impl Bell {
    pub(super) fn new() -> nix::Result<Self> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        EventFd::from_value_and_flags(0, flags).map(Self)
    }

    /// Something waits.
    pub(super) fn ring(&self) {
        // It fails only when it has rung endlessly often, and then it rings.
        let _ = self.0.write(1);
    }

    /// Nothing waits any more.
    pub(super) fn hush(&self) {
        // It fails when it did not ring.
        let _ = self.0.read();
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

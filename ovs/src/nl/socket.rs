//! One netlink socket: the system calls, nothing else.
//!
//! Two options that the safe wrappers lack (joining a group, extended acknowledgements) are declared
//! with the wrapper crate's own macro, whose expansion is the only unsafe code of this crate.
#![allow(unsafe_code)]

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::libc; // the macro names it
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, getsockname,
    recvmsg, sendmsg, setsockopt, socket, sockopt,
};

/// A non-blocking socket of one netlink protocol, bound to a port id that the kernel chose.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    pid: u32,
}

/// What a receive brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Received {
    /// So many bytes from the kernel.
    Bytes(usize),
    /// A message that did not fit the buffer, and was cut.
    Truncated,
    /// Nothing waits.
    Nothing,
}

/// Room for requests on their way in, in bytes: a batch is one message to the kernel.
const SEND_BUFFER: usize = 1 << 20;

#[derive(Clone, Copy)]
struct JoinGroup;
nix::setsockopt_impl!(
    JoinGroup,
    nix::libc::SOL_NETLINK,
    nix::libc::NETLINK_ADD_MEMBERSHIP,
    usize,
    sockopt::SetUsize
);

#[derive(Clone, Copy)]
struct ExtendedAck;
nix::setsockopt_impl!(
    ExtendedAck,
    nix::libc::SOL_NETLINK,
    nix::libc::NETLINK_EXT_ACK,
    bool,
    sockopt::SetBool
);

#[derive(Clone, Copy)]
struct CappedAck;
nix::setsockopt_impl!(
    CappedAck,
    nix::libc::SOL_NETLINK,
    nix::libc::NETLINK_CAP_ACK,
    bool,
    sockopt::SetBool
);

impl Socket {
    /// Opens and binds a socket. `receive_buffer` is in bytes; where the program may not go beyond
    /// the system's limit, the buffer is as large as that allows.
    pub(crate) fn open(protocol: SockProtocol, receive_buffer: usize) -> Result<Self, Errno> {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            protocol,
        )?;
        if setsockopt(&fd, sockopt::RcvBufForce, &receive_buffer).is_err() {
            setsockopt(&fd, sockopt::RcvBuf, &receive_buffer)?;
        }
        if setsockopt(&fd, sockopt::SndBufForce, &SEND_BUFFER).is_err() {
            setsockopt(&fd, sockopt::SndBuf, &SEND_BUFFER)?;
        }
        // An error then quotes only the header of what it refuses, and may say why in words.
        setsockopt(&fd, ExtendedAck, &true)?;
        setsockopt(&fd, CappedAck, &true)?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        let pid = getsockname::<NetlinkAddr>(fd.as_raw_fd())?.pid();
        Ok(Self { fd, pid })
    }

    /// The socket's port id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Joins a multicast group.
    pub(crate) fn join(&self, group: u32) -> Result<(), Errno> {
        setsockopt(&self.fd, JoinGroup, &(group as usize))
    }

    /// Sends messages to the kernel, which has worked them all off when this returns.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<(), Errno> {
        loop {
            let sent = sendmsg(
                self.fd.as_raw_fd(),
                &[IoSlice::new(bytes)],
                &[],
                MsgFlags::empty(),
                Some(&NetlinkAddr::new(0, 0)),
            );
            match sent {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Receives what waits, without blocking. What did not come from the kernel is passed over.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Result<Received, Errno> {
        loop {
            let mut parts = [IoSliceMut::new(buffer)];
            let received = recvmsg::<NetlinkAddr>(
                self.fd.as_raw_fd(),
                &mut parts,
                None,
                MsgFlags::MSG_DONTWAIT,
            );
            match received {
                Ok(message) if message.address.is_some_and(|from| from.pid() != 0) => {}
                Ok(message) if message.flags.contains(MsgFlags::MSG_TRUNC) => {
                    return Ok(Received::Truncated);
                }
                Ok(message) => return Ok(Received::Bytes(message.bytes)),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(Received::Nothing),
                Err(errno) => return Err(errno),
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

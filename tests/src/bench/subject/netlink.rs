//! Sockets of the bound, and the deletion of all flows of a datapath.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::{Context, Result, ensure};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, getsockname,
    recvmsg, sendmsg, setsockopt, socket, sockopt,
};
use weft_ovs::KernelDatapath;

use super::messages;

/// Receive buffer of a socket, in bytes.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Deletes all flows of a datapath of the current namespace.
pub(super) fn delete_flows(datapath: &KernelDatapath) -> Result<()> {
    let mut out = Vec::new();
    messages::flush(&mut out, datapath.families().flow.id, datapath.ifindex());
    let (socket, _) = netlink()?;
    send(&socket, &out).context("delete all flows")
}

/// A non-blocking socket of the current namespace, and its number.
pub(super) fn netlink() -> Result<(OwnedFd, u32)> {
    let fd = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        SockProtocol::NetlinkGeneric,
    )?;
    setsockopt(&fd, sockopt::RcvBufForce, &RECEIVE_BUFFER)?;
    bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    let number = getsockname::<NetlinkAddr>(fd.as_raw_fd())?.pid();
    ensure!(number != 0, "the socket has no number");
    Ok((fd, number))
}

pub(super) fn send(socket: &OwnedFd, bytes: &[u8]) -> nix::Result<()> {
    let kernel = NetlinkAddr::new(0, 0);
    let parts = [IoSlice::new(bytes)];
    sendmsg(
        socket.as_raw_fd(),
        &parts,
        &[],
        MsgFlags::empty(),
        Some(&kernel),
    )
    .map(drop)
}

pub(super) fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> nix::Result<usize> {
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT;
    recvmsg::<NetlinkAddr>(socket.as_raw_fd(), &mut parts, None, flags).map(|message| message.bytes)
}

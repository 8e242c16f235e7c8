//! Deletes a network interface by rtnetlink (`rtnetlink(7)`, `RTM_DELLINK`), whoever holds it open.

use std::io;
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

/// Deletes an interface. One that is not there is no error.
pub fn delete(name: &str) -> io::Result<()> {
    let Ok(index) = nix::net::if_::if_nametoindex(name) else {
        return Ok(());
    };
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    sendto(
        socket.as_raw_fd(),
        &delete_request(index),
        &NetlinkAddr::new(0, 0),
        MsgFlags::empty(),
    )?;
    let mut answer = [0; 512];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    match answered_errno(answer.get(..length).unwrap_or_default()) {
        Some(0 | libc::ENODEV) => Ok(()),
        Some(errno) => Err(io::Error::from_raw_os_error(errno)),
        None => Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
}

/// `nlmsghdr` and `ifinfomsg`.
fn delete_request(index: u32) -> [u8; 32] {
    const LENGTH: u32 = 32;
    const FLAGS: u16 = 0x5; // NLM_F_REQUEST | NLM_F_ACK
    let mut message = [0; 32];
    message[..4].copy_from_slice(&LENGTH.to_ne_bytes());
    message[4..6].copy_from_slice(&libc::RTM_DELLINK.to_ne_bytes());
    message[6..8].copy_from_slice(&FLAGS.to_ne_bytes());
    message[20..24].copy_from_slice(&index.to_ne_bytes());
    message
}

/// The error number of an `nlmsgerr`, positive, 0 for success.
fn answered_errno(message: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(message.get(4..6)?.try_into().ok()?);
    let error = i32::from_ne_bytes(message.get(16..20)?.try_into().ok()?);
    (i32::from(kind) == libc::NLMSG_ERROR).then_some(error.checked_neg()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleting_an_interface_that_is_not_there_succeeds() {
        delete("weft-none").unwrap();
    }

    #[test]
    fn an_answer_cut_short_is_no_answer() {
        assert_eq!(answered_errno(&[0; 12]), None);
    }
}

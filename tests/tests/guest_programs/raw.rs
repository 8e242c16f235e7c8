//! Requests to netfilter that `weft-ovs` cannot make, to show what a kernel would do.

use std::io::IoSlice;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendmsg,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

/// Types of messages (`NFNL_SUBSYS_CTNETLINK` and `enum cntl_msg_types`).
pub(crate) const GET: u16 = 0x0101;
pub(crate) const DELETE: u16 = 0x0102;
/// `NLM_F_REQUEST | NLM_F_ACK`.
pub(crate) const ACK: u16 = 0x05;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
pub(crate) const DUMP: u16 = 0x301;

pub(crate) struct Raw(OwnedFd);

impl Raw {
    /// Of the calling thread's network namespace.
    pub(crate) fn open() -> Self {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkNetFilter,
        )
        .unwrap();
        setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::seconds(20)).unwrap();
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0)).unwrap();
        Self(fd)
    }

    /// Asks, and counts the answers before the last.
    pub(crate) fn ask(&self, kind: u16, flags: u16, attrs: &[u8]) -> Result<usize, Errno> {
        let length = u32::try_from(20 + attrs.len()).unwrap();
        let mut request = length.to_ne_bytes().to_vec();
        request.extend(kind.to_ne_bytes());
        request.extend(flags.to_ne_bytes());
        request.extend([0; 12]); // numbers, and `struct nfgenmsg`
        request.extend(attrs);
        let kernel = NetlinkAddr::new(0, 0);
        let fd = self.0.as_raw_fd();
        sendmsg(
            fd,
            &[IoSlice::new(&request)],
            &[],
            MsgFlags::empty(),
            Some(&kernel),
        )?;
        let mut buffer = vec![0; 64 << 10];
        let mut answers = 0;
        loop {
            let length = recv(fd, &mut buffer, MsgFlags::empty())?;
            let mut rest = &buffer[..length];
            while rest.len() >= 16 {
                let length = u32::from_ne_bytes(*rest.first_chunk().unwrap()) as usize;
                match u16::from_ne_bytes([rest[4], rest[5]]) {
                    2 => {
                        let code = i32::from_ne_bytes(*rest[16..].first_chunk().unwrap());
                        return match code {
                            0 => Ok(answers),
                            code => Err(Errno::from_raw(-code)),
                        };
                    }
                    3 => return Ok(answers),
                    _ => answers += 1,
                }
                rest = &rest[length.next_multiple_of(4).min(rest.len())..];
            }
        }
    }
}

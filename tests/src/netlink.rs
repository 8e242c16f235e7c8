//! The netlink sockets of a running program, as the kernel lists them, and how to make them small.
//!
//! Purpose: have a real kernel drop real messages. A socket whose buffer is as small as may be overflows at its
//! second or third message; the program that owns it is not told that it is tested.

use std::path::Path;

use anyhow::{Context, Result};
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

/// Route netlink: interfaces.
pub const ROUTE: u32 = 0;
/// Generic netlink: openvswitch.
pub const GENERIC: u32 = 16;

/// A netlink socket of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetlinkSocket {
    /// Its program.
    pub pid: u32,
    /// The program's descriptor.
    pub fd: i32,
    /// [`ROUTE`], [`GENERIC`], …
    pub protocol: u32,
    /// Its address, by which the kernel knows it.
    pub port_id: u32,
    /// It is a member of multicast groups.
    pub hears_news: bool,
    /// Messages that the kernel dropped for want of room since it was opened.
    pub drops: u64,
}

impl NetlinkSocket {
    /// All of a program's.
    pub fn all_of(pid: u32) -> Result<Vec<Self>> {
        let table = std::fs::read_to_string(format!("/proc/{pid}/net/netlink"))?;
        let mut found = Vec::new();
        for entry in std::fs::read_dir(format!("/proc/{pid}/fd"))? {
            let path = entry?.path();
            let Some(inode) = inode_of(&path) else {
                continue;
            };
            let Some(row) = table
                .lines()
                .find(|row| row.split_whitespace().next_back() == Some(&inode))
            else {
                continue;
            };
            let fd = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            found.push(
                Self::read(pid, fd, row).with_context(|| format!("/proc/net/netlink: {row}"))?,
            );
        }
        Ok(found)
    }

    /// A row: `sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode`.
    fn read(pid: u32, fd: &str, row: &str) -> Result<Self> {
        let words: Vec<&str> = row.split_whitespace().collect();
        let word = |n: usize| words.get(n).copied().context("it is too short");
        Ok(Self {
            pid,
            fd: fd.parse()?,
            protocol: word(1)?.parse()?,
            port_id: word(2)?.parse()?,
            hears_news: u32::from_str_radix(word(3)?, 16)? != 0,
            drops: word(8)?.parse()?,
        })
    }

    /// Makes its receive buffer as small as the kernel lets it be: 2304 bytes, bookkeeping included.
    pub fn shrink(&self) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.pid)?).context("0 is no process")?;
        let process = pidfd_open(pid, PidfdFlags::empty())?;
        let socket = pidfd_getfd(process, self.fd, PidfdGetfdFlags::empty())?;
        Ok(set_socket_recv_buffer_size(socket, 0)?)
    }
}

/// The inode of a socket that a descriptor in /proc stands for.
fn inode_of(fd: &Path) -> Option<String> {
    let target = std::fs::read_link(fd).ok()?;
    let inode = target
        .to_str()?
        .strip_prefix("socket:[")?
        .strip_suffix(']')?;
    Some(inode.to_owned())
}

//! A packet socket (packet(7)) on one interface: frames of both directions, each once.
//!
//! Races:
//! - *Frames of other interfaces come before the socket is bound*: each frame says its interface, and those of
//!   others are passed over.
//! - *The interface goes, and another of its name comes*: the socket is bound to the first one's number.
//! - *The interface is set down and then deleted*: the kernel says the first alone (ENETDOWN, once), so from then
//!   on it is looked whether the interface is there, until a frame says that it is up again.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::{RcvBuf, ReceiveTimestampns, RxqOvfl, SetBool};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType,
    SockaddrLike, bind, recvmsg, setsockopt, socket,
};

use super::CaptureError;

/// Room for frames that wait, in bytes.
const ROOM: usize = 4 << 20;
/// The longest frame, in bytes: with segmentation offload they are longer than the MTU.
const LONGEST: usize = 1 << 18;
/// `PACKET_OUTGOING`.
const OUTGOING: u8 = 4;
/// `TP_STATUS_VLAN_VALID` and `TP_STATUS_VLAN_TPID_VALID`: what of the tag is told.
const VLAN_VALID: u32 = 1 << 4;
const TPID_VALID: u32 = 1 << 6;

/// What the kernel says beside a frame (`PACKET_AUXDATA`): it takes tags out of frames and tells them there.
#[derive(Clone, Copy, Debug)]
struct Auxdata;

nix::setsockopt_impl!(
    Auxdata,
    libc::SOL_PACKET,
    libc::PACKET_AUXDATA,
    bool,
    SetBool
);

/// The socket.
#[derive(Debug)]
pub(super) struct PacketSocket {
    fd: OwnedFd,
    interface: String,
    ifindex: usize,
    buffer: Vec<u8>,
    control: Vec<u8>,
    lost: u64,
    /// The kernel's count of lost frames, which wraps.
    overflows: u32,
    /// It was set down; it may be gone since.
    is_down: bool,
}

/// A frame as it passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Nanoseconds since 1970.
    pub(super) time: u64,
    /// The machine behind the interface sent it.
    pub(super) is_in: bool,
    /// Its length in bytes.
    pub(super) length: u32,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
}

/// A tag that the kernel took out of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag {
    tpid: u16,
    tci: u16,
}

impl PacketSocket {
    /// Opens one on an interface.
    pub(super) fn open(interface: &str) -> Result<Self, CaptureError> {
        let failed = |attempt| {
            move |errno| CaptureError::Socket {
                interface: interface.to_owned(),
                attempt,
                errno,
            }
        };
        let fd = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::EthAll,
        )
        .map_err(failed("open a packet socket"))?;
        // As much as the kernel gives.
        let _ = setsockopt(&fd, RcvBuf, &ROOM);
        let set = failed("ask for times, losses and tags");
        setsockopt(&fd, ReceiveTimestampns, &true)
            .and_then(|()| setsockopt(&fd, RxqOvfl, &1))
            .and_then(|()| setsockopt(&fd, Auxdata, &true))
            .map_err(set)?;
        let address = address_of(interface)
            .map_err(failed("list the interfaces"))?
            .ok_or_else(|| CaptureError::Gone {
                interface: interface.to_owned(),
            })?;
        bind(fd.as_raw_fd(), &address).map_err(failed("bind the packet socket"))?;
        Ok(Self {
            fd,
            interface: interface.to_owned(),
            ifindex: address.ifindex(),
            buffer: vec![0; LONGEST],
            control: nix::cmsg_space!([u8; 256]),
            lost: 0,
            overflows: 0,
            is_down: false,
        })
    }

    /// Frames that came and had no room.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    /// The next frame, if one comes within so long.
    pub(super) fn receive(&mut self, wait: Duration) -> Result<Option<Frame>, CaptureError> {
        let wait = PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX);
        let mut waited = [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waited, wait) {
            Ok(0) if self.is_down && !self.is_there() => return Err(self.gone()),
            Ok(0) | Err(Errno::EINTR) => return Ok(None),
            Ok(_) => {}
            Err(errno) => return Err(self.error("wait for a frame", errno)),
        }
        match self.read() {
            Ok(frame) => {
                self.is_down = false;
                Ok(frame)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
            // It may come up again.
            Err(Errno::ENETDOWN) if self.is_there() => {
                self.is_down = true;
                Ok(None)
            }
            Err(Errno::ENETDOWN | Errno::ENXIO | Errno::ENODEV) => Err(self.gone()),
            Err(errno) => Err(self.error("read a frame", errno)),
        }
    }

    fn read(&mut self) -> nix::Result<Option<Frame>> {
        let mut parts = [IoSliceMut::new(&mut self.buffer)];
        let message = recvmsg::<LinkAddr>(
            self.fd.as_raw_fd(),
            &mut parts,
            Some(&mut self.control),
            MsgFlags::MSG_DONTWAIT,
        )?;
        let (mut time, mut tag, mut length) = (0, None, None);
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::ScmTimestampns(at) => {
                    let seconds = u64::try_from(at.tv_sec()).unwrap_or_default();
                    let rest = u64::try_from(at.tv_nsec()).unwrap_or_default();
                    time = seconds * 1_000_000_000 + rest;
                }
                ControlMessageOwned::RxqOvfl(count) => {
                    self.lost += u64::from(count.wrapping_sub(self.overflows));
                    self.overflows = count;
                }
                ControlMessageOwned::Unknown(other) => {
                    (length, tag) = auxdata(&other.data_bytes).unwrap_or((length, tag));
                }
                _ => {}
            }
        }
        let (bytes, from) = (message.bytes, message.address);
        let Some(from) = from.filter(|from| from.ifindex() == self.ifindex) else {
            return Ok(None);
        };
        let bytes = self.buffer.get(..bytes).unwrap_or_default();
        let added = if tag.is_some() { 4 } else { 0 };
        let read = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Ok(Some(Frame {
            time,
            is_in: from.pkttype() != OUTGOING,
            length: length.unwrap_or(read) + added,
            bytes: with_tag(bytes, tag),
        }))
    }

    fn is_there(&self) -> bool {
        let address = address_of(&self.interface).ok().flatten();
        address.is_some_and(|address| address.ifindex() == self.ifindex)
    }

    fn gone(&self) -> CaptureError {
        CaptureError::Gone {
            interface: self.interface.clone(),
        }
    }

    fn error(&self, attempt: &'static str, errno: Errno) -> CaptureError {
        CaptureError::Socket {
            interface: self.interface.clone(),
            attempt,
            errno,
        }
    }
}

/// The link-layer address of an interface: what a packet socket is bound to. Its protocol is 0, which keeps
/// that of the socket.
fn address_of(interface: &str) -> nix::Result<Option<LinkAddr>> {
    let found = getifaddrs()?
        .filter(|found| found.interface_name == interface)
        .filter_map(|found| found.address)
        .filter(|address| address.family() == Some(AddressFamily::Packet))
        .find_map(|address| address.as_link_addr().copied());
    Ok(found)
}

/// `struct tpacket_auxdata`: the frame's length on the wire, and the tag that was taken out of it.
fn auxdata(bytes: &[u8]) -> Option<(Option<u32>, Option<Tag>)> {
    let bytes: &[u8; 20] = bytes.first_chunk()?;
    let (words, _) = bytes.as_chunks::<4>();
    let word = |at: usize| words.get(at).map(|word| u32::from_ne_bytes(*word));
    let (halves, _) = bytes.as_chunks::<2>();
    let half = |at: usize| halves.get(at).map(|half| u16::from_ne_bytes(*half));
    let (status, length) = (word(0)?, word(1)?);
    let tpid = match status & TPID_VALID {
        0 => 0x8100,
        _ => half(9)?,
    };
    let tag = Tag {
        tpid,
        tci: half(8)?,
    };
    Some((Some(length), (status & VLAN_VALID != 0).then_some(tag)))
}

/// The frame as it was: the tag stands behind the two addresses.
fn with_tag(bytes: &[u8], tag: Option<Tag>) -> Vec<u8> {
    match (tag, bytes.split_at_checked(12)) {
        (Some(tag), Some((addresses, rest))) => [
            addresses,
            &tag.tpid.to_be_bytes(),
            &tag.tci.to_be_bytes(),
            rest,
        ]
        .concat(),
        _ => bytes.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u32, length: u32, tci: u16, tpid: u16) -> Vec<u8> {
        let words = [status, length, length];
        let halves = [0, 14, tci, tpid];
        let words = words.iter().flat_map(|word| word.to_ne_bytes());
        words
            .chain(halves.iter().flat_map(|half: &u16| half.to_ne_bytes()))
            .collect()
    }

    #[test]
    fn a_tag_that_the_kernel_took_out_is_put_back() {
        let (length, tag) = auxdata(&said(VLAN_VALID | TPID_VALID, 60, 5, 0x88a8)).unwrap();
        assert_eq!(length, Some(60));
        let frame: Vec<u8> = (0..20).collect();
        let tagged = with_tag(&frame, tag);
        let wanted = [&frame[..12], &[0x88, 0xa8, 0, 5], &frame[12..]].concat();
        assert_eq!(tagged, wanted);
        let (_, old) = auxdata(&said(VLAN_VALID, 60, 5, 0)).unwrap();
        assert_eq!(
            old,
            Some(Tag {
                tpid: 0x8100,
                tci: 5
            })
        );
        let (_, none) = auxdata(&said(1, 60, 5, 0)).unwrap();
        assert_eq!(with_tag(&frame, none), frame);
        assert_eq!(auxdata(&[0; 19]), None);
        assert_eq!(with_tag(&[1, 2], old), [1, 2]);
    }
}

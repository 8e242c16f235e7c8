//! Packets that the datapath hands to this program.

use std::os::fd::AsFd;

use weft_flow::FlowKey;

use crate::error::Error;

/// Why a packet came up (`enum ovs_packet_cmd`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UpcallKind {
    /// No flow matched it.
    Miss,
    /// A flow's userspace action sent it.
    Action,
}

/// A packet and what the datapath says of it. Borrowed from an [`UpcallBuffer`].
#[derive(Clone, PartialEq, Debug)]
pub struct Upcall<'a> {
    /// Why it came.
    pub kind: UpcallKind,
    /// Its flow key, as the datapath extracted it when the packet came in.
    pub key: FlowKey,
    /// The key's attributes as they came, for [`Op::Execute`](crate::Op::Execute).
    pub key_attrs: &'a [u8],
    /// The frame from its Ethernet header on, with the changes of actions before the userspace action.
    pub packet: &'a [u8],
    /// What the userspace action said; empty when it said nothing.
    pub userdata: &'a [u8],
    /// The longest fragment, in bytes, that a reassembled packet was put together from. It must go
    /// back with the packet's execute, else the packet is lost where it is fragmented again.
    pub mru: Option<u16>,
    /// The packet's hash, for its execute: the choice among paths then stays the same.
    pub hash: Option<u64>,
    /// The length in bytes before a truncate action cut it.
    pub original_len: Option<u32>,
}

/// Room for one upcall: a thread has one for all its sockets.
#[derive(Debug)]
pub struct UpcallBuffer(pub(crate) Box<[u8]>);

/// One port's (or one worker's) stream of upcalls. Non-blocking; wait for it with epoll or poll.
pub trait UpcallSource: AsFd + Send {
    /// The number by which ports and userspace actions name it ([`NewVport::upcall_pids`](crate::NewVport::upcall_pids)).
    fn pid(&self) -> u32;

    /// The next upcall, or `None` when none waits. After an error the next call goes on with the
    /// next upcall.
    fn receive<'a>(&mut self, buffer: &'a mut UpcallBuffer) -> Result<Option<Upcall<'a>>, Error>;

    /// How often the receive buffer overflowed so far. Each time at least one upcall was lost; the
    /// datapath's own counter says how many ([`DatapathInfo::lost`](crate::DatapathInfo::lost)).
    fn overflows(&self) -> u64;
}

impl UpcallBuffer {
    /// A packet is one attribute, at most 64 KiB; beside it stand key, user data and headers.
    pub const BYTES: usize = (64 + 8) << 10;

    /// A buffer for upcalls of any length.
    pub fn new() -> Self {
        Self(vec![0; Self::BYTES].into_boxed_slice())
    }
}

impl Default for UpcallBuffer {
    fn default() -> Self {
        Self::new()
    }
}

//! One connection, as the table shows it.

use std::time::Duration;

use super::Tuple;

/// An entry of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its zone; 0 is that of packets nobody put into one.
    pub zone: u16,
    /// As its first packet came.
    pub original: Tuple,
    /// As its answers come; not the inverse where an address is translated.
    pub reply: Tuple,
    /// Its mark; 0 until one is written.
    pub mark: u32,
    /// How far it has come.
    pub status: Status,
    /// TCP's state; none for other protocols.
    pub tcp_state: Option<TcpState>,
    /// How long it stays without a further packet, in whole seconds; none where it stays.
    pub timeout: Option<Duration>,
    /// When it began, since 1970; none unless the namespace notes it (`nf_conntrack_timestamp`).
    pub began: Option<Duration>,
    /// What passed; none unless the namespace counts (`nf_conntrack_acct`).
    pub counters: Option<Counters>,
    /// Tells it from an earlier or later one with the same tuples. No order is in it.
    pub id: u32,
}

/// How far a connection has come: `enum ip_conntrack_status` of
/// `include/uapi/linux/netfilter/nf_conntrack_common.h`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Status(pub u32);

/// The state of a TCP connection: `enum tcp_conntrack` of
/// `include/uapi/linux/netfilter/nf_conntrack_tcp.h`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TcpState {
    /// Nothing was seen.
    None,
    /// A SYN was sent.
    SynSent,
    /// It was answered.
    SynReceived,
    /// It is open, or was picked up under way.
    Established,
    /// One side has sent a FIN.
    FinWait,
    /// It was acknowledged.
    CloseWait,
    /// The other side has sent one, too.
    LastAck,
    /// Both were acknowledged.
    TimeWait,
    /// It was reset.
    Close,
    /// Both sides have sent a SYN.
    SynSent2,
    /// A state that this version does not know, by the kernel's number.
    Other(u8),
}

/// What passed in each direction.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// As the first packet went.
    pub original: Traffic,
    /// As its answers went.
    pub reply: Traffic,
}

/// What passed in one direction.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Their bytes from the IP header on.
    pub bytes: u64,
}

impl Status {
    const SEEN_REPLY: u32 = 1 << 1;
    const ASSURED: u32 = 1 << 2;
    const CONFIRMED: u32 = 1 << 3;
    const DYING: u32 = 1 << 9;

    /// Of a connection that was committed.
    pub(crate) fn committed(is_answered: bool) -> Self {
        Self(Self::CONFIRMED | if is_answered { Self::SEEN_REPLY } else { 0 })
    }

    /// An answer has come.
    pub fn has_seen_reply(self) -> bool {
        self.0 & Self::SEEN_REPLY != 0
    }

    /// It is not given up early when the table is full.
    pub fn is_assured(self) -> bool {
        self.0 & Self::ASSURED != 0
    }

    /// It was committed.
    pub fn is_confirmed(self) -> bool {
        self.0 & Self::CONFIRMED != 0
    }

    /// It has been deleted, and is about to go.
    pub fn is_dying(self) -> bool {
        self.0 & Self::DYING != 0
    }
}

impl From<u8> for TcpState {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::None,
            1 => Self::SynSent,
            2 => Self::SynReceived,
            3 => Self::Established,
            4 => Self::FinWait,
            5 => Self::CloseWait,
            6 => Self::LastAck,
            7 => Self::TimeWait,
            8 => Self::Close,
            9 => Self::SynSent2,
            other => Self::Other(other),
        }
    }
}

//! Why a message got no reply. Each has a short fixed name for counters and a sentence for people.

use std::net::Ipv4Addr;

use weft_topology::MacAddr;

use crate::message::MessageType;

/// What is wrong with the structure of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// Shorter than the fixed fields.
    #[error("the message has {len} bytes, fewer than the 236 of its fixed fields")]
    Short {
        /// How many.
        len: usize,
    },
    /// Neither request nor reply.
    #[error("operation {op} is neither a request (1) nor a reply (2)")]
    Op {
        /// `op`.
        op: u8,
    },
    /// A hardware address longer than its field.
    #[error("hardware address of {hlen} bytes in a field of 16")]
    HardwareLength {
        /// `hlen`.
        hlen: u8,
    },
    /// An option that goes on after the end of the message, or of a field that holds options.
    #[error("option {code} goes beyond its end")]
    OptionOverrun {
        /// Which.
        code: u8,
    },
    /// An option whose value has a wrong length.
    #[error("option {code} has {len} bytes")]
    OptionLength {
        /// Which.
        code: u8,
        /// How many.
        len: usize,
    },
    /// Option 52 with an unknown value.
    #[error("option 52 has the value {value}, not 1 to 3")]
    Overload {
        /// Which.
        value: u8,
    },
}

/// Why the server says nothing. The message was for this server, or for nobody: it goes no further.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Silence {
    /// The message cannot be read.
    #[error("malformed: {0}")]
    Malformed(#[from] Malformed),
    /// The bridge is administratively down.
    #[error("the bridge is down")]
    BridgeDown,
    /// A reply, sent to the port of servers.
    #[error("a reply instead of a request")]
    BootReply,
    /// A BOOTP request: it has no message type. Its client would keep the address for ever, without
    /// renewal, so it gets none (RFC 1534 §2 leaves that to the server).
    #[error("BOOTP without DHCP")]
    Bootp,
    /// A message type that clients do not send, or that this server does not know.
    #[error("unexpected message type {0:?}")]
    UnexpectedType(MessageType),
    /// The client chose another server (RFC 2131 §3.1 number 4), or speaks to another.
    #[error("meant for the server {server}")]
    OtherServer {
        /// Option 54.
        server: Ipv4Addr,
    },
    /// A request that names no address.
    #[error("a request that names no address")]
    NoAddress,
    /// An INFORM from nowhere: neither `ciaddr` nor the packet's source can be answered.
    #[error("INFORM without an address to answer to")]
    InformWithoutAddress,
    /// The client found its address in use by somebody else. The assignment stays, as it is the
    /// operator's; the caller shows it to him.
    #[error("the client declined {}: {text}", .address.map_or("no address".into(), |a| a.to_string()))]
    Declined {
        /// The address.
        address: Option<Ipv4Addr>,
        /// What the client says about it (option 56): printable ASCII, at most 128 characters.
        text: String,
    },
    /// The client gave its address back. It stays assigned.
    #[error("the client released {address}")]
    Released {
        /// `ciaddr`.
        address: Ipv4Addr,
    },
}

/// Why a message is not this server's: its frame goes on as ordinary traffic, so that a tenant's own
/// server gets it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotOurs {
    /// The subnet has DHCP disabled.
    #[error("DHCP is disabled on the subnet")]
    Disabled,
    /// Not an Ethernet address of 6 bytes.
    #[error("hardware type {htype} with an address of {hlen} bytes")]
    NotEthernet {
        /// `htype`.
        htype: u8,
        /// `hlen`.
        hlen: u8,
    },
    /// Passed on by a relay agent.
    #[error("relayed by {giaddr}")]
    Relayed {
        /// `giaddr`.
        giaddr: Ipv4Addr,
    },
    /// The message speaks for another host than the one that sent its frame.
    #[error("client {chaddr} in a frame from {source_mac}")]
    ChaddrMismatch {
        /// `chaddr`.
        chaddr: MacAddr,
        /// The frame's source.
        source_mac: MacAddr,
    },
    /// The client is not the host whose assignment the caller found.
    #[error("client {chaddr} is not the host {host}")]
    UnknownClient {
        /// `chaddr`.
        chaddr: MacAddr,
        /// The host's MAC.
        host: MacAddr,
    },
    /// Sent to an address that is neither the server's nor broadcast.
    #[error("sent to {destination}")]
    OtherDestination {
        /// The packet's destination.
        destination: Ipv4Addr,
    },
}

impl Silence {
    /// A fixed name, for counters.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::BridgeDown => "bridge_down",
            Self::BootReply => "boot_reply",
            Self::Bootp => "bootp",
            Self::UnexpectedType(_) => "unexpected_type",
            Self::OtherServer { .. } => "other_server",
            Self::NoAddress => "no_address",
            Self::InformWithoutAddress => "inform_without_address",
            Self::Declined { .. } => "declined",
            Self::Released { .. } => "released",
        }
    }
}

impl NotOurs {
    /// A fixed name, for counters.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::NotEthernet { .. } => "not_ethernet",
            Self::Relayed { .. } => "relayed",
            Self::ChaddrMismatch { .. } => "chaddr_mismatch",
            Self::UnknownClient { .. } => "unknown_client",
            Self::OtherDestination { .. } => "other_destination",
        }
    }
}

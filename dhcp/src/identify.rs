//! What a simulation needs before it can look up whose message a frame carries.

use std::net::Ipv4Addr;

use weft_topology::MacAddr;

use crate::message::{Message, MessageType, Op};
use crate::reason::Malformed;

/// UDP port that servers listen on.
pub const SERVER_PORT: u16 = 67;
/// UDP port that clients listen on.
pub const CLIENT_PORT: u16 = 68;
/// IP protocol number of UDP.
pub const UDP: u8 = 17;

/// Who sends a message, and of which kind it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Request or reply.
    pub op: Op,
    /// The client's MAC; none when its hardware is not Ethernet.
    pub chaddr: Option<MacAddr>,
    /// The relay agent, or 0.0.0.0.
    pub giaddr: Ipv4Addr,
    /// None in plain BOOTP.
    pub message_type: Option<MessageType>,
}

/// Whether the header fields of an IPv4 packet are those of a DHCP client's message. Fields that the
/// packet does not have (a fragment, another protocol) are none of these values.
pub fn is_client_message(protocol: u8, source_port: u16, destination_port: u16) -> bool {
    (protocol, source_port, destination_port) == (UDP, CLIENT_PORT, SERVER_PORT)
}

/// Reads who sends a message, from the payload of its UDP packet. Allocates only for split options.
///
/// # Errors
/// The structure is not that of a BOOTP message.
pub fn identify(payload: &[u8]) -> Result<Identity, Malformed> {
    let message = Message::parse(payload)?;
    Ok(Identity {
        op: message.op,
        chaddr: message.mac(),
        giaddr: message.giaddr,
        message_type: message.message_type,
    })
}

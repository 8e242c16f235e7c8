//! Builds replies: fixed fields (RFC 2131 table 3), destination (§4.1), contents.

use std::net::Ipv4Addr;

use weft_topology::MacAddr;

use crate::answer::{ClientState, Request, is_unicast};
use crate::message::{COOKIE, HEADER, HTYPE_ETHERNET, Message, MessageType};
use crate::options::pack::{self, pack};
use crate::options::plan::{Plan, plan};
use crate::options::{OptionError, code};

/// The least IP datagram that every client takes (RFC 2131 §2), headers included.
const MIN_DATAGRAM: u16 = 576;
/// The greatest IP datagram where no MTU is known.
const DEFAULT_MTU: u16 = 1500;
/// Headers of IPv4 and UDP.
const IP_UDP: u16 = 28;
/// The least message that a BOOTP relay or client takes (RFC 1542 §2.1).
const MIN_MESSAGE: usize = 300;
const BOOTREPLY: u8 = 2;
const ETHERNET_ADDRESS: u8 = 6;
/// What a NAK says to people.
const NAK_TEXT: &[u8] = b"not the address of this host";

/// A reply, with where it goes: from [`crate::SERVER_PORT`] to [`crate::CLIENT_PORT`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// What it says.
    pub kind: ReplyKind,
    /// The message.
    pub payload: Vec<u8>,
    /// IP source: the server's address.
    pub source: Ipv4Addr,
    /// IP destination.
    pub destination: Ipv4Addr,
    /// Ethernet destination.
    pub destination_mac: MacAddr,
    /// Codes of options that found no room.
    pub left_out: Vec<u8>,
    /// Configured options that were left out as they are not valid.
    pub invalid: Vec<OptionError>,
}

/// What a reply says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplyKind {
    /// To a DISCOVER.
    Offer,
    /// To a REQUEST for the assigned address.
    Ack(ClientState),
    /// To an INFORM.
    AckInform,
    /// To a REQUEST for another address.
    Nak {
        /// Who asks.
        state: ClientState,
        /// For which.
        asked: Ipv4Addr,
    },
}

/// The fixed fields that differ from reply to reply.
struct Fields {
    ciaddr: Ipv4Addr,
    yiaddr: Ipv4Addr,
    siaddr: Ipv4Addr,
    destination: Ipv4Addr,
}

pub(crate) fn offer(request: &Request<'_>, message: &Message<'_>) -> Reply {
    let plan = plan(&request.lease, message, true);
    let fields = Fields {
        ciaddr: Ipv4Addr::UNSPECIFIED,
        yiaddr: request.lease.host.addr,
        siaddr: plan.next_server,
        destination: destination(request, message),
    };
    build(request, message, ReplyKind::Offer, fields, plan)
}

pub(crate) fn ack(request: &Request<'_>, message: &Message<'_>, state: ClientState) -> Reply {
    let plan = plan(&request.lease, message, true);
    let fields = Fields {
        ciaddr: message.ciaddr,
        yiaddr: request.lease.host.addr,
        siaddr: plan.next_server,
        destination: destination(request, message),
    };
    build(request, message, ReplyKind::Ack(state), fields, plan)
}

pub(crate) fn ack_inform(request: &Request<'_>, message: &Message<'_>, address: Ipv4Addr) -> Reply {
    let plan = plan(&request.lease, message, false);
    let fields = Fields {
        ciaddr: message.ciaddr,
        yiaddr: Ipv4Addr::UNSPECIFIED,
        siaddr: plan.next_server,
        destination: address,
    };
    build(request, message, ReplyKind::AckInform, fields, plan)
}

pub(crate) fn nak(
    request: &Request<'_>,
    message: &Message<'_>,
    state: ClientState,
    asked: Ipv4Addr,
) -> Reply {
    let plan = Plan {
        options: vec![(code::MESSAGE, NAK_TEXT.into())],
        next_server: Ipv4Addr::UNSPECIFIED,
        invalid: Vec::new(),
    };
    let fields = Fields {
        ciaddr: Ipv4Addr::UNSPECIFIED,
        yiaddr: Ipv4Addr::UNSPECIFIED,
        siaddr: plan.next_server,
        // Always to all: the client may not be able to take packets to the address it has.
        destination: Ipv4Addr::BROADCAST,
    };
    let kind = ReplyKind::Nak { state, asked };
    build(request, message, kind, fields, plan)
}

/// Where an offer or an ACK goes. No relay agent is involved.
fn destination(request: &Request<'_>, message: &Message<'_>) -> Ipv4Addr {
    if is_unicast(message.ciaddr) {
        message.ciaddr
    } else if message.broadcast() {
        Ipv4Addr::BROADCAST
    } else {
        request.lease.host.addr
    }
}

fn build(
    request: &Request<'_>,
    message: &Message<'_>,
    kind: ReplyKind,
    fields: Fields,
    plan: Plan,
) -> Reply {
    let server = request.lease.server;
    let mut options = vec![
        (code::MESSAGE_TYPE, vec![kind.message_type().into()]),
        (code::SERVER_ID, server.octets().into()),
    ];
    if let Some(id) = message.option(code::CLIENT_ID) {
        options.push((code::CLIENT_ID, id.into_owned()));
    }
    options.extend(plan.options);
    let packed = pack(&options, room(request, message));

    let text = |code| {
        let (_, value) = options.iter().find(|(found, _)| *found == code)?;
        Some(value.as_slice())
    };
    // Old boot firmware reads only the fixed fields: they say the same as the options, as far as
    // that fits and options do not need the room.
    let sname = packed
        .sname
        .or_else(|| terminated(text(code::TFTP_SERVER)?, pack::SNAME));
    let file = packed
        .file
        .or_else(|| terminated(text(code::BOOTFILE)?, pack::FILE));

    let mut payload = Vec::with_capacity(HEADER + COOKIE.len() + packed.options.len());
    payload.extend([BOOTREPLY, HTYPE_ETHERNET, ETHERNET_ADDRESS, 0]);
    payload.extend(message.xid);
    payload.extend([0, 0]);
    payload.extend(message.flags);
    for address in [fields.ciaddr, fields.yiaddr, fields.siaddr, message.giaddr] {
        payload.extend(address.octets());
    }
    payload.extend(message.chaddr);
    payload.extend(padded(sname, pack::SNAME));
    payload.extend(padded(file, pack::FILE));
    payload.extend(COOKIE);
    payload.extend(packed.options);
    payload.resize(payload.len().max(MIN_MESSAGE), code::PAD);

    let everybody = fields.destination == Ipv4Addr::BROADCAST;
    Reply {
        kind,
        payload,
        source: server,
        destination: fields.destination,
        destination_mac: if everybody {
            MacAddr::broadcast()
        } else {
            request.source_mac
        },
        left_out: packed.left_out,
        invalid: plan.invalid,
    }
}

/// How many bytes of options a reply may have: what the client takes (option 57 counts the IP
/// datagram), within the network's MTU.
fn room(request: &Request<'_>, message: &Message<'_>) -> usize {
    let datagram = message
        .max_message_size()
        .unwrap_or(MIN_DATAGRAM)
        .min(request.lease.mtu().unwrap_or(DEFAULT_MTU))
        .max(MIN_DATAGRAM);
    usize::from(datagram - IP_UDP) - HEADER - COOKIE.len()
}

/// A text for a fixed field, if it fits with the zero at its end and has no other.
fn terminated(text: &[u8], length: usize) -> Option<Vec<u8>> {
    (text.len() < length && !text.contains(&0)).then(|| text.to_vec())
}

fn padded(content: Option<Vec<u8>>, length: usize) -> Vec<u8> {
    let mut field = content.unwrap_or_default();
    field.resize(length, 0);
    field
}

impl ReplyKind {
    /// The DHCP message type.
    pub fn message_type(self) -> MessageType {
        match self {
            Self::Offer => MessageType::Offer,
            Self::Ack(_) | Self::AckInform => MessageType::Ack,
            Self::Nak { .. } => MessageType::Nak,
        }
    }
}

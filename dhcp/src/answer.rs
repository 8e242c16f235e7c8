//! What a server says to a message: the state table of RFC 2131 §4.3.
//!
//! The server keeps no leases. An address belongs to its host as long as the operator says so, so each
//! message is answered from the assignment alone, and a lost, repeated or late one does no harm.
//!
//! ```text
//!  DISCOVER                                             OFFER
//!  REQUEST   server id   requested   ciaddr   sent to
//!   selecting   ours        yes         -        all      ACK | NAK    other's id: silence
//!   init-reboot  -          yes         -        all      ACK | NAK
//!   renewing     -           -         yes      server    ACK | NAK
//!   rebinding    -           -         yes       all      ACK | NAK
//!  INFORM                              yes                ACK without address and lease
//!  DECLINE, RELEASE                                       silence, told to the caller
//! ```
//! NAK when an address is named that is not the assigned one.

use std::net::Ipv4Addr;

use weft_topology::MacAddr;

use crate::lease::Lease;
use crate::message::{Message, MessageType, Op};
use crate::options::code;
use crate::reason::{NotOurs, Silence};
use crate::reply::{self, Reply};

/// How much of a client's own words is passed on, in characters.
const MAX_TEXT: usize = 128;

/// A message with where it came from.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Payload of the UDP packet.
    pub payload: &'a [u8],
    /// Ethernet source of the frame.
    pub source_mac: MacAddr,
    /// Source of the IP packet.
    pub source: Ipv4Addr,
    /// Destination of the IP packet.
    pub destination: Ipv4Addr,
    /// The assignment of the host with that MAC.
    pub lease: Lease<'a>,
}

/// What to do with a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Send this back; the message goes no further.
    Reply(Box<Reply>),
    /// The message ends here.
    Silent(Silence),
    /// The message's frame goes on as ordinary traffic.
    NotOurs(NotOurs),
}

/// Where a client that sends a REQUEST is in its life (RFC 2131 §4.3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientState {
    /// It took an offer.
    Selecting,
    /// It was restarted and remembers an address.
    InitReboot,
    /// It has used half of its lease and asks its server.
    Renewing,
    /// Its server did not answer; it asks all.
    Rebinding,
}

/// Answers a message.
pub fn answer(request: &Request<'_>) -> Answer {
    decide(request).unwrap_or_else(|refusal| match refusal {
        Refusal::Silent(why) => Answer::Silent(why),
        Refusal::NotOurs(why) => Answer::NotOurs(why),
    })
}

/// Why there is no reply: both kinds, so that `?` serves for both.
enum Refusal {
    Silent(Silence),
    NotOurs(NotOurs),
}

fn decide(request: &Request<'_>) -> Result<Answer, Refusal> {
    let message = Message::parse(request.payload).map_err(Silence::from)?;
    check_is_ours(request, &message)?;
    if !request.lease.bridge.admin_state_up {
        return Err(Silence::BridgeDown.into());
    }
    if message.op == Op::Reply {
        return Err(Silence::BootReply.into());
    }
    let reply = match message.message_type.ok_or(Silence::Bootp)? {
        MessageType::Discover => reply::offer(request, &message),
        MessageType::Request => answer_request(request, &message)?,
        MessageType::Inform => {
            let address = informing_address(request, &message)?;
            reply::ack_inform(request, &message, address)
        }
        MessageType::Decline => return Err(declined(request, &message).into()),
        MessageType::Release => return Err(released(request, &message).into()),
        other => return Err(Silence::UnexpectedType(other).into()),
    };
    Ok(Answer::Reply(Box::new(reply)))
}

/// Whether the message is for this server to answer, or to be silent about.
fn check_is_ours(request: &Request<'_>, message: &Message<'_>) -> Result<(), NotOurs> {
    let (source_mac, lease) = (request.source_mac, &request.lease);
    let chaddr = message.mac().ok_or(NotOurs::NotEthernet {
        htype: message.htype,
        hlen: message.hlen,
    })?;
    if !message.giaddr.is_unspecified() {
        let giaddr = message.giaddr;
        return Err(NotOurs::Relayed { giaddr });
    }
    if chaddr != source_mac {
        return Err(NotOurs::ChaddrMismatch { chaddr, source_mac });
    }
    if chaddr != lease.host.mac {
        let host = lease.host.mac;
        return Err(NotOurs::UnknownClient { chaddr, host });
    }
    if !lease.subnet.enabled {
        return Err(NotOurs::Disabled);
    }
    if !lease.hears(request.destination) {
        let destination = request.destination;
        return Err(NotOurs::OtherDestination { destination });
    }
    Ok(())
}

fn answer_request(request: &Request<'_>, message: &Message<'_>) -> Result<Reply, Silence> {
    check_server(request, message)?;
    let requested = message.address(code::REQUESTED_ADDRESS);
    let current = Some(message.ciaddr).filter(|ciaddr| !ciaddr.is_unspecified());
    let state = match (message.address(code::SERVER_ID), requested, current) {
        (_, None, None) => return Err(Silence::NoAddress),
        (Some(_), _, _) => ClientState::Selecting,
        (None, _, None) => ClientState::InitReboot,
        (None, _, Some(_)) if request.destination == request.lease.server => ClientState::Renewing,
        (None, _, Some(_)) => ClientState::Rebinding,
    };
    // Clients name their address in one place or the other; those that do in both must agree in both.
    let assigned = request.lease.host.addr;
    let wrong = [requested, current]
        .into_iter()
        .flatten()
        .find(|&address| address != assigned);
    Ok(match wrong {
        None => reply::ack(request, message, state),
        Some(asked) => reply::nak(request, message, state, asked),
    })
}

/// Whether a message that names a server names this one.
fn check_server(request: &Request<'_>, message: &Message<'_>) -> Result<(), Silence> {
    match message.address(code::SERVER_ID) {
        Some(server) if server != request.lease.server => Err(Silence::OtherServer { server }),
        _ => Ok(()),
    }
}

/// Where an INFORM's client is: it need not be the assigned address. Some clients leave `ciaddr`
/// empty, though they must not.
fn informing_address(request: &Request<'_>, message: &Message<'_>) -> Result<Ipv4Addr, Silence> {
    [message.ciaddr, request.source]
        .into_iter()
        .find(|&address| is_unicast(address))
        .ok_or(Silence::InformWithoutAddress)
}

/// Whether an address can be one host's.
pub(crate) fn is_unicast(address: Ipv4Addr) -> bool {
    !(address.is_unspecified()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_loopback())
}

fn declined(request: &Request<'_>, message: &Message<'_>) -> Silence {
    if let Err(other) = check_server(request, message) {
        return other;
    }
    let text = message.option(code::MESSAGE).unwrap_or_default();
    Silence::Declined {
        address: message.address(code::REQUESTED_ADDRESS),
        text: String::from_utf8_lossy(&text)
            .chars()
            .map(|c| if matches!(c, ' '..='~') { c } else { '?' })
            .take(MAX_TEXT)
            .collect(),
    }
}

fn released(request: &Request<'_>, message: &Message<'_>) -> Silence {
    match check_server(request, message) {
        Err(other) => other,
        Ok(()) => Silence::Released {
            address: message.ciaddr,
        },
    }
}

impl From<Silence> for Refusal {
    fn from(why: Silence) -> Self {
        Self::Silent(why)
    }
}

impl From<NotOurs> for Refusal {
    fn from(why: NotOurs) -> Self {
        Self::NotOurs(why)
    }
}

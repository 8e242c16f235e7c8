//! A DHCP client that is in a hurry: DISCOVER as soon as the machine is there, and again until it is heard.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use dhcproto::v4::{DhcpOption, Flags, Message, MessageType, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable};

use crate::peer::Peer;

/// Where the DHCP message begins: Ethernet, IPv4, UDP.
const PAYLOAD: usize = 14 + 20 + 8;
/// Asks again after so long.
const AGAIN: Duration = Duration::from_millis(100);
/// Gives up after so long.
const LIMIT: Duration = Duration::from_secs(20);

/// A DISCOVER, as a frame.
pub fn discover(peer: &Peer) -> Result<Vec<u8>> {
    request(peer, |discover| {
        discover
            .opts_mut()
            .insert(DhcpOption::MessageType(MessageType::Discover));
    })
}

/// Asks for an address until it is acknowledged.
pub fn lease(peer: &mut Peer) -> Result<Ipv4Addr> {
    let offer = ask(peer, MessageType::Offer, |discover| {
        discover
            .opts_mut()
            .insert(DhcpOption::MessageType(MessageType::Discover));
    })?;
    let server = match offer.opts().get(OptionCode::ServerIdentifier) {
        Some(DhcpOption::ServerIdentifier(server)) => *server,
        _ => bail!("an offer without its server"),
    };
    let ack = ask(peer, MessageType::Ack, |request| {
        let options = request.opts_mut();
        options.insert(DhcpOption::MessageType(MessageType::Request));
        options.insert(DhcpOption::RequestedIpAddress(offer.yiaddr()));
        options.insert(DhcpOption::ServerIdentifier(server));
    })?;
    Ok(ack.yiaddr())
}

fn ask(peer: &mut Peer, wanted: MessageType, fill: impl Fn(&mut Message)) -> Result<Message> {
    let frame = request(peer, fill)?;
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        // The tap may not be up yet.
        let _ = peer.send_raw(&frame);
        let answer = peer.receive_where(AGAIN, |frame| {
            answer_in(frame).is_some_and(|message| message.opts().msg_type() == Some(wanted))
        });
        if let Some(message) = answer.as_deref().and_then(answer_in) {
            return Ok(message);
        }
    }
    bail!("no {wanted:?} within {LIMIT:?}")
}

fn request(peer: &Peer, fill: impl Fn(&mut Message)) -> Result<Vec<u8>> {
    let mac = peer.mac.octets();
    let mut message = Message::default();
    message
        .set_xid(0x7e57)
        .set_flags(Flags::default().set_broadcast())
        .set_chaddr(&mac);
    fill(&mut message);
    let message = message.to_vec().context("encode a DHCP message")?;
    Ok(frame(mac, &message))
}

fn answer_in(frame: &[u8]) -> Option<Message> {
    let from_server = frame.get(34..36) == Some(&67_u16.to_be_bytes());
    let payload = frame.get(PAYLOAD..).filter(|_| from_server)?;
    Message::decode(&mut Decoder::new(payload)).ok()
}

/// From 0.0.0.0 to everybody.
fn frame(mac: [u8; 6], payload: &[u8]) -> Vec<u8> {
    let length = |headers: usize| {
        u16::try_from(headers + payload.len())
            .unwrap_or(u16::MAX)
            .to_be_bytes()
    };
    let mut header = vec![0x45, 0];
    header.extend(length(28));
    header.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    header.extend([0; 4]);
    header.extend([255; 4]);
    let sum = crate::frames::checksum(&header).to_be_bytes();
    header[10..12].copy_from_slice(&sum);
    let mut frame = vec![255; 6];
    frame.extend(mac);
    frame.extend([0x08, 0x00]);
    frame.extend(header);
    frame.extend([0, 68, 0, 67]);
    frame.extend(length(8));
    frame.extend([0, 0]); // no checksum
    frame.extend(payload);
    frame
}

//! Packets up and down, in messages.

use weft_flow::Action;
use weft_flow::attr::{Attrs, PutAttr};
use weft_flow::codec::{EncodeError, decode_key, encode_actions};

use super::uapi::packet;
use crate::nl::requests::Failure;
use crate::upcall::{Upcall, UpcallKind};

/// A packet to execute actions on.
#[derive(Clone, Copy)]
pub(super) struct Execute<'a> {
    pub(super) packet: &'a [u8],
    pub(super) key_attrs: &'a [u8],
    pub(super) actions: &'a [Action],
    pub(super) mru: Option<u16>,
    pub(super) hash: Option<u64>,
}

/// Appends what executes actions on a packet.
pub(super) fn encode_execute(execute: &Execute<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.put_bytes(packet::PACKET, execute.packet)?;
    out.put_bytes(packet::KEY, execute.key_attrs)?;
    let nest = out.begin(packet::ACTIONS);
    encode_actions(execute.actions, out)?;
    out.end(nest)?;
    if let Some(mru) = execute.mru {
        out.put_u16(packet::MRU, mru);
    }
    if let Some(hash) = execute.hash {
        out.put_u64(packet::HASH, hash);
    }
    Ok(())
}

/// Reads an upcall.
pub(super) fn decode_upcall(command: u8, attrs: Attrs<'_>) -> Result<Upcall<'_>, Failure> {
    let kind = match command {
        packet::MISS => UpcallKind::Miss,
        packet::ACTION => UpcallKind::Action,
        _ => {
            let reason = format!("command {command} is not an upcall");
            return Err(Failure::Malformed(reason));
        }
    };
    let (mut frame, mut key_attrs, mut userdata): (_, _, &[u8]) = (None, None, &[]);
    let (mut mru, mut hash, mut original_len) = (None, None, None);
    for attr in attrs {
        let attr = attr?;
        match attr.kind {
            packet::PACKET => frame = Some(attr.payload),
            packet::KEY => key_attrs = Some(attr.payload),
            packet::USERDATA => userdata = attr.payload,
            packet::MRU => mru = Some(attr.u16()?),
            packet::LEN => original_len = Some(attr.u32()?),
            packet::HASH => hash = Some(attr.u64()?),
            _ => {}
        }
    }
    let missing = |what: &str| Failure::Malformed(format!("upcall without {what}"));
    let key_attrs = key_attrs.ok_or_else(|| missing("key"))?;
    Ok(Upcall {
        kind,
        key: decode_key(key_attrs).map_err(|error| Failure::Malformed(error.to_string()))?,
        key_attrs,
        packet: frame.ok_or_else(|| missing("packet"))?,
        userdata,
        mru,
        hash,
        original_len,
    })
}

//! Flow keys: the payload of `OVS_FLOW_ATTR_KEY` and `OVS_PACKET_ATTR_KEY`.
//!
//! A VLAN tag takes three attributes: ETHERTYPE holds the tag's protocol, VLAN its control information, and
//! ENCAP nests all that follows the tag. Where there is no ENCAP, ETHERTYPE is the packet's own.

use crate::attr::{Attrs, PutAttr};
use crate::field::Field;
use crate::header::Header;
use crate::key::{FlowKey, Nesting, UnknownAttr};
use crate::present::Headers;

use super::{DecodeError, EncodeError, Seen, kind, slots, tunnel};

/// A VLAN tag's place: how deep it stands, and its fields.
pub(crate) struct Tag {
    pub(crate) outside: Nesting,
    pub(crate) inside: Nesting,
    pub(crate) tpid: Field,
    pub(crate) tci: Field,
}

/// The tags that a key can have, outermost first.
pub(crate) const TAGS: [Tag; 2] = [
    Tag {
        outside: Nesting::Top,
        inside: Nesting::Encap,
        tpid: Field::VlanTpid,
        tci: Field::VlanTci,
    },
    Tag {
        outside: Nesting::Encap,
        inside: Nesting::InnerEncap,
        tpid: Field::InnerVlanTpid,
        tci: Field::InnerVlanTci,
    },
];

/// Reads a key: of an upcall, or of a flow in a dump.
pub fn decode_key(bytes: &[u8]) -> Result<FlowKey, DecodeError> {
    let mut key = FlowKey::new();
    let mut headers = Headers::default();
    let mut seen = Seen::default();
    let mut rest = bytes;
    for tag in &TAGS {
        let level = read_level(rest, tag.outside, &mut seen, &mut headers, &mut key)?;
        let Some(encap) = level.encap else {
            finish(&level, &headers, &mut key)?;
            return Ok(key);
        };
        let part = |part: Option<u16>, missing| part.ok_or(DecodeError::PartOfTag { missing });
        key.set(tag.tpid, part(level.ethertype, kind::ETHERTYPE)?.into());
        key.set(tag.tci, part(level.vlan, kind::VLAN)?.into());
        rest = encap;
    }
    let level = read_level(rest, Nesting::InnerEncap, &mut seen, &mut headers, &mut key)?;
    if level.encap.is_some() {
        return Err(DecodeError::TooManyTags);
    }
    finish(&level, &headers, &mut key)?;
    Ok(key)
}

/// The datapath port of a key that need not be understood otherwise.
pub fn in_port(bytes: &[u8]) -> Option<u32> {
    Attrs::new(bytes)
        .map_while(Result::ok)
        .find(|attr| attr.kind == Header::InPort.layout().kind)?
        .u32()
        .ok()
}

/// The attributes of one nesting level whose meaning depends on each other.
struct Level<'a> {
    ethertype: Option<u16>,
    vlan: Option<u16>,
    encap: Option<&'a [u8]>,
}

fn read_level<'a>(
    bytes: &'a [u8],
    nesting: Nesting,
    seen: &mut Seen,
    headers: &mut Headers,
    key: &mut FlowKey,
) -> Result<Level<'a>, DecodeError> {
    let mut level = Level {
        ethertype: None,
        vlan: None,
        encap: None,
    };
    for attr in Attrs::new(bytes) {
        let attr = attr?;
        if let Some(header) = Header::from_kind(attr.kind) {
            seen.note(attr.kind)?;
            headers.insert(header);
            slots::read(header.layout(), attr.payload, |field, value| {
                key.set(field, value);
            })?;
            continue;
        }
        let twice = match attr.kind {
            kind::ETHERTYPE => level.ethertype.replace(attr.be16()?).is_some(),
            kind::VLAN => level.vlan.replace(attr.be16()?).is_some(),
            kind::ENCAP => level.encap.replace(attr.payload).is_some(),
            kind::TUNNEL => {
                seen.note(attr.kind)?;
                tunnel::read(attr.payload, key)?;
                false
            }
            _ => {
                seen.note(attr.kind)?;
                key.unknown.push((nesting, UnknownAttr::from(attr)));
                false
            }
        };
        if twice {
            return Err(DecodeError::Duplicate { kind: attr.kind });
        }
    }
    Ok(level)
}

/// Takes the innermost ethertype and checks what belongs together.
fn finish(level: &Level<'_>, headers: &Headers, key: &mut FlowKey) -> Result<(), DecodeError> {
    if level.vlan.is_some() {
        return Err(DecodeError::PartOfTag {
            missing: kind::ENCAP,
        });
    }
    if let Some(ethertype) = level.ethertype {
        key.set(Field::EthType, ethertype.into());
    }
    // The order of attributes means nothing: what is nested alike stands together.
    key.unknown.sort_by_key(|&(nesting, _)| nesting);
    Ok(headers.check(key)?)
}

/// Appends a key's attributes, in the kernel's order.
pub fn encode_key(key: &FlowKey, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let headers = Headers::of(key);
    if let Some(field) = headers.orphan(key) {
        return Err(EncodeError::Orphan { field });
    }
    let shape = Shape {
        headers,
        tags: tag_count(key),
        ethertype: key.has(Field::EthType),
        unknown: &key.unknown,
    };
    let tunnel = key
        .has_tunnel()
        .then_some(|out: &mut Vec<u8>| tunnel::write(key, out));
    shape.write(|field| key.get_or_zero(field), tunnel, out)
}

/// How many VLAN tags the key has.
pub(super) fn tag_count(key: &FlowKey) -> usize {
    TAGS.iter().take_while(|tag| key.has(tag.tci)).count()
}

/// Which attributes are written, for a key or for its mask.
pub(super) struct Shape<'a> {
    pub(super) headers: Headers,
    pub(super) tags: usize,
    pub(super) ethertype: bool,
    pub(super) unknown: &'a [(Nesting, UnknownAttr)],
}

impl Shape<'_> {
    pub(super) fn write(
        &self,
        get: impl Fn(Field) -> u128,
        tunnel: Option<impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let put_headers = |out: &mut Vec<u8>, wanted: fn(Header) -> bool| {
            for header in self.headers.iter().filter(|&header| wanted(header)) {
                slots::put(header.layout(), &get, out);
            }
        };
        put_headers(out, |header| header < Header::InPort);
        if let Some(tunnel) = tunnel {
            tunnel(out)?;
        }
        put_headers(out, |header| {
            (Header::InPort..=Header::Ethernet).contains(&header)
        });
        self.put_unknown(Nesting::Top, out)?;
        let mut open = [None, None];
        for (tag, open) in TAGS.iter().take(self.tags).zip(&mut open) {
            put_be16(kind::ETHERTYPE, get(tag.tpid), out);
            put_be16(kind::VLAN, get(tag.tci), out);
            *open = Some(out.begin(kind::ENCAP));
            self.put_unknown(tag.inside, out)?;
        }
        if self.ethertype {
            put_be16(kind::ETHERTYPE, get(Field::EthType), out);
        }
        put_headers(out, |header| header > Header::Ethernet);
        for nest in open.into_iter().rev().flatten() {
            out.end(nest)?;
        }
        Ok(())
    }

    fn put_unknown(&self, nesting: Nesting, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        for (_, attr) in self.unknown.iter().filter(|&&(at, _)| at == nesting) {
            out.put_bytes(attr.kind, &attr.payload)?;
        }
        Ok(())
    }
}

fn put_be16(kind: u16, value: u128, out: &mut Vec<u8>) {
    let [.., high, low] = value.to_be_bytes();
    out.put_array(kind, &[high, low]);
}

//! The nested attributes of a tunnel header (`enum ovs_tunnel_key_attr`).

use crate::attr::{Attr, Attrs, PutAttr};
use crate::field::Field;
use crate::key::{FlowKey, Nesting, TUNNEL_FIELDS, UnknownAttr};

use super::{DecodeError, EncodeError, Seen, kind};

const ID: u16 = 0;
const IPV4_SRC: u16 = 1;
const IPV4_DST: u16 = 2;
const TOS: u16 = 3;
const TTL: u16 = 4;
const DONT_FRAGMENT: u16 = 5;
const CSUM: u16 = 6;
const OAM: u16 = 7;
const GENEVE_OPTS: u16 = 8;
const TP_SRC: u16 = 9;
const TP_DST: u16 = 10;
const IPV6_SRC: u16 = 12;
const IPV6_DST: u16 = 13;
const PAD: u16 = 14;

/// The bit of [`Field::TunFlags`] for an attribute that is a flag.
const fn flag_bit(kind: u16) -> Option<u128> {
    match kind {
        DONT_FRAGMENT => Some(1),
        CSUM => Some(2),
        OAM => Some(4),
        _ => None,
    }
}

/// What the attributes of a tunnel header hold.
pub(super) trait TunnelSink {
    fn field(&mut self, field: Field, value: u128);
    fn options(&mut self, options: &[u8]) -> Result<(), DecodeError>;
    fn unknown(&mut self, attr: UnknownAttr);
}

impl TunnelSink for FlowKey {
    fn field(&mut self, field: Field, value: u128) {
        self.set(field, value);
    }
    fn options(&mut self, options: &[u8]) -> Result<(), DecodeError> {
        self.tunnel_options = options.to_vec();
        Ok(())
    }
    fn unknown(&mut self, attr: UnknownAttr) {
        self.unknown.push((Nesting::Tunnel, attr));
    }
}

/// Reads a tunnel header: the payload of `OVS_KEY_ATTR_TUNNEL` or `OVS_PACKET_ATTR_EGRESS_TUN_KEY`.
///
/// [`Field::TunFlags`] is always present in it, [`Field::TunId`] if the header has a key. The kernel leaves
/// out addresses, TOS and ports that are 0.
pub fn decode_tunnel(bytes: &[u8]) -> Result<FlowKey, DecodeError> {
    let mut key = FlowKey::new();
    read(bytes, &mut key)?;
    Ok(key)
}

pub(super) fn read(bytes: &[u8], sink: &mut impl TunnelSink) -> Result<(), DecodeError> {
    let mut seen = Seen::default();
    let mut flags = 0;
    for attr in Attrs::new(bytes) {
        let attr = attr?;
        if attr.kind == PAD {
            continue;
        }
        seen.note(attr.kind)?;
        if let Some(bit) = flag_bit(attr.kind) {
            attr.flag()?;
            flags |= bit;
        } else if let Some((field, value)) = number(&attr)? {
            sink.field(field, value);
        } else if attr.kind == GENEVE_OPTS {
            sink.options(attr.payload)?;
        } else {
            sink.unknown(UnknownAttr::from(attr));
        }
    }
    sink.field(Field::TunFlags, flags);
    Ok(())
}

fn number(attr: &Attr<'_>) -> Result<Option<(Field, u128)>, DecodeError> {
    Ok(Some(match attr.kind {
        ID => (Field::TunId, attr.be64()?.into()),
        IPV4_SRC => (Field::TunV4Src, attr.be32()?.into()),
        IPV4_DST => (Field::TunV4Dst, attr.be32()?.into()),
        IPV6_SRC => (Field::TunV6Src, u128::from_be_bytes(*attr.array()?)),
        IPV6_DST => (Field::TunV6Dst, u128::from_be_bytes(*attr.array()?)),
        TOS => (Field::TunTos, attr.u8()?.into()),
        TTL => (Field::TunTtl, attr.u8()?.into()),
        TP_SRC => (Field::TunTpSrc, attr.be16()?.into()),
        TP_DST => (Field::TunTpDst, attr.be16()?.into()),
        _ => return Ok(None),
    }))
}

/// Appends a tunnel header as `OVS_KEY_ATTR_TUNNEL`. A field of another header is an error.
pub fn encode_tunnel(key: &FlowKey, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if let Some((field, _)) = key
        .fields()
        .find(|(field, _)| field.bit() & TUNNEL_FIELDS == 0)
    {
        return Err(EncodeError::NotTunnel { field });
    }
    write(key, out)
}

/// Appends the key's tunnel header, whatever else the key has.
pub(super) fn write(key: &FlowKey, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let fields = TunnelFields {
        get: |field| key.get(field),
        options: &key.tunnel_options,
    };
    let unknown = key
        .unknown
        .iter()
        .filter(|(nesting, _)| *nesting == Nesting::Tunnel);
    fields.write(unknown.map(|(_, attr)| attr), out)
}

/// The parts of a tunnel header, of a key or of a mask.
pub(super) struct TunnelFields<'a, F> {
    /// The field's value, if it is to be written.
    pub(super) get: F,
    /// Geneve options; none if empty.
    pub(super) options: &'a [u8],
}

impl<F: Fn(Field) -> Option<u128>> TunnelFields<'_, F> {
    /// Appends `OVS_KEY_ATTR_TUNNEL`, its attributes in the kernel's order.
    pub(super) fn write<'u>(
        &self,
        unknown: impl Iterator<Item = &'u UnknownAttr>,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let nest = out.begin(kind::TUNNEL);
        if let Some(id) = (self.get)(Field::TunId) {
            out.put_array::<8>(ID, &low_bytes(id));
        }
        for (kind, field) in [(IPV4_SRC, Field::TunV4Src), (IPV4_DST, Field::TunV4Dst)] {
            if let Some(address) = (self.get)(field) {
                out.put_array::<4>(kind, &low_bytes(address));
            }
        }
        for (kind, field) in [(IPV6_SRC, Field::TunV6Src), (IPV6_DST, Field::TunV6Dst)] {
            if let Some(address) = (self.get)(field) {
                out.put_array::<16>(kind, &low_bytes(address));
            }
        }
        for (kind, field) in [(TOS, Field::TunTos), (TTL, Field::TunTtl)] {
            if let Some(value) = (self.get)(field) {
                out.put_array::<1>(kind, &low_bytes(value));
            }
        }
        let flags = (self.get)(Field::TunFlags).unwrap_or(0);
        for kind in [DONT_FRAGMENT, CSUM] {
            if flag_bit(kind).is_some_and(|bit| flags & bit != 0) {
                out.put_flag(kind);
            }
        }
        for (kind, field) in [(TP_SRC, Field::TunTpSrc), (TP_DST, Field::TunTpDst)] {
            if let Some(port) = (self.get)(field) {
                out.put_array::<2>(kind, &low_bytes(port));
            }
        }
        if flag_bit(OAM).is_some_and(|bit| flags & bit != 0) {
            out.put_flag(OAM);
        }
        if !self.options.is_empty() {
            out.put_bytes(GENEVE_OPTS, self.options)?;
        }
        for attr in unknown {
            out.put_bytes(attr.kind, &attr.payload)?;
        }
        Ok(out.end(nest)?)
    }
}

/// The least significant bytes of a number, most significant first.
fn low_bytes<const N: usize>(value: u128) -> [u8; N] {
    let mut bytes = [0; N];
    for (to, from) in bytes.iter_mut().rev().zip(value.to_le_bytes()) {
        *to = from;
    }
    bytes
}

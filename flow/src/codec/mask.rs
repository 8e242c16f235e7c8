//! Masks: the payload of `OVS_FLOW_ATTR_MASK`.
//!
//! A mask has the attributes of its key. Beyond them the kernel takes three kinds that the key lacks, and
//! reads them as "must be absent": ETHERTYPE (an LLC frame), TUNNEL, and the original direction's tuple.
//! Whether a frame is tagged it compares always.

use crate::attr::Attrs;
use crate::field::Field;
use crate::header::Header;
use crate::key::{FlowKey, Nesting, TUNNEL_FIELDS, UnknownAttr};
use crate::mask::{FlowMask, TUNNEL_V4, TUNNEL_V6};
use crate::present::{Headers, askable_tuple};

use super::key::{Shape, TAGS, tag_count};
use super::tunnel::{self, TunnelFields, TunnelSink};
use super::{DecodeError, EncodeError, Seen, kind, slots};

/// Reads the mask of a flow whose key is `key`.
///
/// What the kernel compares without being asked ([`FlowMask::add_implied`]) is in the result, too.
pub fn decode_mask(bytes: &[u8], key: &FlowKey) -> Result<FlowMask, DecodeError> {
    let mut reader = Reader {
        key,
        headers: Headers::of(key),
        seen: Seen::default(),
        mask: FlowMask::new(),
    };
    let mut rest = Some(bytes);
    let tags = tag_count(key);
    for tag in TAGS.iter().take(tags) {
        let Some(bytes) = rest else { break };
        let level = reader.read_level(bytes, tag.outside)?;
        reader
            .mask
            .set(tag.tpid, level.ethertype.unwrap_or(0).into());
        reader.mask.set(tag.tci, level.vlan.unwrap_or(0).into());
        rest = level.encap;
    }
    if let Some(bytes) = rest {
        let innermost = TAGS
            .get(tags)
            .map_or(Nesting::InnerEncap, |tag| tag.outside);
        let level = reader.read_level(bytes, innermost)?;
        for (there, kind) in [
            (
                level.encap.is_some_and(|encap| !encap.is_empty()),
                kind::ENCAP,
            ),
            (level.vlan.is_some_and(|bits| bits != 0), kind::VLAN),
        ] {
            if there {
                return Err(DecodeError::MaskWithoutKey { kind });
            }
        }
        reader
            .mask
            .set(Field::EthType, level.ethertype.unwrap_or(0).into());
    }
    let mut mask = reader.mask;
    mask.unknown.sort_by_key(|&(nesting, _)| nesting);
    // The kernel's port numbers have 16 bits; of their mask it shows the upper 16 as set, always.
    if mask.get(Field::InPort) & 0xffff == 0 {
        mask.set(Field::InPort, 0);
    }
    mask.add_implied(key);
    if key.has_tunnel() && !(mask.is_full(&TUNNEL_V4) && mask.is_full(&TUNNEL_V6)) {
        for field in other_family(key) {
            mask.set(field, 0);
        }
    }
    Ok(mask)
}

struct Reader<'a> {
    key: &'a FlowKey,
    headers: Headers,
    seen: Seen,
    mask: FlowMask,
}

struct Level<'a> {
    ethertype: Option<u16>,
    vlan: Option<u16>,
    encap: Option<&'a [u8]>,
}

impl Reader<'_> {
    fn read_level<'b>(
        &mut self,
        bytes: &'b [u8],
        nesting: Nesting,
    ) -> Result<Level<'b>, DecodeError> {
        let mut level = Level {
            ethertype: None,
            vlan: None,
            encap: None,
        };
        for attr in Attrs::new(bytes) {
            let attr = attr?;
            let twice = match attr.kind {
                kind::ETHERTYPE => level.ethertype.replace(attr.be16()?).is_some(),
                kind::VLAN => level.vlan.replace(attr.be16()?).is_some(),
                kind::ENCAP => level.encap.replace(attr.payload).is_some(),
                _ => {
                    self.seen.note(attr.kind)?;
                    false
                }
            };
            if twice {
                return Err(DecodeError::Duplicate { kind: attr.kind });
            }
            if let Some(header) = Header::from_kind(attr.kind) {
                self.read_header(header, attr.payload)?;
            } else if attr.kind == kind::TUNNEL {
                tunnel::read(attr.payload, self)?;
            } else if !matches!(attr.kind, kind::ETHERTYPE | kind::VLAN | kind::ENCAP) {
                self.mask.unknown.push((nesting, UnknownAttr::from(attr)));
            }
        }
        Ok(level)
    }

    fn read_header(&mut self, header: Header, payload: &[u8]) -> Result<(), DecodeError> {
        let known =
            self.headers.contains(header) || matches!(header, Header::CtTuple4 | Header::CtTuple6);
        let mask = &mut self.mask;
        let mut stray = false;
        slots::read(header.layout(), payload, |field, bits| {
            if known {
                mask.add(field, bits);
            } else {
                stray |= bits != 0;
            }
        })?;
        if stray {
            return Err(DecodeError::MaskWithoutKey {
                kind: header.layout().kind,
            });
        }
        Ok(())
    }
}

impl TunnelSink for Reader<'_> {
    fn field(&mut self, field: Field, bits: u128) {
        self.mask.set(field, bits);
    }
    fn options(&mut self, options: &[u8]) -> Result<(), DecodeError> {
        if options.len() != self.key.tunnel_options.len() {
            return Err(DecodeError::OptionsLength {
                mask: options.len(),
                key: self.key.tunnel_options.len(),
            });
        }
        if options.iter().any(|&bits| bits != 0) {
            self.mask.tunnel_options = options.to_vec();
        }
        Ok(())
    }
    fn unknown(&mut self, attr: UnknownAttr) {
        self.mask.unknown.push((Nesting::Tunnel, attr));
    }
}

/// Appends the attributes of a mask for a flow whose key is `key`.
///
/// Bits of a field that the key lacks and whose absence the kernel cannot be asked for are an error: left
/// out, the flow would match more than was meant. [`FlowMask::add_read`] never makes such bits.
pub fn encode_mask(mask: &FlowMask, key: &FlowKey, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let mut headers = Headers::of(key);
    if let Some(tuple) = askable_tuple(key)
        && mask.asks(tuple.layout().fields)
    {
        headers.insert(tuple);
    }
    let carried = headers.fields() | TUNNEL_FIELDS | Field::EthType.bit() | TAG_FIELDS;
    if let Some((field, _)) = mask.fields().find(|(field, _)| field.bit() & carried == 0) {
        return Err(EncodeError::MaskWithoutKey { field });
    }
    let shape = Shape {
        headers,
        tags: tag_count(key),
        ethertype: key.has(Field::EthType) || mask.get(Field::EthType) != 0,
        unknown: &mask.unknown,
    };
    let tunnel = mask
        .asks_tunnel()
        .then_some(|out: &mut Vec<u8>| write_tunnel(mask, key, out));
    shape.write(|field| mask.get(field), tunnel, out)
}

/// The outer addresses that the key does not have. That packets lack them, too, the kernel compares as
/// soon as it compares anything of the tunnel.
fn other_family(key: &FlowKey) -> [Field; 2] {
    if TUNNEL_V6.iter().any(|&field| key.has(field)) {
        TUNNEL_V4
    } else {
        TUNNEL_V6
    }
}

const TAG_FIELDS: u64 = Field::VlanTci.bit()
    | Field::VlanTpid.bit()
    | Field::InnerVlanTci.bit()
    | Field::InnerVlanTpid.bit();

/// The attributes hold one address family. Where a mask asks for both in full, as the exact ones do, the
/// longer one stands for either, so that they are one mask to the kernel: an IPv4 address lies within it,
/// and the rest of it is zero.
fn write_tunnel(mask: &FlowMask, key: &FlowKey, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let both = mask.is_full(&TUNNEL_V4) && mask.is_full(&TUNNEL_V6);
    let left_out = if both { TUNNEL_V4 } else { other_family(key) };
    let mut options = mask.tunnel_options.clone();
    if options.len() > key.tunnel_options.len() {
        return Err(EncodeError::OptionsLength {
            mask: options.len(),
            key: key.tunnel_options.len(),
        });
    }
    if !options.is_empty() {
        options.resize(key.tunnel_options.len(), 0);
    }
    let fields = TunnelFields {
        get: |field: Field| {
            let bits = mask.get(field);
            (bits != 0 && !left_out.contains(&field)).then_some(bits)
        },
        options: &options,
    };
    let unknown = mask
        .unknown
        .iter()
        .filter(|(nesting, _)| *nesting == Nesting::Tunnel);
    fields.write(unknown.map(|(_, attr)| attr), out)
}

//! The text of a tunnel header: `tunnel(tun_id=0x5,src=…,dst=…,ttl=64,flags(-df+csum+key))`.
//!
//! Among the flags, `key` says that there is a tunnel id.

use std::fmt::{self, Display as _};

use crate::field::Field;
use crate::header::Style;
use crate::key::{FlowKey, Nesting};

use super::cursor::{Cursor, ParseError, Problem};
use super::parse::Target;
use super::value::{self, Value};
use super::{HexBytes, List, View, flow};

/// The fields with a value, in the tools' order.
const FIELDS: [(&str, Field, Style); 9] = [
    ("tun_id", Field::TunId, Style::Hex),
    ("src", Field::TunV4Src, Style::Ipv4),
    ("dst", Field::TunV4Dst, Style::Ipv4),
    ("ipv6_src", Field::TunV6Src, Style::Ipv6),
    ("ipv6_dst", Field::TunV6Dst, Style::Ipv6),
    ("tos", Field::TunTos, Style::Hex),
    ("ttl", Field::TunTtl, Style::Decimal),
    ("tp_src", Field::TunTpSrc, Style::Decimal),
    ("tp_dst", Field::TunTpDst, Style::Decimal),
];

/// The flags, with the bits of [`Field::TunFlags`] and one for the tunnel id.
const FLAGS: &[(&str, u32)] = &[("oam", 4), ("df", 1), ("csum", 2), ("key", KEY)];
const KEY: u32 = 8;

/// Writes a tunnel header.
pub(super) fn write(view: View<'_>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    out.write_str("tunnel(")?;
    let mut list = List::new(out);
    for (name, field, style) in FIELDS {
        let bits = view.bits(field);
        // What is 0 the kernel leaves out, but it can count all the same.
        let asked = view.mask.is_some() && bits != 0 && is_zero_if_absent(view.key, field);
        if asked || (view.key.has(field) && view.shows(field)) {
            let value = Value {
                style,
                field,
                value: view.value(field),
                bits,
            };
            write!(list.next()?, "{name}={value}")?;
        }
    }
    if !view.key.tunnel_options.is_empty() {
        write_options(view, &mut list)?;
    }
    flow::write_unknown(view, Nesting::Tunnel, &mut list)?;
    let key_flag = u128::from(KEY);
    let has_key = view.key.has(Field::TunId);
    let value = view.value(Field::TunFlags) | if has_key { key_flag } else { 0 };
    let key_asked = view.bits(Field::TunId) != 0;
    let bits = view.bits(Field::TunFlags) | if key_asked { key_flag } else { 0 };
    if view.verbose || bits != 0 {
        let out = list.next()?;
        out.write_str("flags(")?;
        value::write_flags(out, FLAGS, value, bits, Field::TunFlags.full() | key_flag)?;
        out.write_str(")")?;
    }
    out.write_str(")")
}

fn is_zero_if_absent(key: &FlowKey, field: Field) -> bool {
    use Field as F;
    match field {
        F::TunId => false,
        F::TunV4Src | F::TunV4Dst => !key.has(F::TunV6Dst),
        F::TunV6Src | F::TunV6Dst => !key.has(F::TunV4Dst),
        _ => true,
    }
}

/// `geneve({class=0x102,type=0x80,len=4,0xa/0xff})`; as plain bytes where that form cannot say it.
fn write_options(view: View<'_>, list: &mut List<'_, '_>) -> fmt::Result {
    let options = &view.key.tunnel_options;
    let full = vec![0xff; options.len()];
    let mut mask = match view.mask {
        None => full.clone(),
        Some(mask) => mask.tunnel_options.clone(),
    };
    mask.resize(options.len(), 0);
    let asked = mask.iter().any(|&bits| bits != 0);
    if !asked && !view.verbose {
        return Ok(());
    }
    let mut value = options.clone();
    if !view.verbose {
        for (byte, bits) in value.iter_mut().zip(&mask) {
            *byte &= bits;
        }
    }
    let out = list.next()?;
    out.write_str("geneve(")?;
    match split_options(&value, &mask) {
        Some(parts) => parts.iter().try_for_each(|part| part.fmt(out))?,
        None => {
            write!(out, "0x{}", HexBytes(&value))?;
            if mask != full {
                write!(out, "/0x{}", HexBytes(&mask))?;
            }
        }
    }
    out.write_str(")")
}

/// One Geneve option (RFC 8926, section 3.5).
struct GeneveOption<'a> {
    header: [u8; 4],
    header_mask: [u8; 4],
    data: &'a [u8],
    data_mask: &'a [u8],
}

/// The options, if they are well formed and every length counts.
fn split_options<'a>(value: &'a [u8], mask: &'a [u8]) -> Option<Vec<GeneveOption<'a>>> {
    let mut options = Vec::new();
    let (mut value, mut mask) = (value, mask);
    while !value.is_empty() {
        let (&header, rest) = value.split_first_chunk::<4>()?;
        let (&header_mask, mask_rest) = mask.split_first_chunk::<4>()?;
        let [.., words] = header;
        if words > 0x1f || header_mask.last() != Some(&0xff) {
            return None;
        }
        let length = usize::from(words) * 4;
        let (data, after) = rest.split_at_checked(length)?;
        let (data_mask, mask_after) = mask_rest.split_at_checked(length)?;
        options.push(GeneveOption {
            header,
            header_mask,
            data,
            data_mask,
        });
        (value, mask) = (after, mask_after);
    }
    Some(options)
}

impl fmt::Display for GeneveOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [c0, c1, kind, words] = self.header;
        let [m0, m1, kind_mask, _] = self.header_mask;
        let class = value::Hex(u16::from_be_bytes([c0, c1]).into());
        let class_mask = u16::from_be_bytes([m0, m1]);
        write!(f, "{{class={class}")?;
        if class_mask != u16::MAX {
            write!(f, "/{}", value::Hex(class_mask.into()))?;
        }
        write!(f, ",type={}", value::Hex(kind.into()))?;
        if kind_mask != u8::MAX {
            write!(f, "/{}", value::Hex(kind_mask.into()))?;
        }
        write!(f, ",len={}", u16::from(words) * 4)?;
        if !self.data.is_empty() {
            write!(f, ",0x{}", HexBytes(self.data))?;
            if self.data_mask.iter().any(|&bits| bits != 0xff) {
                write!(f, "/0x{}", HexBytes(self.data_mask))?;
            }
        }
        f.write_str("}")
    }
}

/// Reads a tunnel header after its `(`.
pub(super) fn parse(cursor: &mut Cursor<'_>, target: &mut Target) -> Result<(), ParseError> {
    let mut flags = None;
    cursor.list(|cursor| {
        let start = cursor.at();
        let name = cursor.name("a field of the tunnel header")?;
        if let Some((_, field, style)) = FIELDS.iter().find(|(known, ..)| *known == name) {
            cursor.expect("=")?;
            let parsed = value::parse(cursor, *style, *field)?;
            if target.key.has(*field) {
                return cursor.fail_at(start, Problem::Twice(name.to_owned()));
            }
            return target.put(cursor, start, *field, parsed);
        }
        cursor.expect("(")?;
        match name {
            "flags" => {
                let full = Field::TunFlags.full() | u128::from(KEY);
                flags = Some((start, value::parse_flags(cursor, FLAGS, full)?));
                cursor.expect(")")
            }
            "geneve" => parse_options(cursor, target),
            _ => target.parse_unknown(cursor, start, name, Nesting::Tunnel),
        }
    })?;
    target.key.set(Field::TunFlags, 0);
    if let Some((start, (value, bits))) = flags {
        let full = Field::TunFlags.full();
        target.put(cursor, start, Field::TunFlags, (value & full, bits & full))?;
        if !target.key.has(Field::TunId) {
            if value & u128::from(KEY) != 0 {
                target.key.set(Field::TunId, 0);
            } else if bits & u128::from(KEY) != 0 {
                target.mask.add_field(Field::TunId);
            }
        }
    }
    Ok(())
}

fn parse_options(cursor: &mut Cursor<'_>, target: &mut Target) -> Result<(), ParseError> {
    let start = cursor.at();
    let (mut value, mut bits) = (Vec::new(), Vec::new());
    if cursor.eat("0x") {
        (value, bits) = parse_bytes(cursor)?;
    } else {
        while cursor.eat("{") {
            parse_option(cursor, &mut value, &mut bits)?;
        }
    }
    if !target.key.tunnel_options.is_empty() {
        return cursor.fail_at(start, Problem::Twice("geneve".to_owned()));
    }
    target.put_options(cursor, start, value, bits)?;
    cursor.expect(")")
}

/// Reads one option after its `{`.
fn parse_option(
    cursor: &mut Cursor<'_>,
    value: &mut Vec<u8>,
    bits: &mut Vec<u8>,
) -> Result<(), ParseError> {
    let masked = |cursor: &mut Cursor<'_>, width: u32| -> Result<(u128, u128), ParseError> {
        let value = cursor.number(width)?;
        let full = u128::MAX >> (128 - width);
        let bits = if cursor.eat("/") {
            cursor.number(width)?
        } else {
            full
        };
        Ok((value, bits))
    };
    cursor.expect("class=")?;
    let class = masked(cursor, 16)?;
    cursor.expect(",type=")?;
    let kind = masked(cursor, 8)?;
    cursor.expect(",len=")?;
    let start = cursor.at();
    let length = cursor.number(7)?;
    if length % 4 != 0 {
        return cursor.fail_at(start, Problem::Expected("a length that is a multiple of 4"));
    }
    let (mut data, mut data_bits) = (Vec::new(), Vec::new());
    let start = cursor.at();
    if length > 0 {
        cursor.expect(",0x")?;
        (data, data_bits) = parse_bytes(cursor)?;
    }
    if data.len() as u128 != length {
        return cursor.fail_at(start, Problem::Expected("as many bytes as len says"));
    }
    for (out, (class, kind, words), data) in [
        (value, (class.0, kind.0, length / 4), data),
        (bits, (class.1, kind.1, 0xff), data_bits),
    ] {
        let [.., c0, c1] = class.to_be_bytes();
        let [.., kind] = kind.to_be_bytes();
        let [.., words] = words.to_be_bytes();
        out.extend([c0, c1, kind, words]);
        out.extend(data);
    }
    cursor.expect("}")
}

/// Reads hex bytes and, after `/0x`, as many bytes of mask.
fn parse_bytes(cursor: &mut Cursor<'_>) -> Result<(Vec<u8>, Vec<u8>), ParseError> {
    let value = cursor.hex_bytes()?;
    if !cursor.eat("/0x") {
        let full = vec![0xff; value.len()];
        return Ok((value, full));
    }
    let start = cursor.at();
    let bits = cursor.hex_bytes()?;
    if bits.len() != value.len() {
        return cursor.fail_at(start, Problem::MaskLength);
    }
    Ok((value, bits))
}

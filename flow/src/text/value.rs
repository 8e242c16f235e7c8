//! The text of one field, by its style.

use std::fmt::{self, Display as _};
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::field::Field;
use crate::header::Style;
use crate::key::mac_from_bits;
use crate::present::fragment;

use super::cursor::{Cursor, ParseError, Problem};

/// A field's value with its mask.
pub(super) struct Value {
    pub(super) style: Style,
    pub(super) field: Field,
    pub(super) value: u128,
    pub(super) bits: u128,
}

/// `0`, or hexadecimal after `0x`.
pub(super) struct Hex(pub(super) u128);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0"),
            value => write!(f, "{value:#x}"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.bits == self.field.full();
        if let Style::Flags(names) = self.style {
            return write_flags(f, names, self.value, self.bits, self.field.full());
        }
        write_plain(f, self.style, self.value)?;
        if whole {
            return Ok(());
        }
        f.write_str("/")?;
        match self.style {
            Style::Mac | Style::Ipv4 | Style::Ipv6 => write_plain(f, self.style, self.bits),
            _ => Hex(self.bits).fmt(f),
        }
    }
}

fn write_plain(f: &mut fmt::Formatter<'_>, style: Style, value: u128) -> fmt::Result {
    match style {
        Style::Decimal => value.fmt(f),
        Style::Hex | Style::Flags(_) => Hex(value).fmt(f),
        Style::Mac => mac_from_bits(value).fmt(f),
        Style::Ipv4 => match u32::try_from(value) {
            Ok(bits) => Ipv4Addr::from_bits(bits).fmt(f),
            Err(_) => Hex(value).fmt(f),
        },
        Style::Ipv6 => Ipv6Addr::from_bits(value).fmt(f),
        Style::Fragment => match FRAGMENTS.iter().find(|(_, kind)| value == (*kind).into()) {
            Some((name, _)) => f.write_str(name),
            None => value.fmt(f),
        },
    }
}

const FRAGMENTS: [(&str, u8); 3] = [
    ("no", fragment::NO),
    ("first", fragment::FIRST),
    ("later", fragment::LATER),
];

/// `syn|ack` where all bits count, else `+syn-ack`; `0` and `0/0` where nothing is to be named. Numbers
/// where there are bits that do not count.
pub(super) fn write_flags(
    f: &mut fmt::Formatter<'_>,
    names: &[(&str, u32)],
    value: u128,
    bits: u128,
    full: u128,
) -> fmt::Result {
    if bits == 0 || value & !bits != 0 {
        return write!(f, "{}/{}", Hex(value), Hex(bits));
    }
    if bits == full {
        let mut set = names
            .iter()
            .filter(|(_, bit)| value & u128::from(*bit) != 0);
        let Some((first, _)) = set.next() else {
            return f.write_str("0");
        };
        f.write_str(first)?;
        return set.try_for_each(|(name, _)| write!(f, "|{name}"));
    }
    for (name, bit) in names {
        let bit = u128::from(*bit);
        if bits & bit != 0 {
            let sign = if value & bit != 0 { '+' } else { '-' };
            write!(f, "{sign}{name}")?;
        }
    }
    Ok(())
}

/// Reads a value and, after a slash, its mask; without one all bits count.
pub(super) fn parse(
    cursor: &mut Cursor<'_>,
    style: Style,
    field: Field,
) -> Result<(u128, u128), ParseError> {
    if let Style::Flags(names) = style {
        return parse_flags(cursor, names, field.full());
    }
    let value = parse_plain(cursor, style, field)?;
    if !cursor.eat("/") {
        return Ok((value, field.full()));
    }
    let style = match style {
        Style::Fragment => Style::Hex,
        other => other,
    };
    Ok((value, parse_plain(cursor, style, field)?))
}

fn parse_plain(cursor: &mut Cursor<'_>, style: Style, field: Field) -> Result<u128, ParseError> {
    match style {
        Style::Decimal | Style::Hex | Style::Flags(_) => cursor.number(field.width()),
        Style::Mac => parse_mac(cursor),
        Style::Ipv4 => Ok(parse_ipv4(cursor)?.to_bits().into()),
        Style::Ipv6 => Ok(parse_ipv6(cursor)?.to_bits()),
        Style::Fragment => match FRAGMENTS.iter().find(|(name, _)| cursor.eat(name)) {
            Some((_, kind)) => Ok((*kind).into()),
            None if cursor.rest().starts_with(|c: char| c.is_ascii_digit()) => {
                cursor.number(field.width())
            }
            None => cursor.fail(Problem::Expected("no, first or later")),
        },
    }
}

fn parse_mac(cursor: &mut Cursor<'_>) -> Result<u128, ParseError> {
    let start = cursor.at();
    let token = cursor.take_while(|c| c.is_ascii_hexdigit() || c == ':');
    let mut bits = 0;
    let mut octets = 0;
    for octet in token.split(':') {
        match u8::from_str_radix(octet, 16) {
            Ok(value) if octet.len() <= 2 => bits = bits << 8 | u128::from(value),
            _ => return cursor.fail_at(start, Problem::Expected("a MAC address")),
        }
        octets += 1;
    }
    if octets != 6 {
        return cursor.fail_at(start, Problem::Expected("a MAC address"));
    }
    Ok(bits)
}

pub(super) fn parse_ipv4(cursor: &mut Cursor<'_>) -> Result<Ipv4Addr, ParseError> {
    let start = cursor.at();
    let token = cursor.take_while(|c| c.is_ascii_digit() || c == '.');
    token
        .parse()
        .or_else(|_| cursor.fail_at(start, Problem::Expected("an IPv4 address")))
}

pub(super) fn parse_ipv6(cursor: &mut Cursor<'_>) -> Result<Ipv6Addr, ParseError> {
    let start = cursor.at();
    let token = cursor.take_while(|c| c.is_ascii_hexdigit() || c == ':' || c == '.');
    token
        .parse()
        .or_else(|_| cursor.fail_at(start, Problem::Expected("an IPv6 address")))
}

/// Reads `syn|ack`, `+syn-ack`, or a number with or without a mask.
pub(super) fn parse_flags(
    cursor: &mut Cursor<'_>,
    names: &[(&str, u32)],
    full: u128,
) -> Result<(u128, u128), ParseError> {
    let width = 128 - full.leading_zeros();
    if cursor.rest().starts_with(|c: char| c.is_ascii_digit()) {
        let value = cursor.number(width)?;
        let bits = if cursor.eat("/") {
            cursor.number(width)?
        } else {
            full
        };
        return Ok((value, bits));
    }
    let (mut value, mut bits) = (0, 0);
    if !cursor.rest().starts_with(['+', '-']) {
        loop {
            value |= parse_flag(cursor, names)?;
            if !cursor.eat("|") {
                return Ok((value, full));
            }
        }
    }
    loop {
        let set = cursor.eat("+");
        if !set && !cursor.eat("-") {
            return Ok((value, bits));
        }
        let start = cursor.at();
        let bit = parse_flag(cursor, names)?;
        if bits & bit != 0 {
            let name = names.iter().find(|(_, other)| bit == u128::from(*other));
            let name = name.map_or("", |(name, _)| name);
            return cursor.fail_at(start, Problem::Twice(name.to_owned()));
        }
        bits |= bit;
        if set {
            value |= bit;
        }
    }
}

fn parse_flag(cursor: &mut Cursor<'_>, names: &[(&str, u32)]) -> Result<u128, ParseError> {
    let start = cursor.at();
    let token = cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '[' || c == ']');
    match names.iter().find(|(name, _)| *name == token) {
        Some((_, bit)) => Ok((*bit).into()),
        None if token.is_empty() => cursor.fail(Problem::Expected("a flag")),
        None => cursor.fail_at(
            start,
            Problem::UnknownName {
                what: "no flag here",
                name: token.to_owned(),
            },
        ),
    }
}

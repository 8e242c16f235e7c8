//! The text of a ct action: `ct(commit,zone=1,nat(src=192.0.2.1:1024-2047,random))`.

use std::fmt;
use std::net::IpAddr;

use crate::action::{Ct, Nat, NatDirection};

use super::List;
use super::cursor::{Cursor, ParseError, Problem};
use super::value::{Hex, parse_ipv4, parse_ipv6};

/// Writes a ct action.
pub(super) fn write(ct: &Ct, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    out.write_str("ct")?;
    if *ct == Ct::default() {
        return Ok(());
    }
    out.write_str("(")?;
    let mut list = List::new(out);
    if ct.force {
        list.next()?.write_str("force_commit")?;
    } else if ct.commit {
        list.next()?.write_str("commit")?;
    }
    if ct.zone != 0 {
        write!(list.next()?, "zone={}", ct.zone)?;
    }
    if let Some((value, mask)) = ct.mark {
        write!(
            list.next()?,
            "mark={}/{}",
            Hex(value.into()),
            Hex(mask.into())
        )?;
    }
    if let Some((value, mask)) = ct.labels {
        write!(list.next()?, "label={}/{}", Hex(value), Hex(mask))?;
    }
    if let Some(helper) = &ct.helper {
        write!(list.next()?, "helper={helper}")?;
    }
    if let Some(mask) = ct.event_mask {
        write!(list.next()?, "eventmask={}", Hex(mask.into()))?;
    }
    if let Some(timeout) = &ct.timeout {
        write!(list.next()?, "timeout={timeout}")?;
    }
    if let Some(nat) = &ct.nat {
        write_nat(nat, list.next()?)?;
    }
    out.write_str(")")
}

fn write_nat(nat: &Nat, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    out.write_str("nat")?;
    if *nat == Nat::default() {
        return Ok(());
    }
    out.write_str("(")?;
    let mut list = List::new(out);
    if let Some(direction) = nat.direction {
        let out = list.next()?;
        out.write_str(match direction {
            NatDirection::Source => "src",
            NatDirection::Destination => "dst",
        })?;
        if nat.addresses.is_some() || nat.ports.is_some() {
            out.write_str("=")?;
        }
        write_range(nat, out)?;
    }
    for (asked, name) in [
        (nat.persistent, "persistent"),
        (nat.proto_hash, "hash"),
        (nat.proto_random, "random"),
    ] {
        if asked {
            list.next()?.write_str(name)?;
        }
    }
    out.write_str(")")
}

fn write_range(nat: &Nat, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Some((min, max)) = nat.addresses {
        write_address(min, nat.ports.is_some(), out)?;
        if max != min {
            out.write_str("-")?;
            write_address(max, nat.ports.is_some(), out)?;
        }
    }
    match nat.ports {
        Some((min, max)) if min == max => write!(out, ":{min}"),
        Some((min, max)) => write!(out, ":{min}-{max}"),
        None => Ok(()),
    }
}

/// An IPv6 address that a port follows stands in brackets.
fn write_address(address: IpAddr, port: bool, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    match address {
        IpAddr::V6(address) if port => write!(out, "[{address}]"),
        address => write!(out, "{address}"),
    }
}

/// Reads a ct action after its name.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Ct, ParseError> {
    let mut ct = Ct::default();
    if !cursor.eat("(") {
        return Ok(ct);
    }
    let mut given: Vec<&str> = Vec::new();
    cursor.list(|cursor| {
        let start = cursor.at();
        let name = cursor.name("a part of ct()")?;
        if given.contains(&name) {
            return cursor.fail_at(start, Problem::Twice(name.to_owned()));
        }
        given.push(name);
        match name {
            "commit" => ct.commit = true,
            "force_commit" => {
                ct.commit = true;
                ct.force = true;
            }
            "nat" => ct.nat = Some(parse_nat(cursor)?),
            _ => {
                cursor.expect("=")?;
                parse_value(cursor, start, name, &mut ct)?;
            }
        }
        Ok(())
    })?;
    Ok(ct)
}

fn parse_value(
    cursor: &mut Cursor<'_>,
    start: usize,
    name: &str,
    ct: &mut Ct,
) -> Result<(), ParseError> {
    match name {
        "zone" => ct.zone = cursor.u16()?,
        "mark" => {
            let value = cursor.u32()?;
            let mask = if cursor.eat("/") {
                cursor.u32()?
            } else {
                u32::MAX
            };
            ct.mark = Some((value, mask));
        }
        "label" => {
            let value = cursor.number(128)?;
            let mask = if cursor.eat("/") {
                cursor.number(128)?
            } else {
                u128::MAX
            };
            ct.labels = Some((value, mask));
        }
        "helper" => ct.helper = Some(parse_name(cursor)?),
        "timeout" => ct.timeout = Some(parse_name(cursor)?),
        "eventmask" => ct.event_mask = Some(cursor.u32()?),
        _ => {
            let (what, name) = ("nothing in ct()", name.to_owned());
            return cursor.fail_at(start, Problem::UnknownName { what, name });
        }
    }
    Ok(())
}

fn parse_name(cursor: &mut Cursor<'_>) -> Result<String, ParseError> {
    let name = cursor.take_while(|c| c.is_ascii_graphic() && !matches!(c, ',' | '(' | ')'));
    if name.is_empty() {
        return cursor.fail(Problem::Expected("a name"));
    }
    Ok(name.to_owned())
}

fn parse_nat(cursor: &mut Cursor<'_>) -> Result<Nat, ParseError> {
    let mut nat = Nat::default();
    if !cursor.eat("(") {
        return Ok(nat);
    }
    cursor.list(|cursor| {
        let start = cursor.at();
        let name = cursor.name("a part of nat()")?;
        if !matches!(name, "src" | "dst") && nat.direction.is_none() {
            return cursor.fail_at(start, Problem::Expected("src or dst first"));
        }
        let flag = match name {
            "src" | "dst" => {
                let direction = if name == "src" {
                    NatDirection::Source
                } else {
                    NatDirection::Destination
                };
                if nat.direction.replace(direction).is_some() {
                    return cursor.fail_at(start, Problem::Twice("direction".to_owned()));
                }
                return if cursor.eat("=") {
                    parse_range(cursor, &mut nat)
                } else {
                    Ok(())
                };
            }
            "persistent" => &mut nat.persistent,
            "hash" => &mut nat.proto_hash,
            "random" => &mut nat.proto_random,
            _ => {
                let (what, name) = ("nothing in nat()", name.to_owned());
                return cursor.fail_at(start, Problem::UnknownName { what, name });
            }
        };
        if std::mem::replace(flag, true) {
            return cursor.fail_at(start, Problem::Twice(name.to_owned()));
        }
        Ok(())
    })?;
    Ok(nat)
}

fn parse_range(cursor: &mut Cursor<'_>, nat: &mut Nat) -> Result<(), ParseError> {
    if !cursor.rest().starts_with(':') || cursor.rest().starts_with("::") {
        let min = parse_address(cursor)?;
        let mut max = min;
        if cursor.eat("-") {
            let start = cursor.at();
            max = parse_address(cursor)?;
            if max.is_ipv4() != min.is_ipv4() {
                return cursor.fail_at(start, Problem::Expected("an address of the same family"));
            }
        }
        nat.addresses = Some((min, max));
    }
    if cursor.eat(":") {
        let min = cursor.u16()?;
        let max = if cursor.eat("-") { cursor.u16()? } else { min };
        nat.ports = Some((min, max));
    }
    Ok(())
}

fn parse_address(cursor: &mut Cursor<'_>) -> Result<IpAddr, ParseError> {
    if cursor.eat("[") {
        let address = parse_ipv6(cursor)?;
        cursor.expect("]")?;
        return Ok(address.into());
    }
    // Up to its first separator an IPv4 address has digits only, and then a dot.
    let rest = cursor.rest();
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    match rest.get(digits..) {
        Some(after) if after.starts_with('.') => Ok(parse_ipv4(cursor)?.into()),
        _ => Ok(parse_ipv6(cursor)?.into()),
    }
}

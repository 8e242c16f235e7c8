//! Values of options: from text to bytes, and what bytes a type allows.

use std::net::Ipv4Addr;
use std::str::FromStr;

use ipnet::Ipv4Net;

use super::name::{encode_domains, is_host_name};
use super::table::Kind;

/// The text that stands for a time without end, besides its number.
const FOR_EVER: &str = "infinite";

/// What a value of a type looks like, for people: completes "option 3 wants …".
pub(crate) fn wants(kind: Kind) -> String {
    match kind {
        Kind::Bool => "true or false".into(),
        Kind::U8 => "a number from 0 to 255".into(),
        Kind::U16(min) => format!("a number from {min} to 65535"),
        Kind::U16List(min) => format!("numbers from {min} to 65535, separated by commas"),
        Kind::U32 => "a number from 0 to 4294967295".into(),
        Kind::I32 => "a number from -2147483648 to 2147483647".into(),
        Kind::Seconds => format!("a number of seconds from 0 to 4294967294, or '{FOR_EVER}'"),
        Kind::Ip => "an IPv4 address".into(),
        Kind::IpList => "IPv4 addresses, separated by commas".into(),
        Kind::IpPairs => "pairs of IPv4 addresses, all separated by commas".into(),
        Kind::HostName => "a host name of letters, digits, hyphens and dots".into(),
        Kind::Text => "a text".into(),
        Kind::Domains => "domain names, separated by commas".into(),
        Kind::Routes => "DEST/LEN,GATEWAY pairs, all separated by commas".into(),
        Kind::Bytes => "its bytes in hex, as in hex:0a0b".into(),
        Kind::Unknown => {
            "a text, IPv4 addresses separated by commas, or its bytes in hex, as in hex:0a0b".into()
        }
    }
}

/// The bytes of a value that is written as its type is. None when it is written otherwise.
pub(crate) fn encode(kind: Kind, text: &str) -> Option<Vec<u8>> {
    let bytes = match kind {
        Kind::Bool => vec![u8::from(boolean(text)?)],
        Kind::U8 => vec![text.parse().ok()?],
        Kind::U16(_) => text.parse::<u16>().ok()?.to_be_bytes().into(),
        Kind::U16List(_) => list::<u16>(text)?
            .iter()
            .flat_map(|n| n.to_be_bytes())
            .collect(),
        Kind::U32 => text.parse::<u32>().ok()?.to_be_bytes().into(),
        Kind::I32 => text.parse::<i32>().ok()?.to_be_bytes().into(),
        Kind::Seconds if text.eq_ignore_ascii_case(FOR_EVER) => u32::MAX.to_be_bytes().into(),
        Kind::Seconds => text.parse::<u32>().ok()?.to_be_bytes().into(),
        Kind::Ip => text.parse::<Ipv4Addr>().ok()?.octets().into(),
        Kind::IpList | Kind::IpPairs => addresses(text)?,
        Kind::HostName | Kind::Text => text.into(),
        Kind::Domains => encode_domains(items(text))?,
        Kind::Routes => routes(text)?,
        Kind::Bytes => colon_hex(text)?,
        Kind::Unknown => unknown(text)?,
    };
    allows(kind, &bytes).then_some(bytes)
}

/// Whether a type allows a value. It has then the structure by which clients read it; the contents of
/// texts and of lists of domains are not looked into.
pub(crate) fn allows(kind: Kind, bytes: &[u8]) -> bool {
    let numbers = |min| {
        bytes
            .chunks(2)
            .all(|chunk| matches!(chunk, &[a, b] if u16::from_be_bytes([a, b]) >= min))
    };
    match kind {
        Kind::Bool => matches!(bytes, [0 | 1]),
        Kind::U8 => bytes.len() == 1,
        Kind::U16(min) => bytes.len() == 2 && numbers(min),
        Kind::U16List(min) => !bytes.is_empty() && numbers(min),
        Kind::U32 | Kind::I32 | Kind::Seconds | Kind::Ip => bytes.len() == 4,
        Kind::IpList => !bytes.is_empty() && bytes.len().is_multiple_of(4),
        Kind::IpPairs => !bytes.is_empty() && bytes.len().is_multiple_of(8),
        Kind::HostName => str::from_utf8(bytes).is_ok_and(is_host_name),
        Kind::Text | Kind::Domains => !bytes.is_empty(),
        Kind::Routes => !bytes.is_empty() && are_routes(bytes),
        Kind::Bytes | Kind::Unknown => true,
    }
}

/// Appends a route: its length, the bytes of its destination that count, its gateway (RFC 3442).
pub(crate) fn push_route(out: &mut Vec<u8>, destination: Ipv4Net, gateway: Ipv4Addr) {
    let significant = usize::from(destination.prefix_len().div_ceil(8));
    out.push(destination.prefix_len());
    out.extend(destination.trunc().addr().octets().iter().take(significant));
    out.extend(gateway.octets());
}

/// The bytes that hex digits say; colons between pairs of digits are allowed.
pub(crate) fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .split(':')
        .map(|part| part.len().is_multiple_of(2).then_some(part))
        .collect::<Option<Vec<_>>>()?
        .concat()
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|n| u8::try_from(n).ok()))
        .collect::<Option<_>>()?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect(),
    )
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).filter(|item| !item.is_empty())
}

fn list<T: FromStr>(text: &str) -> Option<Vec<T>> {
    items(text).map(|item| item.parse().ok()).collect()
}

fn addresses(text: &str) -> Option<Vec<u8>> {
    let addresses = list::<Ipv4Addr>(text)?;
    Some(addresses.iter().flat_map(Ipv4Addr::octets).collect())
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn routes(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut items = items(text);
    while let Some(destination) = items.next() {
        push_route(
            &mut out,
            destination.parse().ok()?,
            items.next()?.parse().ok()?,
        );
    }
    Some(out)
}

fn are_routes(mut bytes: &[u8]) -> bool {
    while let Some((&prefix_len, rest)) = bytes.split_first() {
        let significant = usize::from(prefix_len.div_ceil(8));
        match rest.get(significant + 4..) {
            Some(rest) if prefix_len <= 32 => bytes = rest,
            _ => return false,
        }
    }
    true
}

/// Bytes as dnsmasq writes them: two hex digits each, with colons between.
fn colon_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.contains(':') && text.split(':').all(|part| part.len() == 2);
    pairs.then(|| hex(text))?
}

/// Reads an option that nobody knows as dnsmasq does, except for a bare number: how many bytes it
/// shall take cannot be told from it.
fn unknown(text: &str) -> Option<Vec<u8>> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    addresses(text)
        .filter(|bytes| !bytes.is_empty())
        .or_else(|| colon_hex(text))
        .or_else(|| Some(text.into()))
}

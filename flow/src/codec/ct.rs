//! The connection tracking action (`enum ovs_ct_attr`, `enum ovs_nat_attr`).

use std::net::IpAddr;

use crate::action::{Ct, Nat, NatDirection};
use crate::attr::{Attr, PutAttr};

use super::action::kind as action_kind;
use super::{DecodeError, EncodeError, Seen};

const COMMIT: u16 = 1;
const ZONE: u16 = 2;
const MARK: u16 = 3;
const LABELS: u16 = 4;
const HELPER: u16 = 5;
const NAT: u16 = 6;
const FORCE_COMMIT: u16 = 7;
const EVENTMASK: u16 = 8;
const TIMEOUT: u16 = 9;

mod nat {
    pub(super) const SRC: u16 = 1;
    pub(super) const DST: u16 = 2;
    pub(super) const IP_MIN: u16 = 3;
    pub(super) const IP_MAX: u16 = 4;
    pub(super) const PROTO_MIN: u16 = 5;
    pub(super) const PROTO_MAX: u16 = 6;
    pub(super) const PERSISTENT: u16 = 7;
    pub(super) const PROTO_HASH: u16 = 8;
    pub(super) const PROTO_RANDOM: u16 = 9;
}

const BOTH_DIRECTIONS: &str = "both source and destination";
const NO_DIRECTION: &str = "a range or option, but no direction";
const MAX_WITHOUT_MIN: &str = "an upper bound without a lower one";
const MIXED_FAMILIES: &str = "a range from IPv4 to IPv6";

/// Reads a ct action; none if it holds an unknown attribute.
pub(super) fn decode(attr: &Attr<'_>) -> Result<Option<Ct>, DecodeError> {
    let mut seen = Seen::default();
    let mut ct = Ct::default();
    for part in attr.attrs() {
        let part = part?;
        seen.note(part.kind)?;
        match part.kind {
            COMMIT => {
                part.flag()?;
                ct.commit = true;
            }
            FORCE_COMMIT => {
                part.flag()?;
                ct.commit = true;
                ct.force = true;
            }
            ZONE => ct.zone = part.u16()?,
            MARK => ct.mark = Some(decode_mark(&part)?),
            LABELS => ct.labels = Some(decode_labels(&part)?),
            HELPER => ct.helper = Some(part.str()?.to_owned()),
            TIMEOUT => ct.timeout = Some(part.str()?.to_owned()),
            EVENTMASK => ct.event_mask = Some(part.u32()?),
            NAT => match decode_nat(&part)? {
                Some(nat) => ct.nat = Some(nat),
                None => return Ok(None),
            },
            _ => return Ok(None),
        }
    }
    Ok(Some(ct))
}

fn decode_mark(attr: &Attr<'_>) -> Result<(u32, u32), DecodeError> {
    let &[v0, v1, v2, v3, m0, m1, m2, m3] = attr.array()?;
    Ok((
        u32::from_ne_bytes([v0, v1, v2, v3]),
        u32::from_ne_bytes([m0, m1, m2, m3]),
    ))
}

fn decode_labels(attr: &Attr<'_>) -> Result<(u128, u128), DecodeError> {
    let both = attr.array::<32>()?;
    let half = |bytes: Option<&[u8; 16]>| u128::from_ne_bytes(*bytes.unwrap_or(&[0; 16]));
    Ok((half(both.first_chunk()), half(both.last_chunk())))
}

fn decode_nat(attr: &Attr<'_>) -> Result<Option<Nat>, DecodeError> {
    let mut seen = Seen::default();
    let mut translation = Nat::default();
    let (mut ip_min, mut ip_max, mut port_min, mut port_max) = (None, None, None, None);
    for part in attr.attrs() {
        let part = part?;
        seen.note(part.kind)?;
        match part.kind {
            nat::SRC | nat::DST => {
                part.flag()?;
                let direction = if part.kind == nat::SRC {
                    NatDirection::Source
                } else {
                    NatDirection::Destination
                };
                if translation.direction.replace(direction).is_some() {
                    return Err(DecodeError::Nat(BOTH_DIRECTIONS));
                }
            }
            nat::IP_MIN => ip_min = Some(decode_address(&part)?),
            nat::IP_MAX => ip_max = Some(decode_address(&part)?),
            nat::PROTO_MIN => port_min = Some(part.u16()?),
            nat::PROTO_MAX => port_max = Some(part.u16()?),
            nat::PERSISTENT => {
                part.flag()?;
                translation.persistent = true;
            }
            nat::PROTO_HASH => {
                part.flag()?;
                translation.proto_hash = true;
            }
            nat::PROTO_RANDOM => {
                part.flag()?;
                translation.proto_random = true;
            }
            _ => return Ok(None),
        }
    }
    translation.addresses = range(ip_min, ip_max)?;
    translation.ports = range(port_min, port_max)?;
    check_nat(&translation).map_err(DecodeError::Nat)?;
    Ok(Some(translation))
}

/// A range from its bounds; the upper one is left out where they are equal.
fn range<T: Copy>(min: Option<T>, max: Option<T>) -> Result<Option<(T, T)>, DecodeError> {
    match (min, max) {
        (Some(min), max) => Ok(Some((min, max.unwrap_or(min)))),
        (None, Some(_)) => Err(DecodeError::Nat(MAX_WITHOUT_MIN)),
        (None, None) => Ok(None),
    }
}

fn decode_address(attr: &Attr<'_>) -> Result<IpAddr, DecodeError> {
    match attr.payload.len() {
        4 => Ok(IpAddr::from(*attr.array::<4>()?)),
        _ => Ok(IpAddr::from(*attr.array::<16>()?)),
    }
}

fn check_nat(nat: &Nat) -> Result<(), &'static str> {
    let options = nat.persistent || nat.proto_hash || nat.proto_random;
    let ranges = nat.addresses.is_some() || nat.ports.is_some();
    if nat.direction.is_none() && (options || ranges) {
        return Err(NO_DIRECTION);
    }
    match nat.addresses {
        Some((min, max)) if min.is_ipv4() != max.is_ipv4() => Err(MIXED_FAMILIES),
        _ => Ok(()),
    }
}

/// Appends a ct action. A forced commit is one attribute, which stands for both flags.
pub(super) fn encode(ct: &Ct, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let nest = out.begin(action_kind::CT);
    if ct.force {
        out.put_flag(FORCE_COMMIT);
    } else if ct.commit {
        out.put_flag(COMMIT);
    }
    if ct.zone != 0 {
        out.put_u16(ZONE, ct.zone);
    }
    if let Some((value, mask)) = ct.mark {
        let mut both = [0; 8];
        fill(&mut both, &value.to_ne_bytes(), &mask.to_ne_bytes());
        out.put_array(MARK, &both);
    }
    if let Some((value, mask)) = ct.labels {
        let mut both = [0; 32];
        fill(&mut both, &value.to_ne_bytes(), &mask.to_ne_bytes());
        out.put_array(LABELS, &both);
    }
    if let Some(helper) = &ct.helper {
        out.put_str(HELPER, helper)?;
    }
    if let Some(mask) = ct.event_mask {
        out.put_u32(EVENTMASK, mask);
    }
    if let Some(timeout) = &ct.timeout {
        out.put_str(TIMEOUT, timeout)?;
    }
    if let Some(nat) = &ct.nat {
        encode_nat(nat, out)?;
    }
    Ok(out.end(nest)?)
}

fn fill(both: &mut [u8], value: &[u8], mask: &[u8]) {
    for (to, from) in both.iter_mut().zip(value.iter().chain(mask)) {
        *to = *from;
    }
}

fn encode_nat(translation: &Nat, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    check_nat(translation).map_err(EncodeError::Nat)?;
    let nest = out.begin(NAT);
    match translation.direction {
        Some(NatDirection::Source) => out.put_flag(nat::SRC),
        Some(NatDirection::Destination) => out.put_flag(nat::DST),
        None => {}
    }
    if let Some((min, max)) = translation.addresses {
        encode_address(nat::IP_MIN, min, out);
        if max != min {
            encode_address(nat::IP_MAX, max, out);
        }
    }
    if let Some((min, max)) = translation.ports {
        out.put_u16(nat::PROTO_MIN, min);
        if max != min {
            out.put_u16(nat::PROTO_MAX, max);
        }
    }
    for (asked, kind) in [
        (translation.persistent, nat::PERSISTENT),
        (translation.proto_hash, nat::PROTO_HASH),
        (translation.proto_random, nat::PROTO_RANDOM),
    ] {
        if asked {
            out.put_flag(kind);
        }
    }
    Ok(out.end(nest)?)
}

fn encode_address(kind: u16, address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => out.put_array(kind, &address.octets()),
        IpAddr::V6(address) => out.put_array(kind, &address.octets()),
    }
}

//! Writes keys and flows.

use std::fmt;

use crate::codec::{TAGS, Tag};
use crate::field::Field;
use crate::header::Header;
use crate::key::{FlowKey, Nesting};
use crate::mask::FlowMask;
use crate::present::{Headers, VLAN_PRESENT};

use super::value::Hex;
use super::{HexBytes, List, View, header, tunnel};

/// A key under its mask, for writing.
#[derive(Clone, Copy)]
pub struct Flow<'a> {
    /// The key.
    pub key: &'a FlowKey,
    /// Its mask.
    pub mask: &'a FlowMask,
}

impl fmt::Display for Flow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = View {
            key: self.key,
            mask: Some(self.mask),
            verbose: f.alternate(),
        };
        write(view, f)
    }
}

impl fmt::Debug for Flow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#}")
    }
}

const VID: u128 = 0x0fff;
pub(super) const PCP_SHIFT: u32 = 13;

pub(super) fn write(view: View<'_>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    let headers = Headers::of(view.key);
    let mut list = List::new(out);
    let before_tunnel = |header| header < Header::InPort;
    write_headers(view, headers, before_tunnel, &mut list)?;
    if view.key.has_tunnel() {
        tunnel::write(view, list.next()?)?;
    }
    let metadata = |header| (Header::InPort..Header::Ethernet).contains(&header);
    write_headers(view, headers, metadata, &mut list)?;
    if headers.contains(Header::Ethernet) {
        write_header(view, Header::Ethernet, &mut list)?;
    }
    write_level(view, headers, &TAGS, Nesting::Top, list)
}

/// Writes what stands at one nesting level from the first tag on, and within its parentheses the next.
fn write_level(
    view: View<'_>,
    headers: Headers,
    tags: &[Tag],
    nesting: Nesting,
    mut list: List<'_, '_>,
) -> fmt::Result {
    write_unknown(view, nesting, &mut list)?;
    if let [tag, tags @ ..] = tags
        && view.key.has(tag.tci)
    {
        write_tag(view, tag, &mut list)?;
        let out = list.next()?;
        out.write_str("encap(")?;
        write_level(view, headers, tags, tag.inside, List::new(out))?;
        return out.write_str(")");
    }
    let (has_type, bits) = (view.key.has(Field::EthType), view.bits(Field::EthType));
    if has_type && view.shows(Field::EthType) {
        write_ethertype(view.value(Field::EthType), bits, list.next()?)?;
    } else if !has_type && view.mask.is_some() && bits != 0 {
        write!(list.next()?, "eth_type(0/{bits:#06x})")?;
    }
    let packet = |header| header > Header::Ethernet;
    write_headers(view, headers, packet, &mut list)
}

fn write_headers(
    view: View<'_>,
    headers: Headers,
    wanted: impl Fn(Header) -> bool,
    list: &mut List<'_, '_>,
) -> fmt::Result {
    for header in headers.iter().filter(|&header| wanted(header)) {
        if header.fields().any(|field| view.shows(field)) {
            write_header(view, header, list)?;
        }
    }
    Ok(())
}

fn write_header(view: View<'_>, header: Header, list: &mut List<'_, '_>) -> fmt::Result {
    header::write(list.next()?, header, |field| {
        view.shows(field)
            .then(|| (view.value(field), view.bits(field)))
    })
}

fn write_ethertype(value: u128, bits: u128, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(out, "eth_type({value:#06x}")?;
    if bits != Field::EthType.full() {
        write!(out, "/{bits:#06x}")?;
    }
    out.write_str(")")
}

fn write_tag(view: View<'_>, tag: &Tag, list: &mut List<'_, '_>) -> fmt::Result {
    write_ethertype(view.value(tag.tpid), view.bits(tag.tpid), list.next()?)?;
    let out = list.next()?;
    let (tci, bits) = (view.value(tag.tci), view.bits(tag.tci));
    out.write_str("vlan(")?;
    write_tci(tci, bits, view.verbose, out)?;
    // That the tag is there is a bit of the key, whether it counts or not.
    if view.key.get_or_zero(tag.tci) & u128::from(VLAN_PRESENT) == 0 {
        let (vid, pcp) = tci_parts(bits);
        let comma = if view.verbose || vid != 0 || pcp != 0 {
            ","
        } else {
            ""
        };
        write!(out, "{comma}cfi=0")?;
    }
    out.write_str(")")
}

fn tci_parts(tci: u128) -> (u128, u128) {
    (tci & VID, tci >> PCP_SHIFT)
}

/// Writes the VLAN id and the priority of a tag's control information.
pub(super) fn write_tci(
    tci: u128,
    bits: u128,
    verbose: bool,
    out: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let (vid, pcp) = tci_parts(tci);
    let (vid_bits, pcp_bits) = tci_parts(bits);
    let parts = [("vid", vid, vid_bits, VID), ("pcp", pcp, pcp_bits, 7)];
    let mut list = List::new(out);
    for (name, value, bits, full) in parts {
        if verbose || bits != 0 {
            let out = list.next()?;
            write!(out, "{name}={value}")?;
            if bits != full {
                write!(out, "/{}", Hex(bits))?;
            }
        }
    }
    Ok(())
}

/// Writes the unknown attributes of a nesting level as `key33(0a0b/ff00)`.
pub(super) fn write_unknown(
    view: View<'_>,
    nesting: Nesting,
    list: &mut List<'_, '_>,
) -> fmt::Result {
    for (_, attr) in view.key.unknown.iter().filter(|&&(at, _)| at == nesting) {
        let bits = view.mask.map(|mask| {
            mask.unknown
                .iter()
                .find(|(at, bits)| (*at, bits.kind) == (nesting, attr.kind))
                .map_or(&[][..], |(_, bits)| bits.payload.as_slice())
        });
        if !view.verbose && bits.is_some_and(|bits| bits.iter().all(|&bits| bits == 0)) {
            continue;
        }
        let out = list.next()?;
        write!(out, "key{}({}", attr.kind, HexBytes(&attr.payload))?;
        match bits {
            Some(bits) if bits.iter().any(|&bits| bits != 0xff) => {
                write!(out, "/{}", HexBytes(bits))?;
            }
            _ => {}
        }
        out.write_str(")")?;
    }
    Ok(())
}

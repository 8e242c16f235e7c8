//! The flow key of a frame by the kernel's rules (`net/openvswitch/flow.c`), which are not strict.
//!
//! * A header that is cut gives zeros, not an error: an IPv4 header that ends too early has addresses and
//!   protocol 0, a TCP header that does has ports 0.
//! * Neither IP version, nor total length, nor any checksum is looked at.
//! * Two VLAN tags are looked into. Of a third, only its type is told.
//! * A frame whose ethertype is a length is an LLC frame: no ethertype, unless a SNAP header has one.
//! * The first fragment has ports, a later one has none. An IPv6 later fragment has the protocol 44.
//!
//! Left out is what a key knows but a frame does not (port, tunnel, connection, marks), and MPLS and NSH,
//! whose keys `weft-flow` keeps without reading them.

mod ipv6;
mod transport;

use weft_flow::present::{VLAN_PRESENT, ethertype, fragment};
use weft_flow::{Field, FlowKey};

use crate::bytes::{left_at, mac_at, u8_at, u16_at, u32_at};

/// A frame taken apart.
#[derive(Clone, PartialEq, Debug)]
pub struct Dissection {
    /// The fields of its headers.
    pub key: FlowKey,
    /// Where the network header begins, in bytes from the start of the frame: after the Ethernet header,
    /// its tags and a SNAP header.
    pub network: usize,
    /// Where the transport header begins, if there is a whole one.
    pub transport: Option<usize>,
}

/// Length of two MAC addresses.
const ADDRESSES: usize = 12;
/// Length of a VLAN tag.
const TAG: usize = 4;
/// Length of an LLC and SNAP header with its ethertype.
const SNAP: usize = 8;
/// Numbers below are lengths, not ethertypes.
const LOWEST_ETHERTYPE: u16 = 0x0600;

/// The key of a frame; `None` if it is shorter than an Ethernet header, which the kernel does not take.
pub fn extract(frame: &[u8]) -> Option<FlowKey> {
    dissect(frame).map(|dissection| dissection.key)
}

/// The key of a frame, and where its headers are.
pub fn dissect(frame: &[u8]) -> Option<Dissection> {
    let mut key = FlowKey::new();
    key.set(Field::EthDst, mac_at(frame, 0)?);
    key.set(Field::EthSrc, mac_at(frame, 6)?);
    u16_at(frame, ADDRESSES)?;
    let mut at = ADDRESSES;
    let outer = tag(frame, at);
    let mut inner = None;
    if outer.is_some() {
        at += TAG;
        inner = tag(frame, at);
        if inner.is_some() {
            at += TAG;
        }
    }
    let (ethertype, network) = ethertype(frame, at)?;
    let told = set_tags(&mut key, [outer, inner], ethertype);
    let mut dissection = Dissection {
        key,
        network,
        transport: None,
    };
    if !told {
        return Some(dissection);
    }
    let Some(ethertype) = ethertype else {
        return Some(dissection);
    };
    dissection.key.set(Field::EthType, ethertype.into());
    match ethertype {
        ethertype::IPV4 => ipv4(frame, &mut dissection),
        ethertype::IPV6 => ipv6::read(frame, &mut dissection),
        ethertype::ARP | ethertype::RARP => arp(frame, &mut dissection),
        _ => {}
    }
    Some(dissection)
}

/// A VLAN tag's protocol and control information, if a whole tag and an ethertype after it are there.
fn tag(frame: &[u8], at: usize) -> Option<(u16, u16)> {
    let tpid = u16_at(frame, at).filter(|&tpid| is_tag(tpid))?;
    u16_at(frame, at + TAG)?;
    Some((tpid, u16_at(frame, at + 2)? | VLAN_PRESENT))
}

fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, ethertype::VLAN | ethertype::SERVICE_VLAN)
}

/// The ethertype, if it is one, and where what it names begins.
fn ethertype(frame: &[u8], at: usize) -> Option<(Option<u16>, usize)> {
    let number = u16_at(frame, at)?;
    let at = at + 2;
    if number >= LOWEST_ETHERTYPE {
        return Some((Some(number), at));
    }
    let snap = frame.get(at..at + SNAP);
    let Some(&[0xaa, 0xaa, _, 0, 0, 0, e0, e1]) = snap else {
        return Some((None, at));
    };
    let number = u16::from_be_bytes([e0, e1]);
    Some(((number >= LOWEST_ETHERTYPE).then_some(number), at + SNAP))
}

/// Tells the tags as the kernel does, and says whether it tells what comes after them. A tag too short to
/// be read is told as one whose fields are 0.
fn set_tags(
    key: &mut FlowKey,
    [outer, inner]: [Option<(u16, u16)>; 2],
    ethertype: Option<u16>,
) -> bool {
    let more = ethertype.is_some_and(is_tag);
    for (tag, tpid, tci) in [
        (outer, Field::VlanTpid, Field::VlanTci),
        (inner, Field::InnerVlanTpid, Field::InnerVlanTci),
    ] {
        if tag.is_none() && !more {
            return true;
        }
        let (tpid_value, tci_value) = tag.unwrap_or_default();
        key.set(tpid, tpid_value.into()).set(tci, tci_value.into());
        if tag.is_none() {
            return false;
        }
    }
    true
}

fn ipv4(frame: &[u8], dissection: &mut Dissection) {
    let (key, at) = (&mut dissection.key, dissection.network);
    let fields = [
        Field::Ipv4Src,
        Field::Ipv4Dst,
        Field::IpProto,
        Field::IpTos,
        Field::IpTtl,
        Field::IpFrag,
    ];
    for field in fields {
        key.set(field, 0);
    }
    let length = usize::from(u8_at(frame, at).unwrap_or(0) & 0x0f) * 4;
    let (Some(source), Some(destination)) = (u32_at(frame, at + 12), u32_at(frame, at + 16)) else {
        return;
    };
    if length < 20 || left_at(frame, at) < length {
        return;
    }
    let byte = |offset| u8_at(frame, at + offset).unwrap_or(0);
    let protocol = byte(9);
    key.set(Field::Ipv4Src, source.into());
    key.set(Field::Ipv4Dst, destination.into());
    key.set(Field::IpProto, protocol.into());
    key.set(Field::IpTos, byte(1).into());
    key.set(Field::IpTtl, byte(8).into());
    let fragment = u16_at(frame, at + 6).unwrap_or(0);
    if fragment & 0x1fff != 0 {
        key.set(Field::IpFrag, fragment::LATER.into());
        return;
    }
    if fragment & 0x2000 != 0 {
        key.set(Field::IpFrag, fragment::FIRST.into());
    }
    transport::read(frame, at + length, protocol, dissection);
}

/// ARP and RARP for IPv4 over Ethernet; of others the fields are 0. The operation has 8 bits.
fn arp(frame: &[u8], dissection: &mut Dissection) {
    let (key, at) = (&mut dissection.key, dissection.network);
    let fields = [
        Field::ArpOp,
        Field::ArpSip,
        Field::ArpTip,
        Field::ArpSha,
        Field::ArpTha,
    ];
    for field in fields {
        key.set(field, 0);
    }
    let ethernet_ipv4 = [0, 1, 0x08, 0, 6, 4];
    if left_at(frame, at) < 28 || frame.get(at..at + 6) != Some(&ethernet_ipv4) {
        return;
    }
    let operation = u16_at(frame, at + 6).filter(|&operation| operation <= 0xff);
    key.set(Field::ArpOp, operation.unwrap_or(0).into());
    key.set(Field::ArpSha, mac_at(frame, at + 8).unwrap_or(0));
    key.set(Field::ArpSip, u32_at(frame, at + 14).unwrap_or(0).into());
    key.set(Field::ArpTha, mac_at(frame, at + 18).unwrap_or(0));
    key.set(Field::ArpTip, u32_at(frame, at + 24).unwrap_or(0).into());
}

#[cfg(test)]
mod tests;

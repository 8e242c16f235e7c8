//! A frame's fields, as the kernel's flow key shows them.

use std::net::Ipv4Addr;

use weft_topology::MacAddr;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_C_TAG: u16 = 0x8100;
const ETHERTYPE_S_TAG: u16 = 0x88a8;

/// A frame of at least 14 bytes, its priority tag taken off.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The whole frame.
    pub(crate) bytes: Vec<u8>,
    pub(crate) destination: MacAddr,
    pub(crate) source: MacAddr,
    pub(crate) tag: Tag,
}

/// What stands where a VLAN tag can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    /// No tag.
    Absent,
    /// TPID 0x8100 with this VLAN id.
    Customer(u16),
    /// TPID 0x88a8.
    Service,
    /// A TPID, and the frame ends before the tag and a type after it do.
    CutShort,
}

/// What an untagged frame carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload<'a> {
    pub(crate) ether_type: u16,
    pub(crate) ethernet_ii: bool,
    /// From the first byte after the Ethernet (or SNAP) type.
    pub(crate) bytes: &'a [u8],
}

/// The ARP fields of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arp {
    pub(crate) operation: u16,
    pub(crate) sender_mac: MacAddr,
    pub(crate) sender: Ipv4Addr,
    pub(crate) target: Ipv4Addr,
}

impl Frame {
    /// Reads a frame; `None` when it has no Ethernet header.
    pub(crate) fn read(bytes: &[u8]) -> Option<Frame> {
        if bytes.len() < 14 {
            return None;
        }
        let mut bytes = bytes.to_vec();
        if tag_of(&bytes) == Tag::Customer(0) {
            bytes.drain(12..16);
        }
        Some(Frame {
            destination: mac_at(&bytes, 0)?,
            source: mac_at(&bytes, 6)?,
            tag: tag_of(&bytes),
            bytes,
        })
    }

    /// What an untagged frame carries, whatever its type.
    pub(crate) fn payload(&self) -> Option<Payload<'_>> {
        let ether_type = u16_at(&self.bytes, 12)?;
        if ether_type >= 0x0600 {
            return Some(Payload {
                ether_type,
                ethernet_ii: true,
                bytes: self.bytes.get(14..)?,
            });
        }
        // IEEE 802.3: a length. SNAP (RFC 1042) is LLC AA-AA-xx with an organisation and a type.
        let llc = self.bytes.get(14..22)?;
        let snap = llc[..2] == [0xaa, 0xaa] && llc[3..6] == [0, 0, 0];
        let ether_type = u16_at(llc, 6)?;
        (snap && ether_type >= 0x0600).then_some(Payload {
            ether_type,
            ethernet_ii: false,
            bytes: self.bytes.get(22..)?,
        })
    }

    /// The ARP fields, if it is ARP for Ethernet and IPv4.
    pub(crate) fn arp(&self) -> Option<Arp> {
        let payload = self.payload()?;
        let header = payload.bytes.get(..28)?;
        let ethernet_ipv4 = [0, 1, 0x08, 0x00, 6, 4];
        if payload.ether_type != ETHERTYPE_ARP || header[..6] != ethernet_ipv4 {
            return None;
        }
        Some(Arp {
            operation: u16_at(header, 6)?,
            sender_mac: mac_at(header, 8)?,
            sender: ipv4_at(header, 14)?,
            target: ipv4_at(header, 24)?,
        })
    }
}

impl<'a> Payload<'a> {
    /// The length of the IPv4 header, if it is IPv4 with a whole header.
    pub(crate) fn ipv4_header(&self) -> Option<usize> {
        let length = usize::from(self.bytes.first()? & 0x0f) * 4;
        let whole = length >= 20 && self.bytes.len() >= length;
        (self.ether_type == ETHERTYPE_IPV4 && whole).then_some(length)
    }
}

pub(crate) fn mac_at(bytes: &[u8], at: usize) -> Option<MacAddr> {
    let octets: [u8; 6] = bytes.get(at..at + 6)?.try_into().ok()?;
    Some(octets.into())
}

pub(crate) fn ipv4_at(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(octets.into())
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let octets: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(octets))
}

fn tag_of(bytes: &[u8]) -> Tag {
    match (u16_at(bytes, 12), u16_at(bytes, 14), u16_at(bytes, 16)) {
        (Some(ETHERTYPE_C_TAG), Some(tci), Some(_)) => Tag::Customer(tci & 0x0fff),
        (Some(ETHERTYPE_S_TAG), Some(_), Some(_)) => Tag::Service,
        (Some(ETHERTYPE_C_TAG | ETHERTYPE_S_TAG), ..) => Tag::CutShort,
        _ => Tag::Absent,
    }
}

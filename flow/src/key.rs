//! A packet's flow key, as the kernel extracted it, or a flow's.

use std::net::{Ipv4Addr, Ipv6Addr};

use pnet_base::MacAddr;

use crate::attr::Attr;
use crate::field::Field;
use crate::mask::TUNNEL_V6;
use crate::words::Words;

/// Values of fields, each present or absent.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FlowKey {
    values: Words,
    present: u64,
    /// Geneve options as they stand in the tunnel header.
    pub tunnel_options: Vec<u8>,
    /// Attributes that this version does not know, and where they stood, kept as they came; in the order
    /// of [`Nesting`].
    pub unknown: Vec<(Nesting, UnknownAttr)>,
}

/// A netlink attribute kept as it came from a kernel newer than this program.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct UnknownAttr {
    /// Attribute type as it came, with the flags of [`crate::attr`].
    pub kind: u16,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl From<Attr<'_>> for UnknownAttr {
    fn from(attr: Attr<'_>) -> Self {
        Self {
            kind: attr.tagged_kind(),
            payload: attr.payload.to_vec(),
        }
    }
}

/// Where in a key's attributes one stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Nesting {
    /// Not nested.
    Top,
    /// Within the outer VLAN tag's `OVS_KEY_ATTR_ENCAP`.
    Encap,
    /// Within the inner VLAN tag's.
    InnerEncap,
    /// Within `OVS_KEY_ATTR_TUNNEL`.
    Tunnel,
}

/// The fields of a tunnel header, as a set.
pub(crate) const TUNNEL_FIELDS: u64 = {
    let mut set = 0;
    let mut at = Field::TunId as u8;
    while at <= Field::TunTpDst as u8 {
        set |= 1 << at;
        at += 1;
    }
    set
};

impl Default for FlowKey {
    fn default() -> Self {
        Self {
            values: Words::ZERO,
            present: 0,
            tunnel_options: Vec::new(),
            unknown: Vec::new(),
        }
    }
}

impl FlowKey {
    /// A key with no field present.
    pub fn new() -> Self {
        Self::default()
    }

    /// The field's value, if it is present.
    #[inline]
    pub fn get(&self, field: Field) -> Option<u128> {
        self.has(field).then(|| self.values.get(field))
    }

    /// The field's value, or 0 when it is absent: for fields whose absence the kernel reads as 0
    /// (recirculation id, ct state, priority, mark).
    #[inline]
    pub fn get_or_zero(&self, field: Field) -> u128 {
        self.values.get(field)
    }

    /// Whether the field is present.
    #[inline]
    pub fn has(&self, field: Field) -> bool {
        self.present & field.bit() != 0
    }

    /// Sets a field; bits beyond its width are cut off.
    #[inline]
    pub fn set(&mut self, field: Field, value: u128) -> &mut Self {
        self.values.set(field, value);
        self.present |= field.bit();
        self
    }

    /// Makes a field absent.
    #[inline]
    pub fn clear(&mut self, field: Field) -> &mut Self {
        self.values.set(field, 0);
        self.present &= !field.bit();
        self
    }

    /// The set of the fields that are present, by [`Field::bit`].
    pub(crate) fn present(&self) -> u64 {
        self.present
    }

    /// Whether the packet came through a tunnel, or the key is that of a tunnel header to set.
    pub fn has_tunnel(&self) -> bool {
        self.present & TUNNEL_FIELDS != 0
            || !self.tunnel_options.is_empty()
            || self
                .unknown
                .iter()
                .any(|&(nesting, _)| nesting == Nesting::Tunnel)
    }

    /// Whether the packet has an Ethernet header.
    pub fn has_ethernet(&self) -> bool {
        self.has(Field::EthSrc) || self.has(Field::EthDst)
    }

    /// Whether the tunnel header is of IPv6; none if there is no tunnel header.
    pub(crate) fn tunnel_is_v6(&self) -> Option<bool> {
        self.has_tunnel()
            .then(|| TUNNEL_V6.iter().any(|&field| self.has(field)))
    }

    /// Takes the tunnel header away.
    pub fn clear_tunnel(&mut self) -> &mut Self {
        for field in Field::of(self.present & TUNNEL_FIELDS) {
            self.clear(field);
        }
        self.tunnel_options.clear();
        self.unknown
            .retain(|&(nesting, _)| nesting != Nesting::Tunnel);
        self
    }

    /// The fields that are present, in order.
    #[inline]
    pub fn fields(&self) -> impl Iterator<Item = (Field, u128)> + '_ {
        Field::of(self.present).map(|field| (field, self.values.get(field)))
    }

    /// The field as a 16-bit number.
    #[inline]
    pub fn u16(&self, field: Field) -> Option<u16> {
        self.get(field)
            .map(|value| u16::try_from(value).unwrap_or(u16::MAX))
    }

    /// The field as a 32-bit number.
    #[inline]
    pub fn u32(&self, field: Field) -> Option<u32> {
        self.get(field)
            .map(|value| u32::try_from(value).unwrap_or(u32::MAX))
    }

    /// The field as a MAC address.
    pub fn mac(&self, field: Field) -> Option<MacAddr> {
        self.get(field).map(mac_from_bits)
    }

    /// The field as an IPv4 address.
    pub fn ipv4(&self, field: Field) -> Option<Ipv4Addr> {
        self.u32(field).map(Ipv4Addr::from_bits)
    }

    /// The field as an IPv6 address.
    pub fn ipv6(&self, field: Field) -> Option<Ipv6Addr> {
        self.get(field).map(Ipv6Addr::from_bits)
    }
}

/// A MAC address as the number whose most significant byte is sent first.
pub fn mac_to_bits(mac: MacAddr) -> u128 {
    mac.octets()
        .iter()
        .fold(0, |bits, &byte| bits << 8 | u128::from(byte))
}

/// The inverse of [`mac_to_bits`]; bits beyond 48 are ignored.
pub fn mac_from_bits(bits: u128) -> MacAddr {
    let [.., a, b, c, d, e, f] = bits.to_be_bytes();
    MacAddr(a, b, c, d, e, f)
}

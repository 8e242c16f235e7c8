//! A flow's mask: which bits of which fields a packet must share with the key.

use crate::field::Field;
use crate::key::{FlowKey, Nesting, TUNNEL_FIELDS, UnknownAttr};
use crate::present::VLAN_PRESENT;
use crate::words::Words;

/// Bits of each field that count. A field whose bits are all 0 is wildcarded.
///
/// Bits of a field that the key lacks ask that packets lack it, too.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FlowMask {
    bits: Words,
    /// The fields of which any bit counts, by [`Field::bit`].
    asked: u64,
    /// Bits of the Geneve options that count; empty when none does.
    pub tunnel_options: Vec<u8>,
    /// Bits that count of attributes that this version does not know, and where they stand.
    pub unknown: Vec<(Nesting, UnknownAttr)>,
}

/// A tunnel header's addresses, IPv4.
pub(crate) const TUNNEL_V4: [Field; 2] = [Field::TunV4Src, Field::TunV4Dst];
/// A tunnel header's addresses, IPv6.
pub(crate) const TUNNEL_V6: [Field; 2] = [Field::TunV6Src, Field::TunV6Dst];

impl Default for FlowMask {
    fn default() -> Self {
        Self {
            bits: Words::ZERO,
            asked: 0,
            tunnel_options: Vec::new(),
            unknown: Vec::new(),
        }
    }
}

impl FlowMask {
    /// A mask that matches every packet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bits of a field that count.
    #[inline]
    pub fn get(&self, field: Field) -> u128 {
        self.bits.get(field)
    }

    /// Adds bits of a field; bits beyond its width are cut off.
    #[inline]
    pub fn add(&mut self, field: Field, bits: u128) -> &mut Self {
        if self.bits.add(field, bits) {
            self.asked |= field.bit();
        }
        self
    }

    /// Replaces the bits of a field.
    #[inline]
    pub fn set(&mut self, field: Field, bits: u128) -> &mut Self {
        self.bits.set(field, bits);
        match bits & field.full() {
            0 => self.asked &= !field.bit(),
            _ => self.asked |= field.bit(),
        }
        self
    }

    /// Makes the whole field count.
    #[inline]
    pub fn add_field(&mut self, field: Field) -> &mut Self {
        self.add(field, field.full())
    }

    /// Adds what the kernel compares without being asked: whether there are VLAN tags and which kind they
    /// are; all of the port and of the ethertype if any bit of them; and if anything of the tunnel header,
    /// whether there is one and its address family.
    pub fn add_implied(&mut self, key: &FlowKey) -> &mut Self {
        for field in [Field::InPort, Field::EthType] {
            if self.get(field) != 0 {
                self.add_field(field);
            }
        }
        for (tpid, tci) in [
            (Field::VlanTpid, Field::VlanTci),
            (Field::InnerVlanTpid, Field::InnerVlanTci),
        ] {
            self.add_field(tpid);
            if key.has(tci) {
                self.add(tci, VLAN_PRESENT.into());
            } else {
                self.add_field(tci);
            }
        }
        if !key.has_tunnel() && self.asks(TUNNEL_FIELDS) {
            self.add_fields(TUNNEL_FIELDS);
        } else if self.is_full(&TUNNEL_V4) || self.is_full(&TUNNEL_V6) {
            for field in TUNNEL_V4.into_iter().chain(TUNNEL_V6) {
                self.add_field(field);
            }
        }
        self
    }

    /// Asks for nothing of the tunnel header.
    pub fn clear_tunnel(&mut self) -> &mut Self {
        for field in Field::of(self.asked & TUNNEL_FIELDS) {
            self.set(field, 0);
        }
        self.tunnel_options.clear();
        self.unknown
            .retain(|&(nesting, _)| nesting != Nesting::Tunnel);
        self
    }

    /// Makes all fields of a set count.
    pub(crate) fn add_fields(&mut self, fields: u64) {
        for field in Field::of(fields) {
            self.add_field(field);
        }
    }

    /// Whether all bits of all the fields count.
    pub(crate) fn is_full(&self, fields: &[Field]) -> bool {
        fields.iter().all(|&field| self.get(field) == field.full())
    }

    /// Whether every bit of `other` is set here, too.
    pub fn covers(&self, other: &FlowMask) -> bool {
        self.bits.cover(&other.bits)
            && covers_bytes(&self.tunnel_options, &other.tunnel_options)
            && other.unknown.iter().all(|(nesting, theirs)| {
                find(&self.unknown, *nesting, theirs.kind)
                    .is_some_and(|mine| covers_bytes(mine, &theirs.payload))
            })
    }

    /// Whether two keys agree in every bit that counts. A field that counts must be present in both
    /// or in neither: "absent" and 0 differ. If anything of the tunnel header counts, so does its
    /// address family. Whether there is an Ethernet header counts always.
    pub fn agree(&self, one: &FlowKey, other: &FlowKey) -> bool {
        self.fields().all(|(field, bits)| {
            one.has(field) == other.has(field)
                && (one.get_or_zero(field) ^ other.get_or_zero(field)) & bits == 0
        }) && (!self.asks_tunnel() || one.tunnel_is_v6() == other.tunnel_is_v6())
            && one.has_ethernet() == other.has_ethernet()
            && agree_bytes(
                &self.tunnel_options,
                &one.tunnel_options,
                &other.tunnel_options,
            )
            && self.unknown.iter().all(|(nesting, mask)| {
                let in_one = find(&one.unknown, *nesting, mask.kind);
                let in_other = find(&other.unknown, *nesting, mask.kind);
                match (in_one, in_other) {
                    (Some(one), Some(other)) => agree_bytes(&mask.payload, one, other),
                    (one, other) => one == other || mask.payload.iter().all(|&bits| bits == 0),
                }
            })
    }

    /// The key with the bits that do not count set to 0.
    pub fn apply(&self, key: &FlowKey) -> FlowKey {
        let mut masked = key.clone();
        for (field, value) in key.fields() {
            masked.set(field, value & self.get(field));
        }
        and_bytes(&mut masked.tunnel_options, &self.tunnel_options);
        for (nesting, attr) in &mut masked.unknown {
            let mask = find(&self.unknown, *nesting, attr.kind).unwrap_or_default();
            and_bytes(&mut attr.payload, mask);
        }
        masked
    }

    /// The fields with bits that count, in order.
    #[inline]
    pub fn fields(&self) -> impl Iterator<Item = (Field, u128)> + '_ {
        Field::of(self.asked).map(|field| (field, self.get(field)))
    }

    /// Whether any bit of a set of fields counts.
    pub(crate) fn asks(&self, fields: u64) -> bool {
        self.asked & fields != 0
    }

    /// Whether anything of the tunnel header counts.
    pub(crate) fn asks_tunnel(&self) -> bool {
        self.asks(TUNNEL_FIELDS)
            || !self.tunnel_options.is_empty()
            || self
                .unknown
                .iter()
                .any(|&(nesting, _)| nesting == Nesting::Tunnel)
    }
}

fn find(unknown: &[(Nesting, UnknownAttr)], nesting: Nesting, kind: u16) -> Option<&[u8]> {
    unknown
        .iter()
        .find(|(at, attr)| (*at, attr.kind) == (nesting, kind))
        .map(|(_, attr)| attr.payload.as_slice())
}

fn covers_bytes(mine: &[u8], theirs: &[u8]) -> bool {
    theirs
        .iter()
        .enumerate()
        .all(|(at, bits)| bits & !mine.get(at).copied().unwrap_or(0) == 0)
}

fn agree_bytes(mask: &[u8], one: &[u8], other: &[u8]) -> bool {
    mask.iter()
        .enumerate()
        .all(|(at, bits)| match (one.get(at), other.get(at)) {
            _ if *bits == 0 => true,
            (Some(a), Some(b)) => (a ^ b) & bits == 0,
            (a, b) => a == b,
        })
}

fn and_bytes(value: &mut [u8], mask: &[u8]) {
    for (at, byte) in value.iter_mut().enumerate() {
        *byte &= mask.get(at).copied().unwrap_or(0);
    }
}

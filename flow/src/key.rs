//! A packet's flow key, as the kernel extracted it, or a flow's.

use std::net::{Ipv4Addr, Ipv6Addr};

use pnet_base::MacAddr;

use crate::field::Field;

/// Values of fields, each present or absent.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FlowKey {
    values: [u128; Field::COUNT],
    present: u64,
    /// Geneve options as they stand in the tunnel header.
    pub tunnel_options: Vec<u8>,
    /// Attributes that this version does not know, kept as they came.
    pub unknown: Vec<UnknownAttr>,
}

/// A netlink attribute kept as it came from a kernel newer than this program.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct UnknownAttr {
    /// Attribute type, without the nested and byte-order flags.
    pub kind: u16,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Default for FlowKey {
    fn default() -> Self {
        Self {
            values: [0; Field::COUNT],
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
    pub fn get(&self, field: Field) -> Option<u128> {
        self.has(field).then(|| self.values[field as usize])
    }

    /// The field's value, or 0 when it is absent: for fields whose absence the kernel reads as 0
    /// (recirculation id, ct state, priority, mark).
    pub fn get_or_zero(&self, field: Field) -> u128 {
        self.values[field as usize]
    }

    /// Whether the field is present.
    pub fn has(&self, field: Field) -> bool {
        self.present & (1 << field as u8) != 0
    }

    /// Sets a field; bits beyond its width are cut off.
    pub fn set(&mut self, field: Field, value: u128) -> &mut Self {
        self.values[field as usize] = value & field.full();
        self.present |= 1 << field as u8;
        self
    }

    /// Makes a field absent.
    pub fn clear(&mut self, field: Field) -> &mut Self {
        self.values[field as usize] = 0;
        self.present &= !(1 << field as u8);
        self
    }

    /// The fields that are present, in order.
    pub fn fields(&self) -> impl Iterator<Item = (Field, u128)> + '_ {
        Field::ALL
            .iter()
            .filter_map(|&field| self.get(field).map(|value| (field, value)))
    }

    /// The field as a 16-bit number.
    pub fn u16(&self, field: Field) -> Option<u16> {
        self.get(field)
            .map(|value| u16::try_from(value).unwrap_or(u16::MAX))
    }

    /// The field as a 32-bit number.
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

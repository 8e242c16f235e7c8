//! A flow's mask: which bits of which fields a packet must share with the key.

use crate::field::Field;
use crate::key::FlowKey;

/// Bits of each field that count. A field whose bits are all 0 is wildcarded.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FlowMask {
    bits: [u128; Field::COUNT],
    /// Bits of the Geneve options that count; empty when none does.
    pub tunnel_options: Vec<u8>,
}

impl Default for FlowMask {
    fn default() -> Self {
        Self {
            bits: [0; Field::COUNT],
            tunnel_options: Vec::new(),
        }
    }
}

impl FlowMask {
    /// A mask that matches every packet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bits of a field that count.
    pub fn get(&self, field: Field) -> u128 {
        self.bits[field as usize]
    }

    /// Adds bits of a field; bits beyond its width are cut off.
    pub fn add(&mut self, field: Field, bits: u128) -> &mut Self {
        self.bits[field as usize] |= bits & field.full();
        self
    }

    /// Replaces the bits of a field.
    pub fn set(&mut self, field: Field, bits: u128) -> &mut Self {
        self.bits[field as usize] = bits & field.full();
        self
    }

    /// Makes the whole field count.
    pub fn add_field(&mut self, field: Field) -> &mut Self {
        self.add(field, field.full())
    }

    /// Whether every bit of `other` is set here, too.
    pub fn covers(&self, other: &FlowMask) -> bool {
        self.bits
            .iter()
            .zip(&other.bits)
            .all(|(mine, theirs)| theirs & !mine == 0)
            && other.tunnel_options.iter().enumerate().all(|(at, theirs)| {
                theirs & !self.tunnel_options.get(at).copied().unwrap_or(0) == 0
            })
    }

    /// Whether two keys agree in every bit that counts. A field that counts must be present in both
    /// or in neither: "absent" and 0 differ.
    pub fn agree(&self, one: &FlowKey, other: &FlowKey) -> bool {
        Field::ALL.iter().all(|&field| {
            let bits = self.get(field);
            bits == 0
                || (one.has(field) == other.has(field)
                    && (one.get_or_zero(field) ^ other.get_or_zero(field)) & bits == 0)
        }) && self.tunnel_options.iter().enumerate().all(|(at, bits)| {
            let byte = |key: &FlowKey| key.tunnel_options.get(at).copied();
            *bits == 0
                || match (byte(one), byte(other)) {
                    (Some(a), Some(b)) => (a ^ b) & bits == 0,
                    (a, b) => a == b,
                }
        })
    }

    /// The fields with bits that count, in order.
    pub fn fields(&self) -> impl Iterator<Item = (Field, u128)> + '_ {
        Field::ALL
            .iter()
            .map(|&field| (field, self.get(field)))
            .filter(|&(_, bits)| bits != 0)
    }
}

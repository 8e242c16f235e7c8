//! The values of all fields side by side, each in as many 32-bit words as its width needs.
//!
//! Every flow that an agent knows has two of these, and every packet that comes up several: a third of the
//! size of 128 bits a field is a third of the copying.

use crate::field::Field;

/// How many words a field takes.
const fn words(field: Field) -> usize {
    field.width().div_ceil(32) as usize
}

/// How many words all fields take.
const TOTAL: usize = {
    let (mut total, mut at) = (0, 0);
    while at < Field::COUNT {
        total += words(Field::ALL[at]);
        at += 1;
    }
    total
};

/// Where each field's words begin, the least significant one first.
const FIRST: [u8; Field::COUNT] = {
    let mut first = [0; Field::COUNT];
    let (mut total, mut at) = (0, 0);
    while at < Field::COUNT {
        #[allow(clippy::cast_possible_truncation, reason = "asserted below")]
        {
            first[at] = total as u8;
        }
        total += words(Field::ALL[at]);
        at += 1;
    }
    first
};

const _: () = assert!(TOTAL <= u8::MAX as usize, "places are bytes");

/// A value for each field.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Words([u32; TOTAL]);

impl Words {
    /// All fields are 0.
    pub(crate) const ZERO: Self = Self([0; TOTAL]);

    /// A field's value.
    #[inline]
    pub(crate) fn get(&self, field: Field) -> u128 {
        let first = usize::from(FIRST[field as usize]);
        let word = |at: usize| u128::from(self.0[first + at]) << (32 * at);
        match words(field) {
            1 => word(0),
            2 => word(0) | word(1),
            _ => word(0) | word(1) | word(2) | word(3),
        }
    }

    /// Replaces a field's value, of which bits beyond its width are cut off.
    #[allow(clippy::cast_possible_truncation, reason = "word by word")]
    #[inline]
    pub(crate) fn set(&mut self, field: Field, value: u128) {
        let value = value & field.full();
        let first = usize::from(FIRST[field as usize]);
        for at in 0..words(field) {
            self.0[first + at] = (value >> (32 * at)) as u32;
        }
    }

    /// Adds bits to a field's value, of which those beyond its width are cut off; whether any is left.
    #[allow(clippy::cast_possible_truncation, reason = "word by word")]
    #[inline]
    pub(crate) fn add(&mut self, field: Field, bits: u128) -> bool {
        let bits = bits & field.full();
        let first = usize::from(FIRST[field as usize]);
        for at in 0..words(field) {
            self.0[first + at] |= (bits >> (32 * at)) as u32;
        }
        bits != 0
    }

    /// Whether every bit of `other` is set here, too.
    pub(crate) fn cover(&self, other: &Self) -> bool {
        self.0
            .iter()
            .zip(&other.0)
            .all(|(mine, theirs)| theirs & !mine == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_keeps_its_own_value_whatever_the_others_are() {
        for &field in Field::ALL {
            let mut words = Words::ZERO;
            words.set(field, u128::MAX);
            for &other in Field::ALL {
                let expected = if other == field { field.full() } else { 0 };
                assert_eq!(words.get(other), expected, "{field:?} beside {other:?}");
            }
            let value = 0x0123_4567_89ab_cdef_0f1e_2d3c_4b5a_6978 & field.full();
            words.set(field, value);
            assert_eq!(words.get(field), value);
            assert!(words.add(field, u128::MAX) && !words.add(field, 0));
            assert_eq!(words.get(field), field.full());
        }
        assert!(matches!(words(Field::TunId), 2));
    }
}

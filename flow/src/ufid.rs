//! Flow ids (`OVS_FLOW_ATTR_UFID`): 128 bits computed from what a flow matches.
//!
//! Two flows that match the same packets by the same bits have the same id, in every process and every
//! release: after a restart the agent finds its flows in the kernel under the ids that it would give them.
//!
//! The id is SipHash-2-4 with 128 bits of output, under the key [`KEY`], of this text. For every field
//! with bits in the mask, in the order of [`Field`]: one byte, the field's number, plus 0x80 if the key
//! has the field; then, if so, the value's bits that count, and in any case the mask's bits, each as the
//! fewest bytes that hold the field's width, most significant first. Then, if anything of it counts, the
//! byte 0x40, the tunnel options' length in two bytes, their bits that count and the mask's. Then for
//! each unknown attribute in the mask the byte 0x41, its nesting, its type and length in two bytes each,
//! and its bits likewise. Last what the kernel compares though no field says it: the byte 0x42 if the key
//! has no Ethernet header, and, if anything of a tunnel header counts, 0x43 if that is one of IPv6.
//!
//! The mask must have what the kernel adds to it ([`FlowMask::add_implied`]), as those of
//! [`crate::dictionary`], of the text form and of a dump do. From a dump the id can be computed again, but
//! for what the kernel does not show: that there be no original tuple, bits of one whose protocol does not
//! count, and the family of a tunnel header whose addresses do not count.

use std::fmt;
use std::hash::Hasher;
use std::str::FromStr;

use siphasher::sip128::{Hasher128, SipHasher24};

use smallvec::SmallVec;

use crate::field::Field;
use crate::key::{FlowKey, Nesting, UnknownAttr};
use crate::mask::FlowMask;

/// The hash's key. With another one the ids of flows in the kernel would change.
pub const KEY: &[u8; 16] = b"weft flow id 001";

const PRESENT: u8 = 0x80;
const TUNNEL_OPTIONS: u8 = 0x40;
const UNKNOWN: u8 = 0x41;
const NO_ETHERNET: u8 = 0x42;
const TUNNEL_OF_V6: u8 = 0x43;

/// What is hashed; the longest masks of the dictionary fit.
type Text = SmallVec<[u8; 512]>;

/// A flow's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ufid(pub [u8; 16]);

impl Ufid {
    /// The id of the flow with this key and mask. Bits of the key that the mask leaves out do not matter.
    pub fn of(key: &FlowKey, mask: &FlowMask) -> Self {
        let mut text = Text::new();
        for (field, bits) in mask.fields() {
            hash_field(&mut text, key, field, bits);
        }
        if mask.tunnel_options.iter().any(|&bits| bits != 0) {
            text.extend_from_slice(&[TUNNEL_OPTIONS]);
            hash_bytes(&mut text, &key.tunnel_options, &mask.tunnel_options);
        }
        for (nesting, attr) in &mask.unknown {
            let value = key
                .unknown
                .iter()
                .find(|(at, other)| (at, other.kind) == (nesting, attr.kind));
            hash_unknown(&mut text, *nesting, attr, value.map(|(_, attr)| attr));
        }
        if !key.has_ethernet() {
            text.extend_from_slice(&[NO_ETHERNET]);
        }
        if mask.asks_tunnel() && key.tunnel_is_v6() == Some(true) {
            text.extend_from_slice(&[TUNNEL_OF_V6]);
        }
        let mut hasher = SipHasher24::new_with_key(KEY);
        hasher.write(&text);
        Self(hasher.finish128().as_bytes())
    }
}

fn hash_field(text: &mut Text, key: &FlowKey, field: Field, bits: u128) {
    let width = field.width().div_ceil(8) as usize;
    let append = |text: &mut Text, value: u128| {
        let bytes = value.to_be_bytes();
        text.extend_from_slice(bytes.get(bytes.len() - width..).unwrap_or_default());
    };
    let number = field as u8;
    match key.get(field) {
        Some(value) => {
            text.push(number | PRESENT);
            append(text, value & bits);
        }
        None => text.push(number),
    }
    append(text, bits);
}

fn hash_unknown(
    text: &mut Text,
    nesting: Nesting,
    mask: &UnknownAttr,
    value: Option<&UnknownAttr>,
) {
    let [k0, k1] = mask.kind.to_be_bytes();
    text.extend_from_slice(&[UNKNOWN, nesting as u8, k0, k1]);
    hash_bytes(
        text,
        value.map_or(&[], |attr| attr.payload.as_slice()),
        &mask.payload,
    );
}

/// Length, value under the mask, and mask.
fn hash_bytes(text: &mut Text, value: &[u8], mask: &[u8]) {
    // Longer than an attribute can be it never is.
    let length = u16::try_from(mask.len()).unwrap_or(u16::MAX);
    text.extend_from_slice(&length.to_be_bytes());
    for (at, bits) in mask.iter().enumerate() {
        text.extend_from_slice(&[value.get(at).copied().unwrap_or(0) & bits]);
    }
    text.extend_from_slice(mask);
}

/// Four numbers of four bytes each in the processor's order: so OVS's tools write and read ids.
fn words(bytes: [u8; 16]) -> u128 {
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().fold(0, |bits, &word| {
        bits << 32 | u128::from(u32::from_ne_bytes(word))
    })
}

/// The inverse of [`words`].
fn from_words(bits: u128) -> [u8; 16] {
    // Words swapped twice are as they were.
    words(bits.to_be_bytes()).to_be_bytes()
}

/// `ufid:` and a UUID, as `ovs-dpctl` writes it on the same machine.
impl fmt::Display for Ufid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = words(self.0);
        write!(
            f,
            "ufid:{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            bits >> 96,
            bits >> 80 & 0xffff,
            bits >> 64 & 0xffff,
            bits >> 48 & 0xffff,
            bits & 0xffff_ffff_ffff
        )
    }
}

impl fmt::Debug for Ufid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no flow id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a flow id is 32 hexadecimal digits, after \"ufid:\" and with dashes if wanted")]
pub struct NotUfid;

impl FromStr for Ufid {
    type Err = NotUfid;

    fn from_str(text: &str) -> Result<Self, NotUfid> {
        let text = text.strip_prefix("ufid:").unwrap_or(text);
        let digits: String = text.chars().filter(|&c| c != '-').collect();
        if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotUfid);
        }
        u128::from_str_radix(&digits, 16)
            .map(|bits| Self(from_words(bits)))
            .map_err(|_| NotUfid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow() -> (FlowKey, FlowMask) {
        let mut key = FlowKey::new();
        key.set(Field::InPort, 2)
            .set(Field::EthSrc, 0x0200_0000_0001)
            .set(Field::EthType, 0x0800)
            .set(Field::Ipv4Dst, 0xc000_0201);
        let mut mask = FlowMask::new();
        mask.add_field(Field::InPort)
            .add_field(Field::EthType)
            .add_field(Field::TunId)
            .add(Field::Ipv4Dst, 0xffff_ff00);
        (key, mask)
    }

    #[test]
    fn an_id_never_changes() {
        let (key, mask) = flow();
        assert_eq!(
            Ufid::of(&key, &mask).0,
            0x7255_1755_32a1_19ea_120a_9c3f_2b93_1ff0_u128.to_be_bytes()
        );
    }

    #[test]
    fn bits_outside_the_mask_do_not_matter_and_others_do() {
        let (key, mask) = flow();
        let id = Ufid::of(&key, &mask);
        let mut same = key.clone();
        same.set(Field::Ipv4Dst, 0xc000_02ff).set(Field::EthSrc, 7);
        assert_eq!(Ufid::of(&same, &mask), id);
        let mut other = key.clone();
        other.set(Field::Ipv4Dst, 0xc000_0301);
        assert_ne!(Ufid::of(&other, &mask), id);
        let mut absent = key.clone();
        absent.clear(Field::EthType);
        let mut zero = key.clone();
        zero.set(Field::EthType, 0);
        assert_ne!(Ufid::of(&absent, &mask), Ufid::of(&zero, &mask));
        let mut wider = mask.clone();
        wider.set(Field::Ipv4Dst, 0xffff_0000);
        assert_ne!(Ufid::of(&key, &wider), id);
    }

    #[test]
    fn what_the_kernel_compares_unasked_matters() {
        let (key, _) = flow();
        let mut mask = FlowMask::new();
        mask.add_field(Field::InPort).add_field(Field::EthType);
        let mut no_frame = key.clone();
        no_frame.clear(Field::EthSrc);
        assert_ne!(Ufid::of(&key, &mask), Ufid::of(&no_frame, &mask));
        assert!(!mask.agree(&key, &no_frame));

        let (mut four, mut six) = (key.clone(), key);
        four.set(Field::TunId, 5).set(Field::TunV4Dst, 1);
        six.set(Field::TunId, 5).set(Field::TunV6Dst, 1);
        assert_eq!(Ufid::of(&four, &mask), Ufid::of(&six, &mask));
        mask.add_field(Field::TunId);
        assert_ne!(Ufid::of(&four, &mask), Ufid::of(&six, &mask));
        assert!(!mask.agree(&four, &six));
    }

    #[test]
    fn an_id_comes_back_from_its_text() {
        let (key, mask) = flow();
        let id = Ufid::of(&key, &mask);
        assert_eq!(id.to_string().parse(), Ok(id));
        let first = Ufid([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]);
        let text = if cfg!(target_endian = "little") {
            "ufid:00000001-0000-0002-0000-000300000004"
        } else {
            "ufid:01000000-0200-0000-0300-000004000000"
        };
        assert_eq!(first.to_string(), text);
        assert_eq!(text.parse(), Ok(first));
        assert_eq!("xx".parse::<Ufid>(), Err(NotUfid));
        assert_eq!(
            "+2345678901234567890123456789012".parse::<Ufid>(),
            Err(NotUfid)
        );
    }
}

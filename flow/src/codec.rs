//! Netlink form of keys, masks and actions: strict decoders and their encoders.
//!
//! Strict: a wrong length, an attribute given twice, headers that contradict each other are errors. An
//! attribute or action that this version does not know is kept and encoded again byte for byte. Decoding
//! a key whose attributes are all known allocates nothing.

mod action;
mod ct;
mod key;
mod mask;
mod set;
mod slots;
mod tunnel;

pub use action::{decode_actions, encode_actions};
pub(crate) use key::{TAGS, Tag};
pub use key::{decode_key, encode_key, in_port};
pub use mask::{decode_mask, encode_mask};
pub use tunnel::{decode_tunnel, encode_tunnel};

use crate::attr::{AttrError, TooLong};
use crate::field::Field;
use crate::header::Header;
use crate::present::HeadersError;

/// How deep actions may hold actions, both ways.
pub const MAX_DEPTH: usize = 16;

/// What is wrong with the netlink form of a key, a mask or actions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// The attributes themselves are broken, or one has the wrong length.
    #[error(transparent)]
    Attr(#[from] AttrError),
    /// An attribute is there twice.
    #[error("attribute {kind} is there twice")]
    Duplicate {
        /// Its type.
        kind: u16,
    },
    /// A key's headers contradict each other.
    #[error("key with {0}")]
    Headers(#[from] HeadersError),
    /// Of a VLAN tag's three attributes (ETHERTYPE, VLAN, ENCAP) some are missing.
    #[error("VLAN tag without attribute {missing}")]
    PartOfTag {
        /// The missing attribute's type.
        missing: u16,
    },
    /// There are more VLAN tags in a key than two.
    #[error("more than two VLAN tags")]
    TooManyTags,
    /// A mask has bits in an attribute that its key does not have.
    #[error("mask has bits in attribute {kind}, which the key does not have")]
    MaskWithoutKey {
        /// The attribute's type.
        kind: u16,
    },
    /// A mask's Geneve options are not as long as the key's.
    #[error("mask has {mask} bytes of tunnel options, the key has {key}")]
    OptionsLength {
        /// Length in the mask.
        mask: usize,
        /// Length in the key.
        key: usize,
    },
    /// A set action does not hold exactly one attribute.
    #[error("set action without exactly one attribute")]
    SetOfSeveral,
    /// A masked set has value bits that its mask does not write.
    #[error("masked set of {header:?} has value bits outside its mask")]
    ValueOutsideMask {
        /// The header.
        header: Header,
    },
    /// An attribute that the action needs is missing.
    #[error("action {action} without attribute {missing}")]
    Missing {
        /// The action's type.
        action: u16,
        /// The missing attribute's type.
        missing: u16,
    },
    /// Actions are nested deeper than [`MAX_DEPTH`].
    #[error("actions are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// The attributes of a translation contradict each other.
    #[error("address translation with {0}")]
    Nat(&'static str),
}

/// What cannot be said to the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EncodeError {
    /// An attribute would be longer than the format allows.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// A key has a field but nothing that says which header it is of.
    #[error("{field:?} is of no header that this key has")]
    Orphan {
        /// The field.
        field: Field,
    },
    /// A mask has bits in a field that the key does not have, and the kernel cannot be asked for its
    /// absence.
    #[error("the mask asks for {field:?}, which the key does not have")]
    MaskWithoutKey {
        /// The field.
        field: Field,
    },
    /// A mask's Geneve options are longer than the key's.
    #[error("mask has {mask} bytes of tunnel options, the key has {key}")]
    OptionsLength {
        /// Length in the mask.
        mask: usize,
        /// Length in the key.
        key: usize,
    },
    /// A set action writes nothing.
    #[error("set of {header:?} that writes nothing")]
    EmptySet {
        /// The header.
        header: Header,
    },
    /// A set action has a field of another header.
    #[error("set of {header:?} has {field:?}, which is of another header")]
    ForeignField {
        /// The header.
        header: Header,
        /// The field.
        field: Field,
    },
    /// The kernel does not write that header.
    #[error("{header:?} cannot be set")]
    NotSettable {
        /// The header.
        header: Header,
    },
    /// A tunnel header to set has a field of another header.
    #[error("tunnel header has {field:?}")]
    NotTunnel {
        /// The field.
        field: Field,
    },
    /// Actions are nested deeper than [`MAX_DEPTH`].
    #[error("actions are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// The parts of a translation contradict each other.
    #[error("address translation with {0}")]
    Nat(&'static str),
}

/// `OVS_KEY_ATTR_*` that the table of headers does not have.
pub(crate) mod kind {
    pub(crate) const ENCAP: u16 = 1;
    pub(crate) const VLAN: u16 = 5;
    pub(crate) const ETHERTYPE: u16 = 6;
    pub(crate) const TUNNEL: u16 = 16;
    pub(crate) const MPLS: u16 = 21;
    pub(crate) const NSH: u16 = 28;
}

/// Attribute types seen so far.
#[derive(Clone, Copy, Default)]
struct Seen(u64);

impl Seen {
    /// Notes a type; an error if it was noted before. Types from 64 on are not followed.
    #[inline]
    fn note(&mut self, kind: u16) -> Result<(), DecodeError> {
        let bit = 1u64.checked_shl(kind.into()).unwrap_or(0);
        if self.0 & bit != 0 {
            return Err(DecodeError::Duplicate { kind });
        }
        self.0 |= bit;
        Ok(())
    }
}

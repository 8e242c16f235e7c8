//! Netlink attributes (`struct nlattr`, `include/uapi/linux/netlink.h`): a borrowed walker and a writer.
//!
//! An attribute is a 16-bit length (header and payload), a 16-bit type in host byte order and a payload,
//! padded to 4 bytes. The two upper bits of the type are flags. The walker never panics and never reads
//! beyond its slice; what is wrong with the bytes it says as an [`AttrError`], once, and then it ends.

use std::str::Utf8Error;

/// Length of an attribute's header in bytes.
pub const HEADER: usize = 4;
/// Flag in the type: the payload is a sequence of attributes (`NLA_F_NESTED`).
pub const NESTED: u16 = 1 << 15;
/// Flag in the type: the payload is in network byte order (`NLA_F_NET_BYTEORDER`).
pub const NET_BYTE_ORDER: u16 = 1 << 14;
/// The longest payload that the 16-bit length can say.
pub const MAX_PAYLOAD: usize = u16::MAX as usize - HEADER;

/// One attribute, borrowed from the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Attr<'a> {
    /// Its type, without the flags.
    pub kind: u16,
    /// Whether [`NESTED`] is set. The OVS families leave it clear, also where they nest.
    pub nested: bool,
    /// Its payload, without the padding.
    pub payload: &'a [u8],
    tagged_kind: u16,
}

/// What is wrong with attributes. Offsets count from the start of the walked slice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AttrError {
    /// Fewer bytes are left than a header has.
    #[error("attributes end within a header: {left} bytes at offset {at}")]
    ShortHeader {
        /// Where the header begins.
        at: usize,
        /// How many bytes are left.
        left: usize,
    },
    /// The length is less than the header's own.
    #[error("attribute at offset {at} has length {length}, less than its header")]
    ShortLength {
        /// Where the attribute begins.
        at: usize,
        /// The length it gives.
        length: u16,
    },
    /// The length says more bytes than there are.
    #[error("attribute at offset {at} has length {length}, but {left} bytes are left")]
    Overrun {
        /// Where the attribute begins.
        at: usize,
        /// The length it gives.
        length: u16,
        /// How many bytes are left.
        left: usize,
    },
    /// The payload is not as long as the attribute's type says.
    #[error("attribute {kind} has {length} bytes of payload instead of {expected}")]
    PayloadLength {
        /// The attribute's type.
        kind: u16,
        /// Its payload's length in bytes.
        length: usize,
        /// The length that the type has.
        expected: usize,
    },
    /// A string is not UTF-8.
    #[error("attribute {kind} is not a string: {cause}")]
    NotUtf8 {
        /// The attribute's type.
        kind: u16,
        /// Where it goes wrong.
        cause: Utf8Error,
    },
    /// A string has a zero byte that is not its last.
    #[error("attribute {kind} is a string with a zero byte inside")]
    ZeroInString {
        /// The attribute's type.
        kind: u16,
    },
}

/// A payload that does not fit an attribute's 16-bit length.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("attribute {kind} would have {length} bytes of payload; the format allows {MAX_PAYLOAD}")]
pub struct TooLong {
    /// The attribute's type.
    pub kind: u16,
    /// The payload's length in bytes.
    pub length: usize,
}

/// Walks the attributes of a slice. After the first error it ends.
#[derive(Clone, Debug)]
pub struct Attrs<'a> {
    rest: &'a [u8],
    at: usize,
}

/// Appends attributes to a message buffer.
///
/// Padding counts from each attribute's own start, so a buffer that began aligned stays aligned.
pub trait PutAttr {
    /// Appends an attribute with any payload. `kind` may carry the flags.
    fn put_bytes(&mut self, kind: u16, payload: &[u8]) -> Result<(), TooLong>;
    /// Appends a string with its final zero byte.
    fn put_str(&mut self, kind: u16, value: &str) -> Result<(), TooLong>;
    /// Appends an attribute whose payload is an array; shorter than 64 KiB, checked when compiled.
    fn put_array<const N: usize>(&mut self, kind: u16, payload: &[u8; N]);
    /// Opens an attribute that holds others; [`PutAttr::end`] closes it.
    fn begin(&mut self, kind: u16) -> Nest;
    /// Closes the nested attribute: writes its length. On error the attribute is taken out again.
    fn end(&mut self, nest: Nest) -> Result<(), TooLong>;

    /// Appends an attribute without payload, whose presence is the information.
    fn put_flag(&mut self, kind: u16) {
        self.put_array(kind, &[]);
    }
    /// Appends a byte.
    fn put_u8(&mut self, kind: u16, value: u8) {
        self.put_array(kind, &[value]);
    }
    /// Appends a number in host byte order.
    fn put_u16(&mut self, kind: u16, value: u16) {
        self.put_array(kind, &value.to_ne_bytes());
    }
    /// Appends a number in host byte order.
    fn put_u32(&mut self, kind: u16, value: u32) {
        self.put_array(kind, &value.to_ne_bytes());
    }
    /// Appends a number in host byte order.
    fn put_u64(&mut self, kind: u16, value: u64) {
        self.put_array(kind, &value.to_ne_bytes());
    }
    /// Appends a number in network byte order.
    fn put_be16(&mut self, kind: u16, value: u16) {
        self.put_array(kind, &value.to_be_bytes());
    }
    /// Appends a number in network byte order.
    fn put_be32(&mut self, kind: u16, value: u32) {
        self.put_array(kind, &value.to_be_bytes());
    }
    /// Appends a number in network byte order.
    fn put_be64(&mut self, kind: u16, value: u64) {
        self.put_array(kind, &value.to_be_bytes());
    }
}

/// A nested attribute that is still open.
#[derive(Debug)]
#[must_use = "an open attribute has no length yet"]
pub struct Nest {
    start: usize,
    kind: u16,
}

// === impl Attr ===

impl<'a> Attr<'a> {
    /// Its type with the flags, as it came.
    pub fn tagged_kind(&self) -> u16 {
        self.tagged_kind
    }

    /// The attributes within.
    pub fn attrs(&self) -> Attrs<'a> {
        Attrs::new(self.payload)
    }

    /// The payload as an array of exactly `N` bytes.
    pub fn array<const N: usize>(&self) -> Result<&'a [u8; N], AttrError> {
        self.payload
            .try_into()
            .map_err(|_| AttrError::PayloadLength {
                kind: self.kind,
                length: self.payload.len(),
                expected: N,
            })
    }

    /// A flag: the payload must be empty.
    pub fn flag(&self) -> Result<(), AttrError> {
        self.array::<0>().map(|_| ())
    }

    /// The payload as a byte.
    pub fn u8(&self) -> Result<u8, AttrError> {
        self.array().map(|&[byte]| byte)
    }

    /// The payload as a number in host byte order.
    pub fn u16(&self) -> Result<u16, AttrError> {
        self.array().map(|&bytes| u16::from_ne_bytes(bytes))
    }

    /// The payload as a number in host byte order.
    pub fn u32(&self) -> Result<u32, AttrError> {
        self.array().map(|&bytes| u32::from_ne_bytes(bytes))
    }

    /// The payload as a number in host byte order.
    pub fn u64(&self) -> Result<u64, AttrError> {
        self.array().map(|&bytes| u64::from_ne_bytes(bytes))
    }

    /// The payload as a number in network byte order.
    pub fn be16(&self) -> Result<u16, AttrError> {
        self.array().map(|&bytes| u16::from_be_bytes(bytes))
    }

    /// The payload as a number in network byte order.
    pub fn be32(&self) -> Result<u32, AttrError> {
        self.array().map(|&bytes| u32::from_be_bytes(bytes))
    }

    /// The payload as a number in network byte order.
    pub fn be64(&self) -> Result<u64, AttrError> {
        self.array().map(|&bytes| u64::from_be_bytes(bytes))
    }

    /// The payload as a string, with or without its final zero byte.
    pub fn str(&self) -> Result<&'a str, AttrError> {
        let bytes = self.payload.strip_suffix(&[0]).unwrap_or(self.payload);
        if bytes.contains(&0) {
            return Err(AttrError::ZeroInString { kind: self.kind });
        }
        std::str::from_utf8(bytes).map_err(|cause| AttrError::NotUtf8 {
            kind: self.kind,
            cause,
        })
    }
}

// === impl Attrs ===

impl<'a> Attrs<'a> {
    /// Walks `bytes`, which begin with an attribute's header or are empty.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    fn fail(&mut self, error: AttrError) -> Option<Result<Attr<'a>, AttrError>> {
        self.rest = &[];
        Some(Err(error))
    }
}

impl<'a> Iterator for Attrs<'a> {
    type Item = Result<Attr<'a>, AttrError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (at, left) = (self.at, self.rest.len());
        let Some((&[l0, l1, k0, k1], _)) = self.rest.split_first_chunk::<HEADER>() else {
            return self.fail(AttrError::ShortHeader { at, left });
        };
        let length = u16::from_ne_bytes([l0, l1]);
        let tagged_kind = u16::from_ne_bytes([k0, k1]);
        let end = usize::from(length);
        if end < HEADER {
            return self.fail(AttrError::ShortLength { at, length });
        }
        let Some(payload) = self.rest.get(HEADER..end) else {
            return self.fail(AttrError::Overrun { at, length, left });
        };
        // The last attribute's padding may be missing.
        let step = end.next_multiple_of(4).min(left);
        self.rest = self.rest.get(step..).unwrap_or_default();
        self.at += step;
        Some(Ok(Attr {
            kind: tagged_kind & !(NESTED | NET_BYTE_ORDER),
            nested: tagged_kind & NESTED != 0,
            payload,
            tagged_kind,
        }))
    }
}

impl std::iter::FusedIterator for Attrs<'_> {}

// === impl PutAttr ===

/// The length field for a payload, if the format can say it.
fn length_field(kind: u16, payload: usize) -> Result<u16, TooLong> {
    u16::try_from(payload + HEADER).map_err(|_| TooLong {
        kind: kind & !(NESTED | NET_BYTE_ORDER),
        length: payload,
    })
}

fn pad(out: &mut Vec<u8>, payload: usize) {
    out.resize(out.len() + payload.next_multiple_of(4) - payload, 0);
}

impl PutAttr for Vec<u8> {
    fn put_bytes(&mut self, kind: u16, payload: &[u8]) -> Result<(), TooLong> {
        let length = length_field(kind, payload.len())?;
        self.extend_from_slice(&length.to_ne_bytes());
        self.extend_from_slice(&kind.to_ne_bytes());
        self.extend_from_slice(payload);
        pad(self, payload.len());
        Ok(())
    }

    fn put_str(&mut self, kind: u16, value: &str) -> Result<(), TooLong> {
        let length = length_field(kind, value.len() + 1)?;
        self.extend_from_slice(&length.to_ne_bytes());
        self.extend_from_slice(&kind.to_ne_bytes());
        self.extend_from_slice(value.as_bytes());
        self.push(0);
        pad(self, value.len() + 1);
        Ok(())
    }

    #[inline]
    fn put_array<const N: usize>(&mut self, kind: u16, payload: &[u8; N]) {
        const { assert!(N <= MAX_PAYLOAD, "the array fits an attribute") };
        #[allow(clippy::cast_possible_truncation)] // the line above
        let length = (N + HEADER) as u16;
        self.extend_from_slice(&length.to_ne_bytes());
        self.extend_from_slice(&kind.to_ne_bytes());
        self.extend_from_slice(payload);
        pad(self, N);
    }

    fn begin(&mut self, kind: u16) -> Nest {
        let start = self.len();
        self.put_array(kind, &[]);
        Nest { start, kind }
    }

    fn end(&mut self, nest: Nest) -> Result<(), TooLong> {
        let payload = self.len().saturating_sub(nest.start + HEADER);
        match length_field(nest.kind, payload) {
            Ok(length) => {
                if let Some(field) = self.get_mut(nest.start..nest.start + 2) {
                    field.copy_from_slice(&length.to_ne_bytes());
                }
                Ok(())
            }
            Err(error) => {
                self.truncate(nest.start);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! Lays options out in a reply (RFC 2131 §4.1, RFC 3396).
//!
//! They stand in the options field. If that is too small for them, the fields `file` and `sname` take
//! some (option 52 says so). An option longer than 255 bytes is split into parts that follow one
//! another in one field. An option that fits nowhere is left out as a whole; smaller ones after it may
//! still fit.

use super::code;

/// Length of `sname` and `file` in bytes.
pub(crate) const SNAME: usize = 64;
/// See [`SNAME`].
pub(crate) const FILE: usize = 128;
/// Length of option 52 in bytes.
const OVERLOAD: usize = 3;

/// Options as they stand in a reply.
pub(crate) struct Packed {
    /// The options field after the cookie, with its end option.
    pub(crate) options: Vec<u8>,
    /// `file`, if it holds options; its rest is padding.
    pub(crate) file: Option<Vec<u8>>,
    /// `sname`, if it holds options; its rest is padding.
    pub(crate) sname: Option<Vec<u8>>,
    /// Codes of the options that found no room.
    pub(crate) left_out: Vec<u8>,
}

/// A field that takes options up to a length, its end option included.
struct Area {
    bytes: Vec<u8>,
    length: usize,
}

/// Lays options out, where the options field takes `length` bytes.
pub(crate) fn pack(options: &[(u8, Vec<u8>)], length: usize) -> Packed {
    let encoded: Vec<(u8, Vec<u8>)> = options
        .iter()
        .map(|(code, value)| (*code, encode(*code, value)))
        .collect();
    let mut main = Area::new(length);
    if encoded.iter().all(|(_, option)| main.take(option)) {
        return Packed {
            options: main.end(),
            file: None,
            sname: None,
            left_out: Vec::new(),
        };
    }
    let mut main = Area::new(length.saturating_sub(OVERLOAD));
    let mut file = Area::new(FILE);
    let mut sname = Area::new(SNAME);
    let mut left_out = Vec::new();
    for (code, option) in &encoded {
        if !(main.take(option) || file.take(option) || sname.take(option)) {
            left_out.push(*code);
        }
    }
    let overload = u8::from(!file.bytes.is_empty()) | u8::from(!sname.bytes.is_empty()) << 1;
    if overload != 0 {
        main.bytes.extend([code::OVERLOAD, 1, overload]);
    }
    Packed {
        options: main.end(),
        file: (overload & 1 != 0).then(|| file.end()),
        sname: (overload & 2 != 0).then(|| sname.end()),
        left_out,
    }
}

/// An option as it stands in a message: in parts, if it is long.
fn encode(code: u8, value: &[u8]) -> Vec<u8> {
    let length = |part: &[u8]| u8::try_from(part.len()).unwrap_or(u8::MAX);
    if value.is_empty() {
        return vec![code, 0];
    }
    value
        .chunks(usize::from(u8::MAX))
        .flat_map(|part| [&[code, length(part)], part].concat())
        .collect()
}

impl Area {
    fn new(length: usize) -> Self {
        Self {
            bytes: Vec::new(),
            length,
        }
    }

    /// Appends an option if there is room for it and the end option.
    fn take(&mut self, option: &[u8]) -> bool {
        let fits = self.bytes.len() + option.len() < self.length;
        if fits {
            self.bytes.extend_from_slice(option);
        }
        fits
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes.push(code::END);
        self.bytes
    }
}

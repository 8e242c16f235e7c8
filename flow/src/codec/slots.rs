//! Reads and writes the fields of one attribute by its layout.

use crate::attr::{AttrError, HEADER};
use crate::field::Field;
use crate::header::{ByteOrder, Layout, Slot};

/// Gives every field of the attribute to `put`. The payload must have the layout's length.
#[inline]
pub(super) fn read(
    layout: &'static Layout,
    payload: &[u8],
    mut put: impl FnMut(Field, u128),
) -> Result<(), AttrError> {
    let wrong = AttrError::PayloadLength {
        kind: layout.kind,
        length: payload.len(),
        expected: layout.length,
    };
    if payload.len() != layout.length {
        return Err(wrong);
    }
    for slot in layout.slots {
        put(slot.field, read_slot(slot, payload).ok_or(wrong)?);
    }
    Ok(())
}

#[inline]
fn read_slot(slot: &Slot, payload: &[u8]) -> Option<u128> {
    let bytes = payload.get(slot.at..)?;
    let host = slot.order == ByteOrder::Host;
    Some(match slot.bytes {
        1 => (*bytes.first()?).into(),
        2 => {
            let raw = *bytes.first_chunk()?;
            let value = if host {
                u16::from_ne_bytes(raw)
            } else {
                u16::from_be_bytes(raw)
            };
            value.into()
        }
        4 => {
            let raw = *bytes.first_chunk()?;
            let value = if host {
                u32::from_ne_bytes(raw)
            } else {
                u32::from_be_bytes(raw)
            };
            value.into()
        }
        6 => {
            let [a, b, c, d, e, f] = *bytes.first_chunk()?;
            u64::from_be_bytes([0, 0, a, b, c, d, e, f]).into()
        }
        _ => {
            let raw = *bytes.first_chunk()?;
            if host {
                u128::from_ne_bytes(raw)
            } else {
                u128::from_be_bytes(raw)
            }
        }
    })
}

/// Appends the attribute, its fields' values taken from `get`.
#[inline]
pub(super) fn put(layout: &Layout, get: impl Fn(Field) -> u128, out: &mut Vec<u8>) {
    // No layout is longer than 40 bytes.
    let length = u16::try_from(HEADER + layout.length).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_ne_bytes());
    out.extend_from_slice(&layout.kind.to_ne_bytes());
    write(layout, get, out);
    out.resize(
        out.len() + layout.length.next_multiple_of(4) - layout.length,
        0,
    );
}

/// Appends the attribute's payload, its fields' values taken from `get`.
#[inline]
pub(super) fn write(layout: &Layout, get: impl Fn(Field) -> u128, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + layout.length, 0);
    let Some(payload) = out.get_mut(start..) else {
        return;
    };
    for slot in layout.slots {
        let value = get(slot.field) & slot.field.full();
        let bytes = match slot.order {
            ByteOrder::Network => value.to_be_bytes(),
            ByteOrder::Host => value.to_ne_bytes(),
        };
        let low = match slot.order {
            ByteOrder::Host if cfg!(target_endian = "little") => bytes.get(..slot.bytes),
            _ => bytes.get(bytes.len() - slot.bytes..),
        };
        if let (Some(to), Some(from)) = (payload.get_mut(slot.at..slot.at + slot.bytes), low) {
            to.copy_from_slice(from);
        }
    }
}

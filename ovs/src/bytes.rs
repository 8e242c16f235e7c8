//! Numbers out of a frame, none where it ends too early.

pub(crate) fn u8_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(|&raw| u16::from_be_bytes(raw))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(|&raw| u32::from_be_bytes(raw))
}

pub(crate) fn u128_at(bytes: &[u8], at: usize) -> Option<u128> {
    array_at(bytes, at).map(|&raw| u128::from_be_bytes(raw))
}

/// A MAC address, as `weft-flow` keeps it in a key.
pub(crate) fn mac_at(bytes: &[u8], at: usize) -> Option<u128> {
    let &[a, b, c, d, e, f] = array_at(bytes, at)?;
    Some(u64::from_be_bytes([0, 0, a, b, c, d, e, f]).into())
}

pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<&[u8; N]> {
    bytes.get(at..)?.first_chunk()
}

/// How many bytes there are from `at` on.
pub(crate) fn left_at(bytes: &[u8], at: usize) -> usize {
    bytes.len().saturating_sub(at)
}

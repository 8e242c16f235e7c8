//! Internet checksums of changed bytes (RFC 1624).

use crate::bytes::u16_at;

/// A checksum in a frame, by the offset of its 16 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sum {
    /// One that is always there.
    Always(usize),
    /// UDP's: 0 says that there is none.
    Udp(usize),
}

/// Writes bytes, and puts the checksums right that cover them; nothing is written where the frame ends too
/// early. Everything that is covered begins at an even offset, as headers do.
pub(super) fn replace(frame: &mut [u8], at: usize, bytes: &[u8], sums: &[Sum]) -> Option<()> {
    let (start, end) = (at & !1, (at + bytes.len()).next_multiple_of(2));
    let before = words(frame.get(start..end)?);
    for sum in sums {
        u16_at(frame, sum.at())?;
    }
    frame.get_mut(at..at + bytes.len())?.copy_from_slice(bytes);
    let after = words(frame.get(start..end)?);
    for sum in sums {
        sum.update(frame, &before, &after)?;
    }
    Some(())
}

impl Sum {
    fn at(self) -> usize {
        match self {
            Self::Always(at) | Self::Udp(at) => at,
        }
    }

    fn update(self, frame: &mut [u8], before: &[u16], after: &[u16]) -> Option<()> {
        let old = u16_at(frame, self.at())?;
        let udp = matches!(self, Self::Udp(_));
        if udp && old == 0 {
            return Some(());
        }
        let mut sum = u32::from(!old);
        for (before, after) in before.iter().zip(after) {
            sum += u32::from(!before) + u32::from(*after);
            sum = (sum & 0xffff) + (sum >> 16);
        }
        let folded = u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap_or(u16::MAX);
        let new = match !folded {
            0 if udp => 0xffff,
            new => new,
        };
        let place = frame.get_mut(self.at()..self.at() + 2)?;
        place.copy_from_slice(&new.to_be_bytes());
        Some(())
    }
}

fn words(bytes: &[u8]) -> Vec<u16> {
    let (pairs, _) = bytes.as_chunks::<2>();
    pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect()
}

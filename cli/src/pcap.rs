//! Writes captures as every reader of them knows: pcap with nanoseconds, Ethernet.

use std::io::{self, Write};

/// Of files with times in nanoseconds.
const MAGIC: u32 = 0xa1b2_3c4d;
/// Ethernet frames.
const ETHERNET: u32 = 1;

/// A file that is written.
#[derive(Debug)]
pub struct PcapWriter<W> {
    out: W,
}

impl<W: Write> PcapWriter<W> {
    /// Begins a file of frames of at most so many bytes.
    pub fn begin(mut out: W, snaplen: u32) -> io::Result<Self> {
        let mut head = Vec::with_capacity(24);
        head.extend(MAGIC.to_le_bytes());
        head.extend(2_u16.to_le_bytes());
        head.extend(4_u16.to_le_bytes());
        head.extend([0; 8]);
        head.extend(snaplen.to_le_bytes());
        head.extend(ETHERNET.to_le_bytes());
        out.write_all(&head)?;
        out.flush()?;
        Ok(Self { out })
    }

    /// Adds a frame: when it passed, in nanoseconds since 1970, its length, and its first bytes.
    pub fn frame(&mut self, time: u64, length: u32, bytes: &[u8]) -> io::Result<()> {
        let word = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        let captured = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.out.write_all(&word(time / 1_000_000_000))?;
        self.out.write_all(&word(time % 1_000_000_000))?;
        self.out.write_all(&word(captured))?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(bytes)
    }

    /// Gives the reader what was written so far.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_head_and_each_frame_with_time_and_lengths() {
        let mut file = Vec::new();
        let mut writer = PcapWriter::begin(&mut file, 64).unwrap();
        writer.frame(7_000_000_009, 100, &[1, 2, 3]).unwrap();
        writer.flush().unwrap();
        let wanted = [
            &[0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0][..],
            &[0; 8],
            &[64, 0, 0, 0, 1, 0, 0, 0],
            &[7, 0, 0, 0, 9, 0, 0, 0, 3, 0, 0, 0, 100, 0, 0, 0, 1, 2, 3],
        ]
        .concat();
        assert_eq!(file, wanted);
    }
}

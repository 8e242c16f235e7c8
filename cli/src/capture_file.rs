//! Frames out of a capture file, for `weft trace --pcap`: pcap in either byte order, and pcapng.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};

/// Room for one block, in bytes. Captures of our time have 256 KiB a frame at most.
const ROOM: usize = 1 << 20;

/// A frame of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Counts from 1, as other programs do.
    pub number: u64,
    /// What was captured of it.
    pub bytes: Vec<u8>,
    /// How long it was.
    pub length: u64,
}

/// Why a capture cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file cannot be opened.
    #[error("cannot read {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no capture.
    #[error("{} is neither a pcap nor a pcapng file: {problem}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// It ends in the middle, or its parts contradict.
    #[error("{} is damaged after packet {after}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The last packet that was read.
        after: u64,
        /// What was found.
        problem: String,
    },
    /// Its packets are no Ethernet frames.
    #[error(
        "packet {number} of {} has link type {found}: only Ethernet frames (1) can be traced",
        path.display()
    )]
    LinkType {
        /// The file.
        path: PathBuf,
        /// The packet.
        number: u64,
        /// Its link type, as in the file.
        found: i32,
    },
    /// It has fewer packets than asked for.
    #[error("{} has {has} packets, there is no packet {wanted}", path.display())]
    TooFew {
        /// The file.
        path: PathBuf,
        /// How many it has.
        has: u64,
        /// The one asked for.
        wanted: u64,
    },
}

/// Hands the frames of a capture to `each`, in order, until that fails. With `only`, that one alone.
pub fn read<E: From<CaptureError>>(
    path: &Path,
    only: Option<u64>,
    each: impl FnMut(Frame) -> Result<(), E>,
) -> Result<(), E> {
    let file = File::open(path).map_err(|source| CaptureError::Open {
        path: path.to_owned(),
        source,
    })?;
    read_from(file, path, only, each)
}

/// The same of a file that is open; `path` is for errors.
pub(crate) fn read_from<E: From<CaptureError>>(
    file: impl io::Read + Send,
    path: &Path,
    only: Option<u64>,
    mut each: impl FnMut(Frame) -> Result<(), E>,
) -> Result<(), E> {
    let foreign = |problem: String| CaptureError::Foreign {
        path: path.to_owned(),
        problem,
    };
    let mut reader = create_reader(ROOM, file).map_err(|error| foreign(in_words(&error)))?;
    let mut found = Links::default();
    let mut number = 0;
    loop {
        let step = match reader.next() {
            Ok((length, block)) => Step::Block(length, found.frame(&block)),
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) => Step::More,
            Err(error) => Step::Bad(in_words(&error)),
        };
        let frame = match step {
            Step::Block(length, frame) => {
                reader.consume(length);
                frame
            }
            Step::More if !reader.reader_exhausted() => {
                let refilled = reader.refill();
                refilled.map_err(|error| damaged(path, number, in_words(&error)))?;
                continue;
            }
            Step::More => {
                let problem = in_words(&PcapError::<()>::UnexpectedEof);
                return Err(damaged(path, number, problem).into());
            }
            Step::Bad(problem) => return Err(damaged(path, number, problem).into()),
        };
        let Some((link, bytes, length)) = frame else {
            continue;
        };
        number += 1;
        if only.is_some_and(|only| only != number) {
            continue;
        }
        if link != Some(Linktype::ETHERNET) {
            return Err(CaptureError::LinkType {
                path: path.to_owned(),
                number,
                found: link.map_or(-1, |link| link.0),
            }
            .into());
        }
        each(Frame {
            number,
            bytes,
            length,
        })?;
        if only.is_some() {
            return Ok(());
        }
    }
    match only {
        Some(wanted) => Err(CaptureError::TooFew {
            path: path.to_owned(),
            has: number,
            wanted,
        }
        .into()),
        None => Ok(()),
    }
}

/// Link type, bytes and length of a packet.
type Packet = (Option<Linktype>, Vec<u8>, u64);

/// What the next part of a capture is.
enum Step {
    /// So many bytes, which may be a packet.
    Block(usize, Option<Packet>),
    /// More has to be read first.
    More,
    /// No part of a capture.
    Bad(String),
}

/// The link types of the interfaces in a capture.
#[derive(Default)]
struct Links(Vec<Linktype>);

impl Links {
    /// The packet in a block: its link type, bytes and length.
    fn frame(&mut self, block: &PcapBlockOwned) -> Option<Packet> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                self.0 = vec![header.network];
                None
            }
            PcapBlockOwned::Legacy(packet) => {
                let link = self.0.first().copied();
                Some((link, packet.data.to_vec(), packet.origlen.into()))
            }
            // A section has interfaces of its own.
            PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                self.0.clear();
                None
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                self.0.push(interface.linktype);
                None
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let place = usize::try_from(packet.if_id).ok()?;
                let captured = usize::try_from(packet.caplen).ok()?;
                let bytes = packet.data.get(..captured).unwrap_or(packet.data);
                let link = self.0.get(place).copied();
                Some((link, bytes.to_vec(), packet.origlen.into()))
            }
            PcapBlockOwned::NG(Block::SimplePacket(packet)) => {
                let length = usize::try_from(packet.origlen).ok()?;
                let bytes = packet.data.get(..length).unwrap_or(packet.data);
                let link = self.0.first().copied();
                Some((link, bytes.to_vec(), packet.origlen.into()))
            }
            PcapBlockOwned::NG(_) => None,
        }
    }
}

fn damaged(path: &Path, after: u64, problem: String) -> CaptureError {
    CaptureError::Damaged {
        path: path.to_owned(),
        after,
        problem,
    }
}

fn in_words<I: std::fmt::Debug>(error: &PcapError<I>) -> String {
    match error {
        PcapError::Eof | PcapError::Incomplete(_) | PcapError::UnexpectedEof => {
            "it ends in the middle of a packet".to_owned()
        }
        PcapError::HeaderNotRecognized => "it does not begin as one".to_owned(),
        PcapError::BufferTooSmall => format!("a packet has more than {ROOM} bytes"),
        PcapError::ReadError => "it cannot be read".to_owned(),
        _ => "its parts contradict".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number as 4 bytes in one of the two orders.
    fn word(number: u32, big: bool) -> [u8; 4] {
        if big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    }

    /// A classic file: magic, version 2.4, zone, accuracy, greatest length, link type; then packets.
    fn classic(magic: u32, big: bool, link: u32, packets: &[&[u8]]) -> Vec<u8> {
        let version = if big { [0, 2, 0, 4] } else { [2, 0, 4, 0] };
        let mut file = word(magic, big).to_vec();
        file.extend(version);
        for number in [0, 0, 65_535, link] {
            file.extend(word(number, big));
        }
        for packet in packets {
            let length = u32::try_from(packet.len()).unwrap();
            for number in [1, 2, length, length + 1] {
                file.extend(word(number, big));
            }
            file.extend(*packet);
        }
        file
    }

    fn block(kind: u32, body: &[u8], big: bool) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let length = u32::try_from(12 + padded).unwrap();
        let mut block = word(kind, big).to_vec();
        block.extend(word(length, big));
        block.extend(body);
        block.resize(8 + padded, 0);
        block.extend(word(length, big));
        block
    }

    /// The newer form: a section, an interface of Ethernet frames, packets.
    fn newer(big: bool, packets: &[&[u8]]) -> Vec<u8> {
        let version = if big { [0, 1, 0, 0] } else { [1, 0, 0, 0] };
        let mut section = word(0x1a2b_3c4d, big).to_vec();
        section.extend(version);
        section.extend([0xff; 8]);
        let mut file = block(0x0a0d_0d0a, &section, big);
        let interface = if big {
            [0, 1, 0, 0, 0, 0, 255, 255]
        } else {
            [1, 0, 0, 0, 255, 255, 0, 0]
        };
        file.extend(block(1, &interface, big));
        for packet in packets {
            let length = u32::try_from(packet.len()).unwrap();
            let mut body = Vec::new();
            for number in [0, 0, 0, length, length + 1] {
                body.extend(word(number, big));
            }
            body.extend(*packet);
            file.extend(block(6, &body, big));
        }
        file
    }

    fn frames(bytes: &[u8], only: Option<u64>) -> Result<Vec<Frame>, CaptureError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pcap");
        std::fs::write(&path, bytes).unwrap();
        let mut frames = Vec::new();
        read(&path, only, |frame| {
            frames.push(frame);
            Ok::<(), CaptureError>(())
        })?;
        Ok(frames)
    }

    const PACKETS: [&[u8]; 3] = [&[1; 60], &[2; 61], &[3; 1514]];

    #[test]
    fn every_form_and_byte_order_gives_the_same_frames() {
        let (micro, nano) = (0xa1b2_c3d4, 0xa1b2_3c4d);
        for file in [
            classic(micro, false, 1, &PACKETS),
            classic(micro, true, 1, &PACKETS),
            classic(nano, false, 1, &PACKETS),
            classic(nano, true, 1, &PACKETS),
            newer(false, &PACKETS),
            newer(true, &PACKETS),
        ] {
            let found = frames(&file, None).unwrap();
            let bytes: Vec<&[u8]> = found.iter().map(|it| it.bytes.as_slice()).collect();
            assert_eq!(bytes, PACKETS);
            assert_eq!(found[1].number, 2);
            assert_eq!(found[1].length, 62, "a byte was cut off");
            let second = frames(&file, Some(2)).unwrap();
            assert_eq!(second, found[1..2]);
            let refused = frames(&file, Some(4)).unwrap_err().to_string();
            assert!(
                refused.ends_with("has 3 packets, there is no packet 4"),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_capture_without_packets_has_none() {
        assert_eq!(
            frames(&classic(0xa1b2_c3d4, false, 1, &[]), None).unwrap(),
            []
        );
    }

    #[test]
    fn what_is_no_capture_is_refused() {
        for bytes in [&b""[..], b"hello, this is a text and no capture", &[0; 100]] {
            let refused = frames(bytes, None).unwrap_err();
            assert!(matches!(refused, CaptureError::Foreign { .. }), "{refused}");
        }
    }

    #[test]
    fn what_was_cut_off_is_said_to_be_so_and_never_read_as_less() {
        for file in [
            classic(0xa1b2_c3d4, true, 1, &PACKETS),
            newer(false, &PACKETS),
        ] {
            for cut in [1, 700, 1514] {
                let refused = frames(&file[..file.len() - cut], None).unwrap_err();
                assert!(
                    matches!(refused, CaptureError::Damaged { after: 2, .. }),
                    "{refused}"
                );
            }
        }
    }

    #[test]
    fn packets_without_an_ethernet_header_are_refused() {
        let raw_ip = classic(0xa1b2_c3d4, false, 101, &PACKETS);
        let refused = frames(&raw_ip, None).unwrap_err().to_string();
        assert!(refused.contains("link type 101"), "{refused}");
    }
}

//! A machine of one process: the test itself holds the tap and sends and receives frames by hand.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use weft_topology::MacAddr;
use weft_vif_driver::tap::{self, TapOptions};

/// An open tap and the MAC that its owner uses.
#[derive(Debug)]
pub struct Peer {
    /// The tap.
    pub tap: String,
    /// Source of the frames that it sends.
    pub mac: MacAddr,
    file: File,
    buffer: Box<[u8]>,
}

/// Room for the longest frame, in bytes.
const LONGEST: usize = 65_536;

impl Peer {
    /// Opens a tap of the current network namespace.
    pub fn open(tap: &str, mac: MacAddr) -> Result<Self> {
        let file = tap::open(tap, TapOptions::default())
            .with_context(|| format!("cannot open tap {tap}"))?;
        let flags = OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL)?);
        fcntl(&file, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        Ok(Self {
            tap: tap.to_owned(),
            mac,
            file,
            buffer: vec![0; LONGEST].into_boxed_slice(),
        })
    }

    /// Sends a frame as it is.
    pub fn send_raw(&mut self, frame: &[u8]) -> Result<()> {
        self.file
            .write_all(frame)
            .with_context(|| format!("cannot send by {}", self.tap))
    }

    /// Sends an Ethernet II frame of this type with this payload.
    pub fn send(&mut self, to: MacAddr, ether_type: u16, payload: &[u8]) -> Result<()> {
        let mut frame = Vec::with_capacity(14 + payload.len());
        frame.extend(to.octets());
        frame.extend(self.mac.octets());
        frame.extend(ether_type.to_be_bytes());
        frame.extend(payload);
        self.send_raw(&frame)
    }

    /// The next frame, if one comes before the limit.
    pub fn receive(&mut self, limit: Duration) -> Option<Vec<u8>> {
        self.receive_where(limit, |_| true)
    }

    /// The next frame that meets a condition; others are passed over.
    pub fn receive_where(
        &mut self,
        limit: Duration,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Option<Vec<u8>> {
        let length = self.wait_where(limit, wanted)?;
        Some(self.buffer.get(..length)?.to_vec())
    }

    /// Whether a frame that meets a condition comes before the limit; others are passed over, and none is
    /// kept.
    pub fn sees(&mut self, limit: Duration, wanted: impl Fn(&[u8]) -> bool) -> bool {
        self.wait_where(limit, wanted).is_some()
    }

    /// Reads until such a frame is in the buffer, and gives its length.
    fn wait_where(&mut self, limit: Duration, wanted: impl Fn(&[u8]) -> bool) -> Option<usize> {
        let end = Instant::now() + limit;
        loop {
            if let Ok(length) = self.file.read(&mut self.buffer) {
                if wanted(self.buffer.get(..length)?) {
                    return Some(length);
                }
                continue;
            }
            let left = end.checked_duration_since(Instant::now())?;
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            poll(
                &mut [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)],
                timeout,
            )
            .ok()?;
        }
    }

    /// Takes and counts all frames that wait now.
    pub fn drain(&mut self) -> usize {
        std::iter::from_fn(|| self.file.read(&mut self.buffer).ok()).count()
    }
}

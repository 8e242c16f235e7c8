//! Captures: copies of the frames that pass one interface, for `weft capture`.
//!
//! ```text
//!  interface ─▶ kernel's copy ─▶ packet socket (4 MiB) ─▶ a thread of the capture's own ─▶ control socket
//! ```
//! The machine's traffic does not wait for it: what the reader does not take in time is lost to the capture,
//! never to the machine, and counted.
//!
//! Bounds: few captures at a time, each with a thread and a socket; a capture ends with its reader, at its
//! number of frames, after its time, or when the interface is gone.
//!
//! What it does not do: it asks nobody whether the caller may; who may connect to the control socket may.

mod socket;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use weft_wire::control::{CaptureResult, CapturedFrame};

use socket::{Frame, PacketSocket};

/// Captures at a time.
const MOST: usize = 8;
/// The longest frame that is shown whole, in bytes.
const LONGEST: u32 = 262_144;
/// It is looked so often whether the reader is still there, and whether the time is over.
const LOOK: Duration = Duration::from_millis(200);

static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// When a capture ends, and how much of each frame it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of each frame, 1 to 262144.
    pub snaplen: u32,
    /// Frames.
    pub frames: Option<u64>,
    /// Time.
    pub milliseconds: Option<u64>,
}

/// A capture that runs.
#[derive(Debug)]
pub struct Capture {
    socket: PacketSocket,
    bounds: Bounds,
    until: Option<Instant>,
    frames: u64,
    _place: Place,
}

/// One of the places for captures.
#[derive(Debug)]
struct Place;

/// Why there is no capture.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Bytes of a frame.
    #[error("a capture shows 1 to {LONGEST} bytes of a frame, not {snaplen}")]
    Snaplen {
        /// What was asked.
        snaplen: u32,
    },
    /// Too many run.
    #[error("{MOST} captures run already: end one of them")]
    Busy,
    /// The interface is gone.
    #[error("the interface {interface} is gone")]
    Gone {
        /// Its name.
        interface: String,
    },
    /// The kernel refused.
    #[error("capture on {interface}: {attempt}: {errno}{}", hint(.errno))]
    Socket {
        /// The interface.
        interface: String,
        /// What was attempted.
        attempt: &'static str,
        /// Its answer.
        errno: Errno,
    },
}

fn hint(errno: &Errno) -> &'static str {
    match errno {
        Errno::EPERM | Errno::EACCES => "; the agent needs CAP_NET_RAW for captures",
        _ => "",
    }
}

impl Capture {
    /// Begins one on an interface.
    pub fn begin(interface: &str, bounds: Bounds) -> Result<Self, CaptureError> {
        let snaplen = bounds.snaplen;
        if !(1..=LONGEST).contains(&snaplen) {
            return Err(CaptureError::Snaplen { snaplen });
        }
        let place = Place::take().ok_or(CaptureError::Busy)?;
        let wait = bounds.milliseconds.map(Duration::from_millis);
        Ok(Self {
            socket: PacketSocket::open(interface)?,
            bounds,
            until: wait.and_then(|wait| Instant::now().checked_add(wait)),
            frames: 0,
            _place: place,
        })
    }

    /// Runs until a bound is met, `is_over` says so, or `each` returns false.
    pub fn run(
        &mut self,
        is_over: impl Fn() -> bool,
        mut each: impl FnMut(CapturedFrame) -> bool,
    ) -> Result<(), CaptureError> {
        loop {
            let left = self
                .until
                .map(|until| until.saturating_duration_since(Instant::now()));
            let has_all = self.bounds.frames.is_some_and(|most| self.frames >= most);
            if has_all || left == Some(Duration::ZERO) || is_over() {
                return Ok(());
            }
            let Some(frame) = self.socket.receive(left.unwrap_or(LOOK).min(LOOK))? else {
                continue;
            };
            self.frames += 1;
            let frame = shown(&frame, self.bounds.snaplen, self.socket.lost());
            if !each(frame) {
                return Ok(());
            }
        }
    }

    /// What was captured so far.
    pub fn result(&self) -> CaptureResult {
        CaptureResult {
            frames: self.frames,
            lost: self.socket.lost(),
        }
    }
}

fn shown(frame: &Frame, snaplen: u32, lost: u64) -> CapturedFrame {
    let snaplen = usize::try_from(snaplen).unwrap_or(usize::MAX);
    let bytes = frame.bytes.iter().take(snaplen);
    CapturedFrame {
        time: frame.time,
        is_in: frame.is_in,
        length: frame.length,
        frame: bytes.map(|byte| format!("{byte:02x}")).collect(),
        lost,
    }
}

impl Place {
    fn take() -> Option<Self> {
        let more = |running| (running < MOST).then_some(running + 1);
        RUNNING
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .ok()
            .map(|_| Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_captures_at_a_time_and_no_more() {
        let places: Vec<Place> = std::iter::from_fn(Place::take).collect();
        assert_eq!(places.len(), MOST);
        let bounds = Bounds {
            snaplen: 1,
            frames: None,
            milliseconds: None,
        };
        let refused = Capture::begin("lo", bounds).unwrap_err();
        assert!(matches!(refused, CaptureError::Busy), "{refused}");
        drop(places);
        assert!(Place::take().is_some());
        for snaplen in [0, LONGEST + 1] {
            let refused = Capture::begin("lo", Bounds { snaplen, ..bounds });
            assert!(matches!(refused, Err(CaptureError::Snaplen { .. })));
        }
    }
}

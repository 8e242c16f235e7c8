//! A stream of numbered frames between two machines, to count what is lost.
//!
//! No more than a window of frames is under way: on a slow machine the receiver may be late, and a tap's queue, which takes 500,
//! must not be what loses them. A frame that is lost stays under way for ever, so a network that loses many stops the stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};

use crate::peer::Peer;
use crate::wait;

const MARK: &[u8] = b"number ";
/// Between two frames.
const STEP: Duration = Duration::from_millis(5);
/// Frames under way at most.
const WINDOW: u32 = 200;
/// One by one at first: until a flow is there, frames take the way through the agent, and are overtaken by those after them.
const WARM_UP: u32 = 10;
/// After the last frame was sent, the receiver waits so long for more.
const LINGER: Duration = Duration::from_secs(3);

/// A stream that flows. Ended by [`Stream::finish`].
#[derive(Debug)]
pub struct Stream {
    stop: Arc<AtomicBool>,
    arrived: Arc<AtomicU32>,
    sender: JoinHandle<Result<(Peer, u32)>>,
    receiver: JoinHandle<(Peer, Vec<u32>)>,
}

impl Stream {
    /// Begins to send from one machine to the other, a frame every five milliseconds.
    pub fn begin(mut from: Peer, mut to: Peer) -> Self {
        to.drain();
        let (stop, arrived) = (Arc::default(), Arc::default());
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&arrived));
        let destination = to.mac;
        let heard = Arc::clone(&arrived);
        let sender = std::thread::spawn(move || {
            let mut sent = 0_u32;
            while !AtomicBool::load(&stopped, Ordering::Relaxed) {
                let heard = AtomicU32::load(&heard, Ordering::Relaxed);
                if sent - heard < if heard < WARM_UP { 1 } else { WINDOW } {
                    let payload = [MARK, &sent.to_be_bytes()].concat();
                    from.send(destination, 0x88b5, &payload)?;
                    sent += 1;
                }
                std::thread::sleep(STEP);
            }
            Ok((from, sent))
        });
        let receiver = std::thread::spawn(move || {
            let mut seen = Vec::new();
            while let Some(frame) = to.receive(LINGER) {
                let number = frame.get(21..25).and_then(|bytes| bytes.try_into().ok());
                if frame.get(14..21) == Some(MARK)
                    && let Some(number) = number
                {
                    AtomicU32::fetch_add(&counted, 1, Ordering::Relaxed);
                    seen.push(u32::from_be_bytes(number));
                }
            }
            (to, seen)
        });
        Self {
            stop,
            arrived,
            sender,
            receiver,
        }
    }

    /// Waits until so many more have arrived.
    pub fn flows(&self, more: u32) -> Result<()> {
        let goal = self.arrived.load(Ordering::Relaxed) + more;
        wait::until("the stream to flow", Duration::from_secs(20), || {
            self.arrived.load(Ordering::Relaxed) >= goal
        })
    }

    /// Ends it; how many were sent. Fails unless each has arrived once, in order.
    pub fn finish(self) -> Result<(Peer, Peer, u32)> {
        self.stop.store(true, Ordering::Relaxed);
        let broke = |_| anyhow!("a thread of the stream panicked");
        let (from, sent) = self.sender.join().map_err(broke)??;
        let (to, seen) = self.receiver.join().map_err(broke)?;
        let arrived = seen.len();
        ensure!(
            arrived == usize::try_from(sent)?,
            "of {sent} frames {arrived} arrived"
        );
        ensure!(
            seen.iter().copied().eq(0..sent),
            "frames overtook one another"
        );
        Ok((from, to, sent))
    }
}

//! Sends datagrams by one tap and takes them from another, on one thread, with so many under way.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::frames::{self, Datagram};
use super::pair::Pair;

/// A datagram that has not come by then is lost.
const LOST_AFTER: Duration = Duration::from_secs(1);

/// The connection of greetings, which no stream has.
const HELLO: u32 = 0xf000_0000;

/// What came of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    /// How many came.
    pub(super) received: u64,
    /// How many did not.
    pub(super) lost: u64,
    /// From the first to the last.
    pub(super) took: Duration,
}

impl Stream {
    /// Datagrams a second.
    pub(super) fn rate(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let received = self.received as f64;
        received / self.took.as_secs_f64()
    }
}

/// Which connections the datagrams of a stream belong to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Connections {
    /// Each to one of its own, from this number on.
    From(u32),
    /// All to this one.
    One(u32),
}

impl Connections {
    fn of(self, number: u64) -> u32 {
        match self {
            Self::From(base) => base + u32::try_from(number).unwrap_or(u32::MAX),
            Self::One(connection) => connection,
        }
    }
}

/// Sends `count` datagrams, never more than `window` under way.
pub(super) fn stream(pair: &mut Pair, of: Connections, count: u64, window: u64) -> Result<Stream> {
    stream_with(pair, count, window, |datagram, number| {
        datagram.set(of.of(number), number);
    })
}

/// The same, each datagram made by `make`.
pub(super) fn stream_with(
    pair: &mut Pair,
    count: u64,
    window: u64,
    mut make: impl FnMut(&mut Datagram, u64),
) -> Result<Stream> {
    let mut datagram = Datagram::new(pair.from.mac, pair.to.mac);
    pair.to.drain();
    let (mut sent, mut received, mut lost) = (0, 0, 0);
    let began = Instant::now();
    let mut last = began;
    while received + lost < count {
        while sent < count && sent - received - lost < window {
            make(&mut datagram, sent);
            pair.from.send_raw(datagram.bytes())?;
            sent += 1;
        }
        let frame = pair
            .to
            .sees(LOST_AFTER, |frame| frames::number(frame).is_some());
        match frame {
            true => received += 1,
            // Nothing came for so long: what is under way is not under way any more.
            false => lost = sent - received,
        }
        if frame {
            last = Instant::now();
        }
    }
    ensure!(received > 0, "not one datagram of {count} came");
    Ok(Stream {
        received,
        lost,
        took: last - began,
    })
}

/// Sends one datagram at a time and says how long each took.
pub(super) fn one_by_one(pair: &mut Pair, of: Connections, count: u64) -> Result<Vec<Duration>> {
    let mut datagram = Datagram::new(pair.from.mac, pair.to.mac);
    pair.to.drain();
    let mut delays = Vec::new();
    for number in 0..count {
        datagram.set(of.of(number), number);
        let began = Instant::now();
        pair.from.send_raw(datagram.bytes())?;
        let came = pair
            .to
            .sees(LOST_AFTER, |frame| frames::number(frame) == Some(number));
        ensure!(came, "datagram {number} of {count} did not come");
        delays.push(began.elapsed());
    }
    Ok(delays)
}

/// Lets both ends be known to who learns addresses, and waits until frames get through.
pub(super) fn introduce(pair: &mut Pair) -> Result<()> {
    let mut hello = Datagram::new(pair.to.mac, pair.from.mac);
    let mut there = Datagram::new(pair.from.mac, pair.to.mac);
    let end = Instant::now() + Duration::from_secs(30);
    for number in (1..).map(|n: u64| u64::MAX - n) {
        hello.set(HELLO, number);
        there.set(HELLO, number);
        pair.to.send_raw(hello.bytes())?;
        let wanted = |frame: &[u8]| frames::number(frame) == Some(number);
        let heard = pair.from.sees(Duration::from_millis(200), wanted);
        pair.from.send_raw(there.bytes())?;
        if heard && pair.to.sees(Duration::from_millis(200), wanted) {
            return Ok(());
        }
        ensure!(Instant::now() < end, "frames do not get through");
    }
    Ok(())
}

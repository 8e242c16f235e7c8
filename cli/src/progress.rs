//! What takes long says how far it is: plain lines on stderr, only where a person looks on.

use std::io::{self, IsTerminal, Read, Write};
use std::time::{Duration, Instant};

/// At most so often.
const PERIOD: Duration = Duration::from_secs(1);
/// Bytes in a mebibyte.
const MIB: u64 = 1 << 20;

/// Says a line.
pub fn say(text: &str) {
    if io::stderr().is_terminal() {
        let _ = writeln!(io::stderr(), "{text}");
    }
}

/// Counts steps, and says so now and then.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    unit: &'static str,
    all: Option<u64>,
    done: u64,
    said: Instant,
}

impl Progress {
    /// Of `all` steps, if that is known.
    pub fn of(what: &'static str, unit: &'static str, all: Option<u64>) -> Self {
        Self {
            what,
            unit,
            all,
            done: 0,
            said: Instant::now(),
        }
    }

    /// So many more are done.
    pub fn add(&mut self, more: u64) {
        self.done += more;
        if self.said.elapsed() >= PERIOD {
            self.said = Instant::now();
            let (what, unit, done) = (self.what, self.unit, self.done);
            match self.all {
                Some(all) => say(&format!("{what}: {done} of {all} {unit}")),
                None => say(&format!("{what}: {done} {unit}")),
            }
        }
    }
}

/// A reader whose bytes are counted.
#[derive(Debug)]
pub struct Counted<R> {
    inner: R,
    progress: Progress,
    /// Bytes that make no whole mebibyte yet.
    rest: u64,
}

impl<R> Counted<R> {
    /// Of `all` bytes, if that is known.
    pub fn new(inner: R, what: &'static str, all: Option<u64>) -> Self {
        let all = all.map(|bytes| bytes / MIB);
        Self {
            inner,
            progress: Progress::of(what, "MiB", all),
            rest: 0,
        }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.rest += read as u64;
        self.progress.add(self.rest / MIB);
        self.rest %= MIB;
        Ok(read)
    }
}

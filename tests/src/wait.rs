//! Waits for a condition, with a limit. Nothing else in the tests waits.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(20);

/// Looks again and again until there is a value; an error says what was waited for.
pub fn until_some<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = look() {
            return Ok(value);
        }
        if Instant::now() >= end {
            bail!("waited {} s in vain for {what}", limit.as_secs());
        }
        std::thread::sleep(STEP);
    }
}

/// Looks again and again until it is true.
pub fn until(what: &str, limit: Duration, mut look: impl FnMut() -> bool) -> Result<()> {
    until_some(what, limit, || look().then_some(()))
}

/// Tries again and again until it succeeds; the last error is part of the message.
pub fn until_ok<T>(
    what: &str,
    limit: Duration,
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    let mut last = None;
    until_some(what, limit, || {
        attempt().map_err(|error| last = Some(error)).ok()
    })
    .map_err(|error| {
        last.take()
            .map_or(error, |last| last.context(format!("waiting for {what}")))
    })
}

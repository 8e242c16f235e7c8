//! A token bucket: so many packets a second, so many at once.

use weft_flowsim::Time;

/// Tokens in thousandths, so that milliseconds refill exactly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    per_second: u64,
    /// When it is full.
    most: u64,
    thousandths: u64,
    filled: Time,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(per_second: u32, burst: u32, now: Time) -> Self {
        let most = u64::from(burst) * 1_000;
        Self {
            per_second: per_second.into(),
            most,
            thousandths: most,
            filled: now,
        }
    }

    /// Takes a token if there is one.
    pub(super) fn take(&mut self, now: Time) -> bool {
        let elapsed = now.0.saturating_sub(self.filled.0);
        self.filled = now;
        let refilled = self
            .thousandths
            .saturating_add(elapsed.saturating_mul(self.per_second));
        self.thousandths = refilled.min(self.most);
        match self.thousandths.checked_sub(1_000) {
            Some(rest) => {
                self.thousandths = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut bucket = Bucket::new(10, 10, Time(0));
        assert_eq!((0..20).filter(|_| bucket.take(Time(0))).count(), 10);
        assert!(!bucket.take(Time(99)));
        assert!(bucket.take(Time(100)));
        assert_eq!((0..100).filter(|_| bucket.take(Time(60_000))).count(), 10);
        let mut small = Bucket::new(10, 3, Time(0));
        assert_eq!((0..20).filter(|_| small.take(Time(0))).count(), 3);
        assert_eq!((0..20).filter(|_| small.take(Time(60_000))).count(), 3);
    }
}

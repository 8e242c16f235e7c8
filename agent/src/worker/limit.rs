//! A token bucket: so many packets a second, with a burst of the same.

use weft_flowsim::Time;

/// Tokens in thousandths, so that milliseconds refill exactly.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    per_second: u64,
    thousandths: u64,
    filled: Time,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(per_second: u32, now: Time) -> Self {
        let per_second = u64::from(per_second);
        Self {
            per_second,
            thousandths: per_second * 1_000,
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
        self.thousandths = refilled.min(self.per_second * 1_000);
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
        let mut bucket = Bucket::new(10, Time(0));
        assert_eq!((0..20).filter(|_| bucket.take(Time(0))).count(), 10);
        assert!(!bucket.take(Time(99)));
        assert!(bucket.take(Time(100)));
        assert_eq!((0..100).filter(|_| bucket.take(Time(60_000))).count(), 10);
    }
}

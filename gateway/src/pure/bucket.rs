//! A token bucket: so many at once, and so many a second after that. Pure: the time is an argument.

use crate::clock::Boot;

/// How fast it fills, and how much it holds.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// At once.
    pub burst: u64,
    /// A second.
    pub each_second: u64,
}

/// What is left, in thousandths, so that a millisecond earns a whole number.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    left: u64,
    at: Boot,
}

impl Bucket {
    /// A full one.
    #[must_use]
    pub fn full(rate: Rate, now: Boot) -> Self {
        Self { left: rate.burst * 1000, at: now }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, rate: Rate, now: Boot) -> bool {
        *self = Self { left: self.filled(rate, now), at: now };
        let enough = self.left >= 1000;
        if enough {
            self.left -= 1000;
        }
        enough
    }

    /// Whether nothing was taken that is not back by now.
    #[must_use]
    pub fn is_full(&self, rate: Rate, now: Boot) -> bool {
        self.filled(rate, now) >= rate.burst * 1000
    }

    fn filled(&self, rate: Rate, now: Boot) -> u64 {
        let earned = now.0.saturating_sub(self.at.0).saturating_mul(rate.each_second);
        self.left.saturating_add(earned).min(rate.burst * 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_rate() {
        let (rate, start) = (Rate { burst: 3, each_second: 2 }, Boot(10_000));
        let mut bucket = Bucket::full(rate, start);
        assert!((0..3).all(|_| bucket.take(rate, start)) && !bucket.take(rate, start));
        assert!(
            !bucket.take(rate, Boot(10_499)) && bucket.take(rate, Boot(10_500)) && !bucket.take(rate, Boot(10_500))
        );
        assert!(!bucket.is_full(rate, Boot(11_000)) && bucket.is_full(rate, Boot(12_000)));
        assert!(!bucket.take(rate, Boot(0)), "a clock that goes back earns nothing");
    }
}

//! How long to wait before asking again. Pure: the caller brings the randomness, so a test can be exact.
//!
//! Own code, because crates for it (`backon` and others) own the loop and the randomness as well; who
//! tries again here is a saga that may be restarted between two tries.

use std::time::Duration;

/// Waits that double, with full jitter: those who failed together do not come back together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Shortest wait. More than zero, or nothing would double.
    pub min: Duration,
    /// Longest wait. At least `min`.
    pub max: Duration,
}

impl Backoff {
    /// The wait before try `attempt` + 1, when `attempt` tries (1, 2, 3…) have failed: evenly spread over
    /// `min` to `min` times 2 to the power of `attempt`, and never more than `max`. `random` is any 64
    /// bits, evenly spread.
    #[must_use]
    pub fn wait(self, attempt: u32, random: u64) -> Duration {
        let doubled = self.min.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX));
        let ceiling = doubled.min(self.max).max(self.min);
        let span_ns = (ceiling - self.min).as_nanos();
        // A part of 2 to the power of 64, and one more, so that the whole span can be reached.
        let part = span_ns.saturating_mul(u128::from(random) + 1) >> 64;
        self.min + Duration::from_nanos(u64::try_from(part).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff =
        Backoff { min: Duration::from_millis(100), max: Duration::from_secs(10) };

    #[test]
    fn a_wait_is_never_shorter_than_min_or_longer_than_max() {
        for attempt in [0, 1, 2, 7, 31, 32, 33, u32::MAX] {
            for random in [0, 1, u64::MAX / 2, u64::MAX] {
                let wait = BACKOFF.wait(attempt, random);
                assert!((BACKOFF.min..=BACKOFF.max).contains(&wait), "{attempt} {random} {wait:?}");
            }
        }
    }

    #[test]
    fn the_longest_wait_doubles_with_each_try_and_jitter_is_even() {
        let longest = [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000];
        for (attempt, millis) in (1..).zip(longest) {
            assert_eq!(BACKOFF.wait(attempt, u64::MAX), Duration::from_millis(millis));
            assert_eq!(BACKOFF.wait(attempt, 0), BACKOFF.min);
        }
        assert_eq!(BACKOFF.wait(2, u64::MAX / 2), Duration::from_millis(250));
    }

    #[test]
    fn bounds_that_make_no_sense_give_a_wait_all_the_same() {
        let swapped = Backoff { min: BACKOFF.max, max: BACKOFF.min };
        assert_eq!(swapped.wait(5, u64::MAX), swapped.min);
        let endless = Backoff { min: Duration::from_secs(1), max: Duration::MAX };
        assert!(endless.min <= endless.wait(u32::MAX, u64::MAX));
    }
}

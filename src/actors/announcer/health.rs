//! Whether the receiver takes anything at all. While it does not, it is asked one thing at a time, with
//! rests between, so that an outage uses up the tries of few letters and ends for all at once. Instants
//! are tokio's, so that tests can stop the time.

use std::time::Duration;

use tokio::time::Instant;

use crate::providers::backoff::Backoff;

/// Failures in a row after which the receiver counts as down. More than are under way together by default,
/// so that one short break is not one.
const FAILURES_MAX: u32 = 10;
/// Rests while it is down.
const PAUSE: Backoff = Backoff { min: Duration::from_millis(500), max: Duration::from_secs(60) };

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Health {
    failures: u32,
    /// Of a receiver that is down: when it is asked again.
    not_before: Option<Instant>,
}

impl Health {
    pub fn is_down(&self) -> bool {
        self.not_before.is_some()
    }

    /// How many more may be sent now, while `under_way` are.
    pub fn room(&self, under_way: usize, concurrency: usize, now: Instant) -> usize {
        let most = match self.not_before {
            None => concurrency,
            Some(not_before) => usize::from(not_before <= now),
        };
        most.saturating_sub(under_way)
    }

    /// `true`: it was down until now.
    pub fn succeeded(&mut self) -> bool {
        self.failures = 0;
        self.not_before.take().is_some()
    }

    /// `true`: it is down from now on. `random` is any 64 bits.
    pub fn failed(&mut self, now: Instant, random: u64) -> bool {
        self.failures = self.failures.saturating_add(1);
        let Some(more) = self.failures.checked_sub(FAILURES_MAX) else { return false };
        let was_down = self.is_down();
        self.not_before = Some(now + PAUSE.wait(more.saturating_add(1), random));
        !was_down
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_that_takes_nothing_is_asked_one_thing_at_a_time_after_growing_rests() {
        let (mut health, now) = (Health::default(), Instant::now());
        for _ in 1..FAILURES_MAX {
            assert!(!health.failed(now, u64::MAX));
        }
        assert_eq!(health.room(3, 8, now), 5, "a few failures are no outage");
        assert!(health.failed(now, u64::MAX) && health.is_down());
        let second = Duration::from_secs(1);
        assert_eq!(health.room(0, 8, now + second / 2), 0, "resting");
        assert_eq!(health.room(0, 8, now + second), 1, "a probe");
        assert_eq!(health.room(1, 8, now + second), 0, "one at a time");
        assert!(!health.failed(now, u64::MAX), "known already");
        assert_eq!(health.room(0, 8, now + second), 0, "rests grow");
        for _ in 0..40 {
            health.failed(now, u64::MAX);
        }
        assert_eq!(health.room(0, 8, now + 60 * second), 1, "but not for ever");
        assert!(health.succeeded() && !health.is_down());
        assert_eq!(health.room(0, 8, now), 8);
        assert!(!health.failed(now, 0), "it starts from none");
    }

    #[test]
    fn one_entry_that_always_fails_among_others_is_no_outage() {
        let (mut health, now) = (Health::default(), Instant::now());
        for _ in 0..100 {
            assert!(!health.failed(now, 0));
            assert!(!health.succeeded());
        }
        assert_eq!(health.room(0, 8, now), 8);
    }
}

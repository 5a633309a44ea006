//! What a host measures of a room to set its pace: how busy the event's shard is, how fast fans are let
//! in, how many ask. None of it is journaled.

use std::time::Duration;

use crate::domain::time::UnixMillis;

/// The brake: slows admission while those who shop wait for the shard. Halves at once, comes back slowly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Brake(f64);

impl Brake {
    /// Never stops, or a busy shard would look like a closed door.
    const MIN: f64 = 0.05;
    /// Per look; five seconds from the least to full.
    const MORE: f64 = 0.02;
    /// A fuller queue than this is busy.
    const FULL: f64 = 0.25;
    /// An answer that took longer says the same of the disk.
    const SLOW: Duration = Duration::from_millis(250);

    pub fn released() -> Self {
        Self(1.0)
    }

    pub fn look(&mut self, fullness: f64, waited: Duration) {
        let is_busy = Self::FULL < fullness || Self::SLOW < waited;
        let next = if is_busy { self.0 / 2.0 } else { self.0 + Self::MORE };
        self.0 = next.clamp(Self::MIN, 1.0);
    }

    /// From 0 to 1.
    pub fn pace(self) -> f64 {
        self.0
    }
}

/// Passes a second over about half a minute. Right from the start: what was not seen yet does not count
/// as nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rate {
    sum: f64,
    weight: f64,
}

impl Rate {
    const WINDOW_SECONDS: f64 = 30.0;

    pub fn add(&mut self, passes: u32, elapsed_ms: u64) {
        if elapsed_ms == 0 {
            return;
        }
        let seconds = elapsed_ms as f64 / 1_000.0;
        let share = 1.0 - (-seconds / Self::WINDOW_SECONDS).exp();
        self.sum += share * (f64::from(passes) / seconds - self.sum);
        self.weight += share * (1.0 - self.weight);
    }

    /// Unit: passes a second.
    pub fn mean(self) -> f64 {
        if self.weight == 0.0 { 0.0 } else { self.sum / self.weight }
    }
}

/// How many ask in a second: reservations and joins.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Demand {
    /// When the present second began, and the count then.
    since: UnixMillis,
    from: u64,
    /// Of the last whole second.
    pub per_second: u32,
    /// Since when it has been low.
    low_since: Option<UnixMillis>,
}

impl Demand {
    const CALM_MS: u64 = 60_000;

    /// `count`: all that were ever asked. Gives the larger of the last second and the present one, so
    /// that a rush is seen before its second is over.
    pub fn look(&mut self, count: u64, low: u32, now: UnixMillis) -> u32 {
        let present = u32::try_from(count.saturating_sub(self.from)).unwrap_or(u32::MAX);
        let elapsed = now.0.saturating_sub(self.since.0);
        if self.since == UnixMillis::default() {
            (self.since, self.from) = (now, count);
            return 0;
        }
        if 1_000 <= elapsed {
            let per_second = u64::from(present) * 1_000 / elapsed;
            self.per_second = u32::try_from(per_second).unwrap_or(u32::MAX);
            (self.since, self.from) = (now, count);
            let is_low = self.per_second < low;
            self.low_since = if is_low { self.low_since.or(Some(now)) } else { None };
            return self.per_second;
        }
        self.per_second.max(present)
    }

    /// Whether it has been low for a minute.
    pub fn is_calm(&self, now: UnixMillis) -> bool {
        self.low_since.is_some_and(|since| since.plus_millis(Self::CALM_MS) <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_shard_slows_admission_at_once_and_never_stops_it() {
        let mut brake = Brake::released();
        brake.look(0.3, Duration::ZERO);
        assert_eq!(brake.pace(), 0.5);
        (0..20).for_each(|_| brake.look(0.0, Duration::from_secs(1)));
        assert_eq!(brake.pace(), Brake::MIN);
        (0..100).for_each(|_| brake.look(0.1, Duration::from_millis(3)));
        assert_eq!(brake.pace(), 1.0);
    }

    #[test]
    fn the_rate_is_right_from_the_start_and_follows() {
        let mut rate = Rate::default();
        assert_eq!(rate.mean(), 0.0);
        (0..10).for_each(|_| rate.add(1, 100));
        assert!((rate.mean() - 10.0).abs() < 0.01, "{}", rate.mean());
        (0..1_200).for_each(|_| rate.add(5, 100));
        assert!((rate.mean() - 50.0).abs() < 1.0, "{}", rate.mean());
    }

    #[test]
    fn a_rush_is_seen_within_its_second_and_calm_needs_a_minute() {
        let mut demand = Demand::default();
        let at = |ms: u64| UnixMillis(1_000_000 + ms);
        assert_eq!(demand.look(5_000, 50, at(0)), 0, "what was before the start is no rush");
        assert_eq!(demand.look(5_150, 50, at(200)), 150);
        assert_eq!(demand.look(5_150, 50, at(1_000)), 150);
        for second in 2..=61 {
            demand.look(5_150, 50, at(second * 1_000));
            assert!(!demand.is_calm(at(second * 1_000)));
        }
        demand.look(5_150, 50, at(62_000));
        assert!(demand.is_calm(at(62_000)));
        demand.look(5_900, 50, at(63_000));
        assert!(!demand.is_calm(at(63_000)));
    }
}

//! The one place where time is read. Everything else is handed a [`Clock`], and `domain/` is handed
//! the instant itself, so that tests and replays decide what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::time::UnixMillis;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The present instant; never earlier than one this clock gave before, unless a test says so.
    fn now(&self) -> UnixMillis;
}

/// The machine's time: the wall clock is read once, at the start, and the monotonic clock counts on
/// from there. A wall clock that is stepped while the server runs therefore ends no hold early or late
/// and opens no sale twice.
///
/// What it costs: a correction of the wall clock is followed only after a restart, and on Linux time
/// spent suspended does not count. Run a time service before the server, not beside it.
#[derive(Debug, Clone)]
pub struct SystemClock {
    /// Unit: milliseconds since 1970. 0 if the wall clock is before that.
    started_at_ms: u64,
    anchor: Instant,
}

impl SystemClock {
    /// Reads the wall clock; make one per process, since two would drift apart by its corrections.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is read")]
    pub fn start() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started_at_ms: whole_millis(since_1970.as_millis()), anchor: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.started_at_ms).plus_millis(whole_millis(self.anchor.elapsed().as_millis()))
    }
}

/// A clock that moves only when told to. Clones show the same time.
#[derive(Debug, Clone, Default)]
pub struct ManualClock {
    /// Unit: milliseconds since 1970.
    now_ms: Arc<AtomicU64>,
}

impl ManualClock {
    #[must_use]
    pub fn at(now: UnixMillis) -> Self {
        Self { now_ms: Arc::new(AtomicU64::new(now.0)) }
    }

    /// Sets the time, backwards too: what a restart on a machine with a corrected clock looks like.
    pub fn set(&self, now: UnixMillis) {
        self.now_ms.store(now.0, Ordering::SeqCst);
    }

    /// Moves on by `length_ms` milliseconds and tells the new time.
    pub fn advance(&self, length_ms: u64) -> UnixMillis {
        let before = self.now_ms.fetch_add(length_ms, Ordering::SeqCst);
        UnixMillis(before).plus_millis(length_ms)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.now_ms.load(Ordering::SeqCst))
    }
}

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> UnixMillis {
        (**self).now()
    }
}

fn whole_millis(millis: u128) -> u64 {
    u64::try_from(millis).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_is_anchored_and_never_goes_back() {
        let clock = SystemClock::start();
        let first = clock.now();
        // 2026-01-01 to 9999: the milliseconds are not seconds and not microseconds.
        assert!(UnixMillis(1_767_225_600_000) <= first && first < UnixMillis::MAX);
        let mut before = first;
        for _ in 0..10_000 {
            let now = clock.now();
            assert!(before <= now);
            before = now;
        }
    }

    #[test]
    fn clones_of_a_manual_clock_show_the_same_time() {
        let clock = ManualClock::at(UnixMillis(1_000));
        let shown: Arc<dyn Clock> = Arc::new(clock.clone());
        assert_eq!(clock.advance(500), UnixMillis(1_500));
        assert_eq!(shown.now(), UnixMillis(1_500));
        clock.set(UnixMillis(10));
        assert_eq!(shown.now(), UnixMillis(10));
    }
}

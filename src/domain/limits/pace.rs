//! The generic cell rate algorithm: one number for each one who asks, the time at which all that was taken is
//! earned back. Nothing runs in the background, and a number that has passed is as good as none.
//!
//! The plain algorithm lets through the whole quota at once, and what is earned meanwhile and after it, hence
//! nearly twice the quota in the first window. Here the quota is counted from the first request on; whoever has
//! emptied it earns all of it back before the next one, and from then on has one for each that is earned, until
//! they rest for a window. So who asks far too often gets the quota for each window, the first one included, and
//! who asks now and then has their whole quota at once.

/// A quota for a window, as times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// In which one is earned. Unit: ticks.
    interval: u64,
    /// In which the quota is earned. Unit: ticks.
    window: u64,
}

/// What somebody owes: when it is all earned back, and since when they take from their quota, or that they have
/// emptied it. One word, so that it is changed at once or not at all; zero is nobody.
///
/// The upper 56 bits are the time. The lower 8 are the number of the step of time at which they began, or
/// [`EMPTY`]; a window has 128 steps and nobody takes from one quota for longer, so 8 bits are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Debt(u64);

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// So it is from now on.
    Passed {
        debt: Debt,
        /// How many more could come now.
        left: u32,
        /// Until all is earned back. Unit: ticks.
        whole_in: u64,
    },
    /// Nothing changed.
    Refused {
        /// Until one could come. Unit: ticks, more than 0.
        wait: u64,
    },
}

/// A tick is 100 ns: short against the shortest interval, long enough for 56 bits.
pub const TICKS_PER_SECOND: u64 = 10_000_000;

/// Part of the window by which one may be early once the quota was emptied: clocks and networks shake.
const SLACK_PART: u64 = 50;
/// Steps of a window.
const STEPS: u64 = 128;
/// Instead of the step: they have emptied their quota.
const EMPTY: u64 = 255;

impl Debt {
    /// As a number that a table keeps.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }

    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// Of somebody of whom nothing is known although they may have asked before: one passes, then as many as
    /// are earned.
    #[must_use]
    pub fn unknown_since(now: u64) -> Self {
        Self::new(now, EMPTY)
    }

    /// When all is earned back. Unit: ticks since 1970.
    #[must_use]
    pub fn until(self) -> u64 {
        self.0 >> 8
    }

    /// Whether all is earned back, so that forgetting it changes little.
    #[must_use]
    pub fn is_paid(self, now: u64) -> bool {
        self.until() <= now
    }

    fn new(until: u64, step: u64) -> Self {
        Self(until << 8 | step)
    }

    fn step(self) -> u64 {
        self.0 & 0xff
    }
}

impl Pace {
    /// `quota` for each `window_seconds`, both at least 1; one every 5 us or slower.
    #[must_use]
    pub fn new(quota: u32, window_seconds: u32) -> Self {
        let quota = u64::from(quota.max(1));
        let window = u64::from(window_seconds.max(1)) * TICKS_PER_SECOND;
        let interval = (window / quota).max(1);
        Self { interval, window: interval * quota }
    }

    /// Unit: ticks.
    #[must_use]
    pub fn window(self) -> u64 {
        self.window
    }

    /// Decides on one request at `now`, in ticks since 1970.
    #[must_use]
    pub fn ask(self, debt: Debt, now: u64) -> Ruling {
        let until = debt.until();
        if debt.step() == EMPTY && now < until.saturating_add(self.window) {
            return self.ask_empty(until, now);
        }
        // A debt further ahead than a quota is of other settings, or of a clock that was set back.
        let goes_on =
            debt.step() != EMPTY && now < until && until <= now + self.window + self.step();
        let (since, until) = if goes_on {
            (self.since(debt), until)
        } else {
            let since = now.next_multiple_of(self.step());
            (since, since)
        };
        let until = until + self.interval;
        let taken = until.saturating_sub(since);
        let left = self.window.saturating_sub(taken) / self.interval;
        let step = if left == 0 { EMPTY } else { since / self.step() % EMPTY };
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        Ruling::Passed { debt: Debt::new(until, step), left, whole_in: until.saturating_sub(now) }
    }

    /// Of somebody who has emptied their quota: as many as are earned.
    fn ask_empty(self, until: u64, now: u64) -> Ruling {
        let ahead = until.clamp(now, now + self.window + self.step()) - now;
        let slack = self.window / SLACK_PART;
        if slack < ahead {
            return Ruling::Refused { wait: ahead - slack };
        }
        let whole_in = ahead + self.interval;
        let left = if whole_in <= slack { (slack - whole_in) / self.interval + 1 } else { 0 };
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        Ruling::Passed { debt: Debt::new(now + whole_in, EMPTY), left, whole_in }
    }

    /// The debt without one request that passed and was refused by another policy after all. The last one of a
    /// quota is not forgotten.
    #[must_use]
    pub fn give_back(self, debt: Debt) -> Debt {
        Debt::new(debt.until().saturating_sub(self.interval), debt.step())
    }

    /// Unit: ticks.
    fn step(self) -> u64 {
        (self.window / STEPS).max(1)
    }

    /// When somebody began to take from the quota that they take from now.
    fn since(self, debt: Debt) -> u64 {
        let last = debt.until() / self.step();
        let steps = (last % EMPTY + EMPTY - debt.step()) % EMPTY;
        last.saturating_sub(steps) * self.step()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = TICKS_PER_SECOND;
    const START: u64 = 1_800_000_000 * SECOND;
    const MILLI: u64 = SECOND / 1_000;

    /// Asks at each of the times, in ticks after the start, and tells which passed.
    fn passed(pace: Pace, debt: &mut Debt, times: impl Iterator<Item = u64>) -> Vec<u64> {
        let mut passed = Vec::new();
        for at in times {
            if let Ruling::Passed { debt: next, .. } = pace.ask(*debt, START + at) {
                *debt = next;
                passed.push(at);
            }
        }
        passed
    }

    /// Evenly over so many windows, ten times as often as allowed.
    fn ten_times(quota: u32, window_seconds: u32, windows: u64) -> impl Iterator<Item = u64> {
        let window = u64::from(window_seconds) * SECOND;
        let asked = u64::from(quota) * 10 * windows;
        (0..asked).map(move |n| n * window * windows / asked)
    }

    #[test]
    fn ten_times_the_allowed_rate_gets_the_quota_of_every_window_within_five_in_a_hundred() {
        for (quota, window_seconds) in
            [(1, 1), (5, 60), (7, 3), (30, 60), (100, 60), (1_000, 1), (60_000, 60), (199_999, 1)]
        {
            let pace = Pace::new(quota, window_seconds);
            for windows in [1, 2, 3, 10] {
                let mut debt = Debt::default();
                let times = ten_times(quota, window_seconds, windows);
                let passed = passed(pace, &mut debt, times).len() as u64;
                let allowed = u64::from(quota) * windows;
                // With a small quota one more or less is more than a twentieth.
                let off = (allowed / 20).max(1);
                assert!(
                    allowed.abs_diff(passed) <= off,
                    "{passed} of {quota} in {window_seconds} s, {windows} windows"
                );
            }
        }
    }

    #[test]
    fn no_edge_of_a_window_lets_through_twice() {
        let pace = Pace::new(100, 10);
        let mut debt = Debt::default();
        // All at the end of one window, then all at the beginning of the next one.
        let end = 10 * SECOND - 100 * MILLI;
        let times = (0..1_000)
            .map(|n| end + n * MILLI / 10)
            .chain((0..1_000).map(|n| 10 * SECOND + n * MILLI));
        assert_eq!(passed(pace, &mut debt, times).len(), 100);
    }

    #[test]
    fn whoever_asks_now_and_then_has_the_whole_quota_at_once() {
        let pace = Pace::new(5, 60);
        let mut debt = Debt::default();
        for rush in 0..4 {
            let times = (0..10).map(|n| rush * 121 * SECOND + n * MILLI);
            assert_eq!(passed(pace, &mut debt, times).len(), 5, "rush {rush}");
        }
    }

    #[test]
    fn what_is_told_is_true() {
        let pace = Pace::new(5, 60);
        let mut debt = Debt::default();
        for expected in (0..5).rev() {
            let Ruling::Passed { debt: next, left, .. } = pace.ask(debt, START) else { panic!() };
            assert_eq!(left, expected);
            debt = next;
        }
        let Ruling::Refused { wait } = pace.ask(debt, START) else { panic!("a sixth one") };
        assert_eq!(wait.div_ceil(SECOND), 59);
        assert!(matches!(pace.ask(debt, START + wait - 1), Ruling::Refused { wait: 1 }));
        let Ruling::Passed { left: 0, .. } = pace.ask(debt, START + wait) else {
            panic!("told to come then")
        };
    }

    #[test]
    fn a_request_given_back_costs_nothing() {
        let pace = Pace::new(3, 60);
        let Ruling::Passed { debt, .. } = pace.ask(Debt::default(), START) else { panic!() };
        let Ruling::Passed { debt: more, .. } = pace.ask(debt, START) else { panic!() };
        assert_eq!(pace.give_back(more), debt);
    }

    #[test]
    fn somebody_unknown_after_a_restart_has_one_and_then_the_rate() {
        let pace = Pace::new(100, 10);
        let mut debt = Debt::unknown_since(START);
        let passed = passed(pace, &mut debt, ten_times(100, 10, 1)).len();
        assert!((100..=104).contains(&passed), "{passed}");
    }

    #[test]
    fn a_debt_of_longer_windows_or_of_a_clock_set_back_holds_for_a_window_at_most() {
        let debt = Debt::new(START + 86_400 * SECOND, EMPTY);
        let pace = Pace::new(10, 60);
        let Ruling::Refused { wait } = pace.ask(debt, START) else { panic!("in debt") };
        assert!(wait <= 60 * SECOND, "{wait}");
        let debt = Debt::new(START + 86_400 * SECOND, 7);
        assert!(matches!(pace.ask(debt, START), Ruling::Passed { left: 9, .. }));
    }
}

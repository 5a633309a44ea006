//! How fast people are let in, and what of it may be expected.

/// How many people are admitted each second, lately.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Unit: people a second.
    pub mean: f64,
    /// How far `mean` itself has moved about over the last minutes. Unit: (people a second) squared.
    pub variance: f64,
}

/// Follows the rate of admission.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    rate: Rate,
    /// The mean over a longer time, from which `rate.mean` is seen to move. Unit: people a second.
    slow_mean: f64,
    /// How long it has been seen, and for how long the doubt of the beginning counts. Unit: seconds.
    seen: f64,
}

impl Pace {
    /// Before anybody was admitted: the rate that was ordered, and a quarter of it as doubt.
    #[must_use]
    pub fn ordered(per_second: f64) -> Self {
        let mean = if per_second.is_finite() { per_second.max(0.0) } else { 0.0 };
        let rate = Rate { mean, variance: (mean / 4.0).powi(2) };
        Self { rate, slow_mean: mean, seen: DOUBTED }
    }

    /// Takes in that `admitted` people were let in within the last `elapsed_ms` milliseconds.
    ///
    /// Only while somebody waits and the room is not paused: an empty line says nothing about the rate.
    pub fn observe(&mut self, admitted: u32, elapsed_ms: u32) {
        let seconds = f64::from(elapsed_ms) / 1_000.0;
        if seconds <= 0.0 {
            return;
        }
        let weight = |half_life: f64| 1.0 - (-seconds / half_life).exp2();
        self.seen += seconds;
        // All that was seen counts alike at first, else the doubt of the beginning would stay for minutes.
        let (quick, slow) = (weight(HALF_LIFE), weight(HALF_LIFE_SLOW).max(seconds / self.seen));
        self.rate.mean += quick * (f64::from(admitted) / seconds - self.rate.mean);
        self.slow_mean += slow * (self.rate.mean - self.slow_mean);
        let moved = (self.rate.mean - self.slow_mean).powi(2);
        self.rate.variance += slow * (moved - self.rate.variance);
    }

    /// What it has seen so far.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate
    }
}

/// Age at which an observation counts half. Unit: seconds.
const HALF_LIFE: f64 = 30.0;

/// The same for how much the mean moves about: minutes, as long as waits are. Unit: seconds.
const HALF_LIFE_SLOW: f64 = 300.0;

/// What the rate that was ordered is worth beside what is seen. Unit: seconds.
const DOUBTED: f64 = 60.0;

/// The rate to reckon with. While there is room for more shoppers the rate that was ordered is what comes, whatever
/// was seen of a line that was empty, and a quarter of it is its doubt; else it is what was seen.
///
/// `ordered_per_second`: what the terms allow, slowed by the brake. Unit: people a second.
#[must_use]
pub fn expected(ordered_per_second: f64, is_full: bool, seen: Rate) -> Rate {
    let ordered = Pace::ordered(ordered_per_second).rate();
    if is_full && seen.mean <= ordered.mean { seen } else { ordered }
}

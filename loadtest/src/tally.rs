//! What came of a rush.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::buyer::Trouble;
use crate::journey::JourneyTally;

/// Longest latency that is told apart. Unit: microseconds.
const LATENCY_MAX: u64 = 3_600_000_000;

/// Counts of one connection or of all.
pub struct Tally {
    pub sold: u64,
    /// By code: sold out, over the limit.
    pub refused: BTreeMap<String, u64>,
    /// By what the server said, or why it could not be asked: not what a buyer should see.
    pub errors: BTreeMap<String, u64>,
    /// Buyers among the errors who may own a reservation that they were not told of.
    pub unknown: u64,
    pub trouble: Trouble,
    /// Of those who bought. Unit: microseconds from the intended start.
    pub sold_latency: Histogram<u64>,
    /// Of those who were refused.
    pub refused_latency: Histogram<u64>,
    /// Of those who went on to buy.
    pub journey: JourneyTally,
}

/// Of latencies. Unit: microseconds.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX, 3).expect("bounds are in order")
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            sold: 0,
            refused: BTreeMap::new(),
            errors: BTreeMap::new(),
            unknown: 0,
            trouble: Trouble::default(),
            sold_latency: histogram(),
            refused_latency: histogram(),
            journey: JourneyTally::default(),
        }
    }
}

impl Tally {
    pub fn sell(&mut self, took: Duration) {
        self.sold += 1;
        self.sold_latency.saturating_record(micros(took));
    }

    pub fn refuse(&mut self, code: String, took: Duration) {
        *self.refused.entry(code).or_default() += 1;
        self.refused_latency.saturating_record(micros(took));
    }

    pub fn fail(&mut self, reason: String, maybe_done: bool) {
        *self.errors.entry(reason).or_default() += 1;
        self.unknown += u64::from(maybe_done);
    }

    pub fn merge(&mut self, other: Self) {
        self.sold += other.sold;
        for (code, count) in other.refused {
            *self.refused.entry(code).or_default() += count;
        }
        for (reason, count) in other.errors {
            *self.errors.entry(reason).or_default() += count;
        }
        self.unknown += other.unknown;
        self.trouble.retries += other.trouble.retries;
        self.trouble.broken += other.trouble.broken;
        self.sold_latency += other.sold_latency;
        self.refused_latency += other.refused_latency;
        self.journey.merge(other.journey);
    }

    pub fn refused_total(&self) -> u64 {
        self.refused.values().sum()
    }

    pub fn errors_total(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Buyers who have their answer, whichever.
    pub fn buyers(&self) -> u64 {
        self.sold + self.refused_total() + self.errors_total()
    }
}

pub fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

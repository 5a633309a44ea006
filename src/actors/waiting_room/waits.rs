//! How long fans wait, and how well that was foretold, from one fan in [`ONE_IN`]: kept for each, it would
//! be half as large as the room.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::estimate::{Rate, eta};
use crate::metrics::HostMetrics;

/// Numbers of which one is followed.
const ONE_IN: u32 = 16;
/// Most fans that are followed at one time, of about a million in line.
const FOLLOWED_MAX: usize = 65_536;
/// Waits that make up what is told as lately.
const LATELY: usize = 256;

/// The followed fans of one room, by number.
#[derive(Debug, Default)]
pub(super) struct Waits {
    followed: BTreeMap<u32, Followed>,
    /// The newest waits, and by how much each was foretold wrongly. Unit: seconds.
    lately: VecDeque<(f32, Option<f32>)>,
}

/// Waits of those who were let in last. Unit: seconds; `None`: of nobody since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Waited {
    pub p50: Option<f32>,
    pub p99: Option<f32>,
    /// Half of the waits were foretold better than this.
    pub error_p50: Option<f32>,
}

#[derive(Debug, Clone, Copy)]
struct Followed {
    /// Joined, or saw the doors open.
    since: UnixMillis,
    /// Unit: seconds from then on.
    foretold: Option<f64>,
}

impl Waits {
    /// `ahead`: how many are let in before; `None` before the doors. `rate`: what may be expected.
    pub fn joined(&mut self, number: u32, at: UnixMillis, ahead: Option<u32>, rate: Rate) {
        if number.is_multiple_of(ONE_IN) && self.followed.len() < FOLLOWED_MAX {
            let foretold = ahead.and_then(|ahead| foretell(ahead, rate));
            self.followed.insert(number, Followed { since: at, foretold });
        }
    }

    /// All who wait have a position now.
    pub fn doors_opened(&mut self, at: UnixMillis, rate: Rate, ahead: impl Fn(u32) -> Option<u32>) {
        for (number, followed) in &mut self.followed {
            let foretold = ahead(*number).and_then(|ahead| foretell(ahead, rate));
            *followed = Followed { since: at, foretold };
        }
    }

    /// They have their passes.
    pub fn let_in(&mut self, numbers: &[u32], at: UnixMillis, metrics: &HostMetrics) {
        for number in numbers.iter().filter(|number| number.is_multiple_of(ONE_IN)) {
            let Some(Followed { since, foretold }) = self.followed.remove(number) else { continue };
            let waited = at.0.saturating_sub(since.0) as f64 / 1_000.0;
            metrics.wait_seconds.record(waited);
            let error = foretold.map(|foretold| (waited - foretold).abs());
            if let Some(error) = error {
                metrics.eta_error_seconds.record(error);
            }
            if self.lately.len() == LATELY {
                self.lately.pop_front();
            }
            self.lately.push_back((waited as f32, error.map(|error| error as f32)));
        }
    }

    pub fn lately(&self) -> Waited {
        let sorted = |values: &mut dyn Iterator<Item = f32>| {
            let mut values: Vec<f32> = values.collect();
            values.sort_unstable_by(f32::total_cmp);
            values
        };
        let waits = sorted(&mut self.lately.iter().map(|(waited, _)| *waited));
        let errors = sorted(&mut self.lately.iter().filter_map(|(_, error)| *error));
        let at = |values: &[f32], hundredth: usize| {
            values
                .get((values.len() * hundredth / 100).min(values.len().saturating_sub(1)))
                .copied()
        };
        Waited { p50: at(&waits, 50), p99: at(&waits, 99), error_p50: at(&errors, 50) }
    }

    /// Nobody waits any more whose number is lower.
    pub fn began(&mut self, base: u32) {
        self.followed = self.followed.split_off(&base);
    }
}

/// The middle of what a fan is told.
fn foretell(ahead: u32, rate: Rate) -> Option<f64> {
    eta(ahead, rate, false).ok().map(|eta| f64::from(eta.mid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::waiting_room::estimate::Pace;

    #[test]
    fn what_is_told_as_lately_is_of_the_newest_waits() {
        let (mut waits, metrics) = (Waits::default(), HostMetrics::default());
        assert_eq!(waits.lately(), Waited::default());
        let at = |second: u64| UnixMillis(1_000_000 + second * 1_000);
        let rate = Pace::ordered(1.0).rate();
        for fan in 0..1_000_u32 {
            // Told 10 s, waits 100 to 199 s; the first 744 are as good as forgotten.
            waits.joined(fan * ONE_IN, at(0), Some(9), rate);
            let second = if fan < 744 { 5_000 } else { u64::from(100 + fan % 100) };
            waits.let_in(&[fan * ONE_IN, fan * ONE_IN + 1], at(second), &metrics);
        }
        let Waited { p50, p99, error_p50 } = waits.lately();
        assert_eq!((p50, p99), (Some(157.0), Some(199.0)));
        assert_eq!(error_p50, Some(147.0));
        assert_eq!(waits.lately.len(), LATELY);
    }
}

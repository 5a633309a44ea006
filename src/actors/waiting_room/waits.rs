//! How long fans wait, and how well that was foretold, from one fan in [`ONE_IN`]: kept for each, it would
//! be half as large as the room.

use std::collections::BTreeMap;

use crate::domain::time::UnixMillis;
use crate::metrics::HostMetrics;

/// Numbers of which one is followed.
const ONE_IN: u32 = 16;
/// Most fans that are followed at one time, of about a million in line.
const FOLLOWED_MAX: usize = 65_536;

/// The followed fans of one room, by number.
#[derive(Debug, Default)]
pub(super) struct Waits {
    followed: BTreeMap<u32, Followed>,
}

#[derive(Debug, Clone, Copy)]
struct Followed {
    /// Joined, or saw the doors open.
    since: UnixMillis,
    /// Unit: seconds from then on.
    foretold: Option<f64>,
}

impl Waits {
    /// `ahead`: how many are let in before; `None` before the doors. `rate`: passes a second.
    pub fn joined(&mut self, number: u32, at: UnixMillis, ahead: Option<u32>, rate: f64) {
        if number.is_multiple_of(ONE_IN) && self.followed.len() < FOLLOWED_MAX {
            let foretold = ahead.and_then(|ahead| foretell(ahead, rate));
            self.followed.insert(number, Followed { since: at, foretold });
        }
    }

    /// All who wait have a position now.
    pub fn doors_opened(&mut self, at: UnixMillis, rate: f64, ahead: impl Fn(u32) -> Option<u32>) {
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
            if let Some(foretold) = foretold {
                metrics.eta_error_seconds.record((waited - foretold).abs());
            }
        }
    }

    /// Nobody waits any more whose number is lower.
    pub fn began(&mut self, base: u32) {
        self.followed = self.followed.split_off(&base);
    }
}

fn foretell(ahead: u32, rate: f64) -> Option<f64> {
    (0.0 < rate).then(|| f64::from(ahead) / rate)
}

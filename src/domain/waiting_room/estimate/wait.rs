//! How long it will take, and when to ask again.

use super::Rate;

/// How long it will take. Unit: seconds. Bounds: `low <= mid <= high`, at most [`Eta::SECONDS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eta {
    /// One in ten is admitted sooner.
    pub low: u32,
    pub mid: u32,
    /// One in ten has to wait longer.
    pub high: u32,
}

impl Eta {
    /// A week; more than that is as good as not known.
    pub const SECONDS_MAX: u32 = 7 * 24 * 3_600;
}

/// Why there is no estimate of the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoEta {
    /// Nobody is admitted until the operator says so.
    Paused,
    /// Nobody was admitted lately, so there is nothing to reckon with.
    RateUnknown,
}

impl NoEta {
    /// The word for it in answers.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::RateUnknown => "rate_unknown",
        }
    }
}

/// How long somebody waits who has `ahead` people still in the line before them.
///
/// With `n = ahead + 1`, since their own turn has to come too, the middle is `n / mean`. Two things can make it
/// other, and do so apart from each other: the rate may change, which gives `n / (mean -+ 1.28 deviations)`; and
/// people do not come evenly, which gives `1.28 sqrt(n) / mean`. So the band holds what happens in 8 of 10 cases.
/// However much the rate has moved about, `high` reckons with no less than a tenth of it.
///
/// # Errors
/// Says why there is none.
pub fn eta(ahead: u32, rate: Rate, is_paused: bool) -> Result<Eta, NoEta> {
    if is_paused {
        return Err(NoEta::Paused);
    }
    if !(RATE_MIN <= rate.mean && rate.mean.is_finite()) {
        return Err(NoEta::RateUnknown);
    }
    let people = f64::from(ahead) + 1.0;
    let deviation = DEVIATIONS * rate.variance.max(0.0).sqrt();
    let mid = people / rate.mean;
    let uneven = DEVIATIONS * people.sqrt() / rate.mean;
    let quicker = mid - people / (rate.mean + deviation);
    let slower = people / (rate.mean - deviation).max(rate.mean / 10.0) - mid;
    let seconds = |seconds: f64| (seconds.max(0.0) as u32).min(Eta::SECONDS_MAX);
    Ok(Eta {
        low: seconds((mid - quicker.hypot(uneven)).floor()),
        mid: seconds(mid.round()),
        high: seconds((mid + slower.hypot(uneven)).ceil()),
    })
}

/// Deviations from the mean within which a normal distribution has 80 %.
const DEVIATIONS: f64 = 1.281_55;

/// Slower than one in eleven days is no rate. Unit: people a second.
const RATE_MIN: f64 = 1e-6;

/// When to ask again: after a tenth of the wait, so that the first in line hear quickly and the crowd does not
/// cost much; spread by `random`, from 0 to 1, so that those who came together do not stay together.
///
/// Unit:   milliseconds. `None` as wait: it is not known.
/// Bounds: 1,000 to 39,000.
#[must_use]
pub fn poll_after_ms(eta_ms: Option<u64>, random: f64) -> u32 {
    let random = if random.is_nan() { 0.0 } else { random.clamp(0.0, 1.0) };
    let tenth_ms =
        eta_ms.map_or(POLL_MS_MAX, |eta_ms| (eta_ms / 10).clamp(POLL_MS_MIN, POLL_MS_MAX));
    (tenth_ms as f64 * (1.0 + 0.3 * random)) as u32
}

const POLL_MS_MIN: u64 = 1_000;
const POLL_MS_MAX: u64 = 30_000;

//! When a message that could not be delivered is tried again: the ladder that Standard Webhooks 1.0
//! recommends, the same for mails and short messages. About three days, then it is a dead letter.

/// Waits between tries. Unit: milliseconds. The first try is at once; the last step is the longest.
const LADDER_MS: [u64; 10] = [
    0,
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
];

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// Tries before a message is a dead letter.
pub const TRIES_MAX: u32 = LADDER_MS.len() as u32;

/// How long to wait before the next try, or `None` when the message is a dead letter.
///
/// `tries` have been made so far; `random` is from 0 to 1 (anything else counts as the nearer end, not a
/// number as 0) and spreads those that failed together. Record the result: `random` does not come again.
///
/// Unit:   milliseconds from the last try, for [`super::time::UnixMillis::plus_millis`].
/// Bounds: 0 for the first try; then the step of the ladder, 10 % less to 10 % more, so 4,500 ms to
///         26 h 24 min. All ten tries together take 68 to 84 hours.
#[must_use]
pub fn next_try(tries: u32, random: f64) -> Option<u64> {
    let step_ms = *LADDER_MS.get(usize::try_from(tries).ok()?)?;
    let random = if random.is_nan() { 0.0 } else { random.clamp(0.0, 1.0) };
    // Steps are whole seconds and small: no digit is lost in a double.
    let spread_ms = (step_ms / 5) as f64 * random;
    Some(step_ms - step_ms / 10 + spread_ms as u64)
}

/// The wait of the ladder, or the one the receiver asked for if that is longer.
///
/// Bounds: at most 24 hours are given to the receiver; nobody parks our messages for good.
#[must_use]
pub fn not_before(ladder_ms: u64, asked_ms: Option<u64>) -> u64 {
    ladder_ms.max(asked_ms.unwrap_or(0).min(24 * HOUR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_is_that_of_standard_webhooks() {
        let middle: Vec<u64> = (0..TRIES_MAX).map(|tries| next_try(tries, 0.5).unwrap()).collect();
        let seconds = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
        assert_eq!(middle, seconds.map(|s| s * 1_000));
    }

    #[test]
    fn after_ten_tries_it_is_a_dead_letter() {
        assert!(next_try(9, 0.0).is_some());
        assert_eq!(next_try(10, 0.0), None);
        assert_eq!(next_try(u32::MAX, 1.0), None);
    }

    #[test]
    fn chance_moves_a_step_by_a_tenth_at_most_and_never_outside() {
        assert_eq!((next_try(1, 0.0), next_try(1, 1.0)), (Some(4_500), Some(5_500)));
        assert_eq!(next_try(9, 1.0), Some(95_040_000));
        for strange in [f64::NAN, f64::NEG_INFINITY, -7.0] {
            assert_eq!(next_try(1, strange), Some(4_500), "{strange}");
        }
        assert_eq!(next_try(1, f64::INFINITY), Some(5_500));
        let total = |random| (0..TRIES_MAX).filter_map(|n| next_try(n, random)).sum::<u64>() / HOUR;
        assert_eq!((total(0.0), total(1.0)), (68, 83));
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_up_to_a_day() {
        assert_eq!(not_before(5_000, None), 5_000);
        assert_eq!(not_before(5_000, Some(1_000)), 5_000);
        assert_eq!(not_before(5_000, Some(60_000)), 60_000);
        assert_eq!(not_before(5_000, Some(u64::MAX)), 86_400_000);
        assert_eq!(not_before(95_040_000, Some(u64::MAX)), 95_040_000);
    }
}

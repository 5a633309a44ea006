//! What is counted over all rooms about once a second, beside the hosts.

use crate::actors::router::Router;
use crate::domain::waiting_room::{Phase, State};
use crate::metrics::RoomMetrics;

/// Counts in every waiting room who still comes to ask. Looks at all fans: not for a thread of the runtime.
pub fn count_living(router: &Router) {
    let now = router.now();
    for room in router.rooms() {
        if 0 < room.snapshot().waiting() || 0 < room.living().all() {
            room.count_living(now);
        }
    }
}

/// Words of the states of places, for [`RoomMetrics::new`].
#[must_use]
pub fn state_words() -> [&'static str; State::COUNT] {
    State::ALL.map(|state| match state {
        State::Waiting => "waiting",
        State::Ready => "ready",
        State::Used => "used",
        State::Skipped => "skipped",
        State::Returning => "returning",
        State::Left => "left",
        State::Expired => "expired",
    })
}

/// Sums the snapshots of all rooms into the gauges.
pub fn sample_rooms(router: &Router, metrics: &RoomMetrics) {
    let now = router.now();
    let (mut places, mut missed, mut decided) = ([0_u64; State::COUNT], 0, 0);
    let (mut early, mut age_ms) = (0, 0);
    for room in router.rooms() {
        let seen = room.snapshot();
        places.iter_mut().zip(seen.counts).for_each(|(sum, count)| *sum += u64::from(count));
        missed += seen.totals.lapsed + seen.totals.skipped;
        decided += seen.totals.used;
        early += room.early_polls();
        if seen.phase == Phase::Active && 0 < seen.waiting() {
            age_ms = now.0.saturating_sub(seen.as_of.0).max(age_ms);
        }
    }
    metrics.set_places(&places);
    let turns = missed + decided;
    metrics.no_show_ratio.set(if turns == 0 { 0.0 } else { missed as f64 / turns as f64 });
    metrics.early_polls.absolute(early);
    metrics.snapshot_age_seconds.set(age_ms as f64 / 1_000.0);
}

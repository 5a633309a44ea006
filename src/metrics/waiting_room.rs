//! What waiting rooms measure. All rooms together: an event is no label.

use metrics::{Counter, Gauge, Histogram};

pub const WAITING_ROOM_PLACES: &str = "onsale_waiting_room_places";
pub const WAITING_ROOM_JOINS_TOTAL: &str = "onsale_waiting_room_joins_total";
pub const WAITING_ROOM_PASSES_TOTAL: &str = "onsale_waiting_room_passes_total";
pub const WAITING_ROOM_NO_SHOW_RATIO: &str = "onsale_waiting_room_no_show_ratio";
pub const WAITING_ROOM_WAIT_SECONDS: &str = "onsale_waiting_room_wait_seconds";
pub const WAITING_ROOM_ETA_ERROR_SECONDS: &str = "onsale_waiting_room_eta_error_seconds";
pub const WAITING_ROOM_ORDER_INVERSIONS_TOTAL: &str = "onsale_waiting_room_order_inversions_total";
pub const WAITING_ROOM_SEAL_SECONDS: &str = "onsale_waiting_room_seal_seconds";
pub const WAITING_ROOM_EARLY_POLLS_TOTAL: &str = "onsale_waiting_room_early_polls_total";
pub const WAITING_ROOM_SNAPSHOT_AGE_SECONDS: &str = "onsale_waiting_room_snapshot_age_seconds";

/// What a host counts as it happens.
#[derive(Clone)]
pub struct HostMetrics {
    pub joins_new: Counter,
    pub joins_repeated: Counter,
    pub joins_refused: Counter,
    pub passes_issued: Counter,
    pub passes_used: Counter,
    pub passes_lapsed: Counter,
    pub order_inversions: Counter,
    pub wait_seconds: Histogram,
    pub eta_error_seconds: Histogram,
    pub seal_seconds: Histogram,
}

impl HostMetrics {
    #[must_use]
    pub fn new() -> Self {
        let join = |outcome: &'static str| metrics::counter!(WAITING_ROOM_JOINS_TOTAL, "outcome" => outcome);
        let pass = |outcome: &'static str| metrics::counter!(WAITING_ROOM_PASSES_TOTAL, "outcome" => outcome);
        Self {
            joins_new: join("new"),
            joins_repeated: join("repeated"),
            joins_refused: join("refused"),
            passes_issued: pass("issued"),
            passes_used: pass("used"),
            passes_lapsed: pass("lapsed"),
            order_inversions: metrics::counter!(WAITING_ROOM_ORDER_INVERSIONS_TOTAL),
            wait_seconds: metrics::histogram!(WAITING_ROOM_WAIT_SECONDS),
            eta_error_seconds: metrics::histogram!(WAITING_ROOM_ETA_ERROR_SECONDS),
            seal_seconds: metrics::histogram!(WAITING_ROOM_SEAL_SECONDS),
        }
    }
}

impl Default for HostMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// What a sampler reads from the snapshots of all rooms.
#[derive(Clone)]
pub struct RoomMetrics {
    /// In the order of the words.
    states: Vec<Gauge>,
    pub no_show_ratio: Gauge,
    pub early_polls: Counter,
    pub snapshot_age_seconds: Gauge,
}

impl RoomMetrics {
    /// `states`: the words of all states, small, in their order.
    #[must_use]
    pub fn new(states: &[&'static str]) -> Self {
        let state = |state: &&'static str| metrics::gauge!(WAITING_ROOM_PLACES, "state" => *state);
        Self {
            states: states.iter().map(state).collect(),
            no_show_ratio: metrics::gauge!(WAITING_ROOM_NO_SHOW_RATIO),
            early_polls: metrics::counter!(WAITING_ROOM_EARLY_POLLS_TOTAL),
            snapshot_age_seconds: metrics::gauge!(WAITING_ROOM_SNAPSHOT_AGE_SECONDS),
        }
    }

    /// Places by state, in the same order.
    pub fn set_places(&self, places: &[u64]) {
        self.states.iter().zip(places).for_each(|(gauge, places)| gauge.set(*places as f64));
    }
}

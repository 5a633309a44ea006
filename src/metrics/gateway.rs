//! What the gateway refuses. Policies and classes are closed sets; an address is no label.

use metrics::Gauge;

use super::counters::CounterTable;

pub const LIMITED_TOTAL: &str = "onsale_limited_total";
pub const LIMIT_CELLS_USED_RATIO: &str = "onsale_limit_cells_used_ratio";
pub const SHED_TOTAL: &str = "onsale_shed_total";
pub const HTTP_CONNECTIONS_REFUSED_TOTAL: &str = "onsale_http_connections_refused_total";

/// Counts a request refused by this policy; `full`: a stranger for whom there was no room.
pub fn count_limited(policy: &'static str) {
    static COUNTERS: CounterTable = CounterTable::new(LIMITED_TOTAL, &["policy"]);
    COUNTERS.count([policy, ""], 1);
}

/// Counts a request of this class refused because too many were under way.
pub fn count_shed(class: &'static str) {
    static COUNTERS: CounterTable = CounterTable::new(SHED_TOTAL, &["class"]);
    COUNTERS.count([class, ""], 1);
}

/// Counts a connection closed because its address had too many.
pub fn count_refused_connection() {
    static COUNTERS: CounterTable = CounterTable::new(HTTP_CONNECTIONS_REFUSED_TOTAL, &[]);
    COUNTERS.count(["", ""], 1);
}

/// How full the tables of the limits are; set by a sampler, 0 to 1.
#[derive(Clone)]
pub struct LimitMetrics {
    pub strangers_used: Gauge,
    pub known_used: Gauge,
}

impl LimitMetrics {
    #[must_use]
    pub fn new() -> Self {
        let table = |table: &'static str| metrics::gauge!(LIMIT_CELLS_USED_RATIO, "table" => table);
        Self { strangers_used: table("strangers"), known_used: table("known") }
    }
}

impl Default for LimitMetrics {
    fn default() -> Self {
        Self::new()
    }
}

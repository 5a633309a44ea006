//! What the front door measures.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use metrics::{Gauge, Histogram};

use super::{HTTP_CONNECTIONS, HTTP_IN_FLIGHT, HTTP_REQUEST_DURATION_SECONDS};

/// What the front door measures.
pub struct HttpMetrics {
    pub connections: Gauge,
    pub in_flight: Gauge,
    /// Sorted, for binary search.
    routes: Vec<String>,
    /// One cell per method, route and status, in that order; resolved when first used, since most
    /// combinations never happen and each would be 13 lines of the scrape.
    durations: Vec<OnceLock<Histogram>>,
    /// Cells of refusals that may still be resolved.
    refusals_left: AtomicU32,
}

impl HttpMetrics {
    /// `routes` are the templates that can match, such as `/v1/events/{event}`. Whatever else is
    /// recorded later counts as `other`.
    #[must_use]
    pub fn new<R: Into<String>>(routes: impl IntoIterator<Item = R>) -> Self {
        let mut routes: BTreeSet<String> = routes.into_iter().map(Into::into).collect();
        routes.insert(OTHER.to_owned());
        let cells = METHODS.len() * routes.len() * STATUSES.len();
        Self {
            connections: metrics::gauge!(HTTP_CONNECTIONS),
            in_flight: metrics::gauge!(HTTP_IN_FLIGHT),
            routes: routes.into_iter().collect(),
            durations: std::iter::repeat_with(OnceLock::new).take(cells).collect(),
            refusals_left: AtomicU32::new(REFUSALS_MAX),
        }
    }

    /// Counts one answered request. `route` is the template that matched, never the path; `None` if
    /// nothing did. Takes no lock; the labels are resolved the first time only. Whoever tries all routes
    /// with all methods cannot make more than [`REFUSALS_MAX`] histograms of refusals: the rest is of the
    /// method and route `other`.
    pub fn record(&self, method: &str, route: Option<&str>, status: u16, took: Duration) {
        let other = |_| self.routes.binary_search_by(|known| known.as_str().cmp(OTHER));
        let route =
            self.routes.binary_search_by(|known| known.as_str().cmp(route.unwrap_or(OTHER)));
        let route = route.or_else(other).unwrap_or_default();
        // A HEAD runs what a GET runs.
        let method = if method == "HEAD" { "GET" } else { method };
        let method = METHODS.iter().position(|known| *known == method).unwrap_or(METHODS.len() - 1);
        let status = STATUSES.iter().position(|(known, _)| *known == status).unwrap_or_default();
        let is_done = (200..400).contains(&STATUSES[status].0);
        match self.cell(method, route, status).get() {
            Some(histogram) => histogram.record(took),
            None if is_done || self.takes_refusal() => {
                self.resolved(method, route, status).record(took);
            }
            None => {
                let route = self.routes.binary_search_by(|known| known.as_str().cmp(OTHER));
                let (method, route) = (METHODS.len() - 1, route.unwrap_or_default());
                self.resolved(method, route, status).record(took);
            }
        }
    }

    fn cell(&self, method: usize, route: usize, status: usize) -> &OnceLock<Histogram> {
        &self.durations[(method * self.routes.len() + route) * STATUSES.len() + status]
    }

    fn resolved(&self, method: usize, route: usize, status: usize) -> &Histogram {
        self.cell(method, route, status).get_or_init(|| {
            metrics::histogram!(
                HTTP_REQUEST_DURATION_SECONDS,
                "method" => METHODS[method],
                "route" => self.routes[route].clone(),
                "status" => STATUSES[status].1,
            )
        })
    }

    fn takes_refusal(&self) -> bool {
        let one_less = |left: u32| left.checked_sub(1);
        let (set, read) = (Ordering::Relaxed, Ordering::Relaxed);
        self.refusals_left.fetch_update(set, read, one_less).is_ok()
    }
}

/// Stands for every method, route or status outside of its closed set.
pub(super) const OTHER: &str = "other";

/// `other` last.
pub(super) const METHODS: &[&str] = &["POST", "GET", "DELETE", "PATCH", "PUT", "OPTIONS", OTHER];

/// Histograms of refusals by method and route. A shop sees some 20 kinds of them; with what succeeds it
/// keeps a scrape below 2,000 lines, whatever strangers try.
pub(super) const REFUSALS_MAX: u32 = 48;

/// Every status of the table of errors, and of success; `other` first.
pub(super) const STATUSES: &[(u16, &str)] = &[
    (0, OTHER),
    (200, "200"),
    (201, "201"),
    (202, "202"),
    (204, "204"),
    (304, "304"),
    (307, "307"),
    (308, "308"),
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (408, "408"),
    (409, "409"),
    (410, "410"),
    (412, "412"),
    (413, "413"),
    (415, "415"),
    (422, "422"),
    (429, "429"),
    (431, "431"),
    (500, "500"),
    (503, "503"),
];

//! What is measured: every name once, with its kind, labels and meaning, and handles resolved ahead
//! for the places that count on every request.
//!
//! Labels come from closed sets; nothing a buyer or an organizer chooses becomes one. Handles made
//! before [`install`] count into nothing for ever, so the recorder goes first. Histograms keep every
//! sample until somebody drains them: call `PrometheusHandle::run_upkeep` about once a second.
//! `docs/metrics.md` says the same for operators, and `tests/architecture` compares the two.

mod counters;
mod gateway;
mod http;
mod identity;
mod purchases;
mod waiting_room;

use anyhow::Context;
use metrics::{Gauge, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

pub use gateway::*;
pub use http::HttpMetrics;
pub use identity::*;
pub use purchases::{OutboxMetrics, PurchaseMetrics, count_simulated_money};
pub use waiting_room::*;

use self::counters::CounterTable;

pub const SHARD_QUEUE_DEPTH: &str = "onsale_shard_queue_depth";
pub const SHARD_QUEUE_WAIT_SECONDS: &str = "onsale_shard_queue_wait_seconds";
pub const COMMANDS_TOTAL: &str = "onsale_commands_total";
pub const REFUSALS_TOTAL: &str = "onsale_refusals_total";
pub const UNITS: &str = "onsale_units";
pub const JOURNAL_COMMIT_DURATION_SECONDS: &str = "onsale_journal_commit_duration_seconds";
pub const JOURNAL_BATCH_RECORDS: &str = "onsale_journal_batch_records";
pub const JOURNAL_BYTES: &str = "onsale_journal_bytes";
pub const LOG_BYTES: &str = "onsale_log_bytes";
pub const CHECKPOINT_AGE_SECONDS: &str = "onsale_checkpoint_age_seconds";
pub const RECOVERY_DURATION_SECONDS: &str = "onsale_recovery_duration_seconds";
pub const HTTP_REQUEST_DURATION_SECONDS: &str = "onsale_http_request_duration_seconds";
pub const HTTP_CONNECTIONS: &str = "onsale_http_connections";
pub const HTTP_IN_FLIGHT: &str = "onsale_http_in_flight";
pub const BOOKING_QUEUE_DEPTH: &str = "onsale_booking_queue_depth";
pub const PAYMENTS_TOTAL: &str = "onsale_payments_total";
pub const NOTIFICATIONS_TOTAL: &str = "onsale_notifications_total";
pub const OUTBOX_DEPTH: &str = "onsale_outbox_depth";
pub const SIMULATED_MONEY_TOTAL: &str = "onsale_simulated_money_total";
pub const BROKEN_LAWS_TOTAL: &str = "onsale_broken_laws_total";

/// Every metric: name, kind, labels with commas between, help.
pub const TABLE: &[(&str, Kind, &str, &str)] = &[
    (SHARD_QUEUE_DEPTH, Kind::Gauge, "shard", "Commands waiting in the shard."),
    (SHARD_QUEUE_WAIT_SECONDS, Kind::Histogram, "shard", "Time a command waited for its turn."),
    (COMMANDS_TOTAL, Kind::Counter, "command,outcome", "Commands, by how they ended."),
    (REFUSALS_TOTAL, Kind::Counter, "code", "Refusals, by the code the buyer was told."),
    (UNITS, Kind::Gauge, "state", "Units of all events, by state."),
    (
        JOURNAL_COMMIT_DURATION_SECONDS,
        Kind::Histogram,
        "",
        "Time to write one group of records and sync it to the disk.",
    ),
    (JOURNAL_BATCH_RECORDS, Kind::Histogram, "", "Records written with one disk sync."),
    (JOURNAL_BYTES, Kind::Gauge, "", "Size of the journal on disk."),
    (LOG_BYTES, Kind::Gauge, "", "Size of what is kept of events' logs beside the journal."),
    (CHECKPOINT_AGE_SECONDS, Kind::Gauge, "", "Time since the newest complete checkpoint."),
    (RECOVERY_DURATION_SECONDS, Kind::Gauge, "", "Time the last recovery took."),
    (
        HTTP_REQUEST_DURATION_SECONDS,
        Kind::Histogram,
        "method,route,status",
        "Time from a complete request head to the answer.",
    ),
    (HTTP_CONNECTIONS, Kind::Gauge, "", "Open connections of buyers."),
    (HTTP_IN_FLIGHT, Kind::Gauge, "", "Requests being answered."),
    (BOOKING_QUEUE_DEPTH, Kind::Gauge, "", "Bookings whose money is not settled."),
    (PAYMENTS_TOTAL, Kind::Counter, "outcome", "Answers of the payment provider."),
    (NOTIFICATIONS_TOTAL, Kind::Counter, "channel,outcome", "Messages, by how sending ended."),
    (OUTBOX_DEPTH, Kind::Gauge, "channel,outcome", "Messages that wait, and those given up."),
    (
        SIMULATED_MONEY_TOTAL,
        Kind::Counter,
        "state",
        "What the simulated provider took and gave back, in minor units.",
    ),
    (WAITING_ROOM_PLACES, Kind::Gauge, "state", "Places of all waiting rooms, by state."),
    (WAITING_ROOM_JOINS_TOTAL, Kind::Counter, "outcome", "Fans who asked for a place."),
    (WAITING_ROOM_PASSES_TOTAL, Kind::Counter, "outcome", "Passes, by what became of them."),
    (
        WAITING_ROOM_NO_SHOW_RATIO,
        Kind::Gauge,
        "",
        "Part of those whose turn came who did not use it.",
    ),
    (
        WAITING_ROOM_WAIT_SECONDS,
        Kind::Histogram,
        "",
        "Time from joining, or from the doors, to a pass; of one fan in 16.",
    ),
    (
        WAITING_ROOM_ETA_ERROR_SECONDS,
        Kind::Histogram,
        "",
        "How far the wait was from the first estimate; of one fan in 16.",
    ),
    (
        WAITING_ROOM_ORDER_INVERSIONS_TOTAL,
        Kind::Counter,
        "",
        "Passes given while somebody with an earlier place waited and was there.",
    ),
    (WAITING_ROOM_SEAL_SECONDS, Kind::Histogram, "", "Time to put a line in order at the doors."),
    (WAITING_ROOM_EARLY_POLLS_TOTAL, Kind::Counter, "", "Polls that came before their time."),
    (
        WAITING_ROOM_SNAPSHOT_AGE_SECONDS,
        Kind::Gauge,
        "",
        "Age of the oldest snapshot of a room in which fans wait.",
    ),
    (
        IDENTITY_REFUSALS_TOTAL,
        Kind::Counter,
        "reason",
        "Credentials that were refused, by what was wrong with them.",
    ),
    (
        IDENTITY_TOKENS_TOTAL,
        Kind::Counter,
        "outcome",
        "Customers' tokens: checked by their signature, or remembered.",
    ),
    (
        IDENTITY_KEY_SETS_TOTAL,
        Kind::Counter,
        "outcome",
        "Looks at issuers' key sets, by what came of them.",
    ),
    (LIMITED_TOTAL, Kind::Counter, "policy", "Requests refused by a limit."),
    (LIMIT_CELLS_USED_RATIO, Kind::Gauge, "table", "Part of the cells that owe something."),
    (SHED_TOTAL, Kind::Counter, "class", "Requests refused because too many were under way."),
    (
        HTTP_CONNECTIONS_REFUSED_TOTAL,
        Kind::Counter,
        "",
        "Connections closed at once because their address had too many.",
    ),
    (BROKEN_LAWS_TOTAL, Kind::Counter, "law", "Laws found broken; anything but 0 wakes someone."),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    /// The word Prometheus and the docs have for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Upper bounds of durations, in seconds: from one syscall to the longest anybody waits. Fine between
/// 0.5 ms and 0.1 s, where disks and queues differ.
const SECONDS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
];

/// Upper bounds of the durations of requests, of which there is a histogram for each route and status: from
/// what an idle server takes to what nobody waits for. Few, since each is a series.
const REQUEST_SECONDS: &[f64] = &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0];

/// Upper bounds of batches, in records, up to the largest that `shards.batch_records_max` allows.
const RECORDS: &[f64] =
    &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 2_048.0, 4_096.0];

/// Upper bounds of waits in line, in seconds: to four hours.
const WAITS: &[f64] = &[
    1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0,
];

/// Makes the process-wide recorder and tells it every metric's meaning. Once, before any handle.
///
/// # Errors
/// A recorder is installed already.
pub fn install() -> anyhow::Result<PrometheusHandle> {
    let handle = builder()?.install_recorder().context("installing the recorder of the metrics")?;
    describe();
    Ok(handle)
}

fn builder() -> anyhow::Result<PrometheusBuilder> {
    // Without buckets the exporter makes summaries, which cannot be added up over shards or machines.
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), SECONDS)
        .and_then(|b| {
            b.set_buckets_for_metric(Matcher::Full(JOURNAL_BATCH_RECORDS.into()), RECORDS)
        })
        .and_then(|b| {
            b.set_buckets_for_metric(Matcher::Full(WAITING_ROOM_WAIT_SECONDS.into()), WAITS)
        })
        .and_then(|b| {
            b.set_buckets_for_metric(Matcher::Full(WAITING_ROOM_ETA_ERROR_SECONDS.into()), WAITS)
        })
        .and_then(|b| {
            let requests = Matcher::Full(HTTP_REQUEST_DURATION_SECONDS.into());
            b.set_buckets_for_metric(requests, REQUEST_SECONDS)
        })
        .context("choosing the buckets of the histograms")
}

/// Tells the recorder the meaning of every metric, so that it stands in the scrape.
pub fn describe() {
    for (name, kind, _, help) in TABLE {
        match kind {
            Kind::Counter => metrics::describe_counter!(*name, *help),
            Kind::Gauge => metrics::describe_gauge!(*name, *help),
            Kind::Histogram => metrics::describe_histogram!(*name, *help),
        }
    }
}

/// What one shard measures.
#[derive(Clone)]
pub struct ShardMetrics {
    /// Set by a sampler rather than moved up and down: a gauge is a loop of compare-and-swap.
    pub queue_depth: Gauge,
    pub queue_wait_seconds: Histogram,
}

impl ShardMetrics {
    #[must_use]
    pub fn new(shard: u16) -> Self {
        let shard = shard.to_string();
        Self {
            queue_depth: metrics::gauge!(SHARD_QUEUE_DEPTH, "shard" => shard.clone()),
            queue_wait_seconds: metrics::histogram!(SHARD_QUEUE_WAIT_SECONDS, "shard" => shard),
        }
    }
}

/// What the journal measures.
#[derive(Clone)]
pub struct JournalMetrics {
    pub commit_duration_seconds: Histogram,
    pub batch_records: Histogram,
    pub bytes: Gauge,
    pub log_bytes: Gauge,
    pub checkpoint_age_seconds: Gauge,
    pub recovery_duration_seconds: Gauge,
}

impl JournalMetrics {
    #[must_use]
    pub fn new() -> Self {
        Self {
            commit_duration_seconds: metrics::histogram!(JOURNAL_COMMIT_DURATION_SECONDS),
            batch_records: metrics::histogram!(JOURNAL_BATCH_RECORDS),
            bytes: metrics::gauge!(JOURNAL_BYTES),
            log_bytes: metrics::gauge!(LOG_BYTES),
            checkpoint_age_seconds: metrics::gauge!(CHECKPOINT_AGE_SECONDS),
            recovery_duration_seconds: metrics::gauge!(RECOVERY_DURATION_SECONDS),
        }
    }
}

impl Default for JournalMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Units over all events; set by a sampler.
#[derive(Clone)]
pub struct UnitMetrics {
    pub available: Gauge,
    pub held: Gauge,
    pub sold: Gauge,
    pub blocked: Gauge,
}

impl UnitMetrics {
    #[must_use]
    pub fn new() -> Self {
        let state = |state: &'static str| metrics::gauge!(UNITS, "state" => state);
        Self {
            available: state("available"),
            held: state("held"),
            sold: state("sold"),
            blocked: state("blocked"),
        }
    }
}

impl Default for UnitMetrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Counts a command that ended. `command` is its name in the API or the domain (`reserve`), `outcome`
/// the word for its end (`done`, `refused`, `busy`).
pub fn count_command(command: &'static str, outcome: &'static str) {
    count_commands(command, outcome, 1);
}

/// The same for several that ended alike.
pub fn count_commands(command: &'static str, outcome: &'static str, several: u64) {
    static COUNTERS: CounterTable = CounterTable::new(COMMANDS_TOTAL, &["command", "outcome"]);
    COUNTERS.count([command, outcome], several);
}

/// Counts refusals by the code that the buyers were told.
pub fn count_refusals(code: &'static str, several: u64) {
    static COUNTERS: CounterTable = CounterTable::new(REFUSALS_TOTAL, &["code"]);
    COUNTERS.count([code, ""], several);
}

/// Counts a law found broken, `INV-n`, before the shard that broke it goes down.
pub fn count_broken_law(law: &'static str) {
    static COUNTERS: CounterTable = CounterTable::new(BROKEN_LAWS_TOTAL, &["law"]);
    COUNTERS.count([law, ""], 1);
}

#[cfg(test)]
mod tests;

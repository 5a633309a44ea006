//! What those measure who work off what bookings owe.

use metrics::Gauge;

use super::{
    BOOKING_QUEUE_DEPTH, CounterTable, NOTIFICATIONS_TOTAL, OUTBOX_DEPTH, PAYMENTS_TOTAL,
    SIMULATED_MONEY_TOTAL,
};

/// Handles of the cashier.
pub struct PurchaseMetrics {
    pub queue_depth: Gauge,
}

/// Handles of those who send messages by one channel.
pub struct OutboxMetrics {
    channel: &'static str,
    /// Messages to be sent.
    pub waiting: Gauge,
    /// Messages given up.
    pub dead: Gauge,
}

impl OutboxMetrics {
    #[must_use]
    pub fn new(channel: &'static str) -> Self {
        let depth = |outcome: &'static str| metrics::gauge!(OUTBOX_DEPTH, "channel" => channel, "outcome" => outcome);
        Self { channel, waiting: depth("waiting"), dead: depth("dead") }
    }

    /// Counts a try to send a message, or a message that is given up.
    pub fn count(&self, outcome: &'static str) {
        self.count_several(outcome, 1);
    }

    /// The same for several that ended alike.
    pub fn count_several(&self, outcome: &'static str, several: u64) {
        static COUNTERS: CounterTable =
            CounterTable::new(NOTIFICATIONS_TOTAL, &["channel", "outcome"]);
        COUNTERS.count([self.channel, outcome], several);
    }
}

impl PurchaseMetrics {
    #[must_use]
    pub fn new() -> Self {
        Self { queue_depth: metrics::gauge!(BOOKING_QUEUE_DEPTH) }
    }

    /// Counts an answer of the payment provider.
    pub fn count(&self, outcome: &'static str) {
        static COUNTERS: CounterTable = CounterTable::new(PAYMENTS_TOTAL, &["outcome"]);
        COUNTERS.count([outcome, ""], 1);
    }
}

/// Counts money that the simulated provider moved: `captured` or `refunded`, in minor units of whatever
/// currency. With it a load test balances its books against somebody else's.
pub fn count_simulated_money(state: &'static str, amount: u64) {
    static COUNTERS: CounterTable = CounterTable::new(SIMULATED_MONEY_TOTAL, &["state"]);
    COUNTERS.count([state, ""], amount);
}

impl Default for PurchaseMetrics {
    fn default() -> Self {
        Self::new()
    }
}

//! What those measure who work off what bookings owe.

use metrics::Gauge;

use super::{
    BOOKING_QUEUE_DEPTH, CounterTable, NOTIFICATIONS_TOTAL, OUTBOX_DEPTH, PAYMENTS_TOTAL,
    SIMULATED_MONEY_TOTAL,
};

/// Handles of the cashier and the notifier.
pub struct PurchaseMetrics {
    pub queue_depth: Gauge,
    pub outbox_depth: Gauge,
    pub webhook_depth: Gauge,
}

impl PurchaseMetrics {
    #[must_use]
    pub fn new() -> Self {
        Self {
            queue_depth: metrics::gauge!(BOOKING_QUEUE_DEPTH),
            outbox_depth: metrics::gauge!(OUTBOX_DEPTH, "channel" => "mail"),
            webhook_depth: metrics::gauge!(OUTBOX_DEPTH, "channel" => "webhook"),
        }
    }

    /// Counts an answer of the payment provider.
    pub fn count(&self, outcome: &'static str) {
        static COUNTERS: CounterTable = CounterTable::new(PAYMENTS_TOTAL, &["outcome"]);
        COUNTERS.count([outcome, ""], 1);
    }

    /// Counts a try to send a message.
    pub fn count_message(&self, channel: &'static str, outcome: &'static str) {
        self.count_messages(channel, outcome, 1);
    }

    /// The same for several that ended alike.
    pub fn count_messages(&self, channel: &'static str, outcome: &'static str, several: u64) {
        static COUNTERS: CounterTable =
            CounterTable::new(NOTIFICATIONS_TOTAL, &["channel", "outcome"]);
        COUNTERS.count([channel, outcome], several);
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

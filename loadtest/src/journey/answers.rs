//! What the server says of bookings and tickets, as far as buyers and the check look at it.

use serde::Deserialize;

use crate::ledger::Money;

#[derive(Debug, Clone, Deserialize)]
pub struct Booking {
    pub id: String,
    pub status: String,
    pub reason: Option<String>,
    pub payment: Payment,
    pub refund_status: String,
    pub total: Money,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Payment {
    pub status: String,
}

impl Booking {
    pub fn is_pending(&self) -> bool {
        self.status == "PENDING_PAYMENT"
    }

    /// Whether neither its outcome nor its money is still on the way.
    pub fn is_settled(&self) -> bool {
        let paying = matches!(self.payment.status.as_str(), "CREATED" | "PROCESSING");
        !self.is_pending() && !paying && self.payment.status != "REFUND_PENDING"
    }

    /// Whether the provider took the money, whatever became of it.
    pub fn was_captured(&self) -> bool {
        matches!(self.payment.status.as_str(), "SUCCEEDED" | "REFUND_PENDING" | "REFUNDED")
    }
}

#[derive(Debug, Deserialize)]
pub struct Tickets {
    pub items: Vec<Ticket>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Ticket {
    pub id: String,
    pub status: String,
    pub code: Option<String>,
}

/// A reservation, as it is afterwards.
#[derive(Debug, Clone, Deserialize)]
pub struct Reservation {
    pub status: String,
    pub lines: Vec<Line>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Line {
    pub quantity: u64,
}

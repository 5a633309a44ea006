//! The purchase of a reservation, and what is owed for it.
//!
//! ```text
//!   PENDING_PAYMENT ──> CONFIRMED ──> CANCELLED
//!         └──> FAILED (declined, expired, cancelled)
//!
//!   payment: CREATED ──> PROCESSING ──> SUCCEEDED ──> REFUND_PENDING ──> REFUNDED
//!                └───────────┴──> FAILED
//! ```
//!
//! A booking has the id of its reservation: one booking per reservation, whatever is repeated. What has
//! to be done outside (ask for money, give it back, send a mail) is derived from the state, so a crash
//! forgets none of it.

mod message;

use std::sync::Arc;

pub use message::{Channel, Delivery, Message, MessageKind, REASON_CHARS_MAX};

use super::idempotency::RememberedKey;
use super::ids::ReservationId;
use super::time::UnixMillis;

/// Where a booking is in its life. Numbers are written to the journal; never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookingStatus {
    PendingPayment = 0,
    Confirmed = 1,
    Failed = 2,
    Cancelled = 3,
}

impl BookingStatus {
    /// The word in bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingPayment => "PENDING_PAYMENT",
            Self::Confirmed => "CONFIRMED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// Why a booking failed. Numbers are written to the journal; never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailReason {
    Declined = 0,
    /// Not paid before the payment deadline.
    Expired = 1,
    /// By the buyer or the organizer, before it was paid.
    Cancelled = 2,
}

impl FailReason {
    /// The word in bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Where the money is. Numbers are written to the journal; never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentStatus {
    Created = 0,
    Processing = 1,
    Succeeded = 2,
    Failed = 3,
    RefundPending = 4,
    Refunded = 5,
}

impl PaymentStatus {
    /// The word in bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Processing => "PROCESSING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::RefundPending => "REFUND_PENDING",
            Self::Refunded => "REFUNDED",
        }
    }

    /// Whether the provider may still say something that matters.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Created | Self::Processing)
    }

    /// Whether the provider took the money, whatever became of it.
    #[must_use]
    pub fn was_captured(self) -> bool {
        matches!(self, Self::Succeeded | Self::RefundPending | Self::Refunded)
    }
}

/// How the buyer pays; never a card number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentTerms {
    /// A method of the provider, such as `card`. Bounds: 1 to 32 characters.
    pub method: Arc<str>,
    /// What the provider gave the shop for the card. Bounds: 1 to 255 printable characters.
    pub token: Arc<str>,
}

/// Where the buyer is told. Bounds: checked at the door.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contact {
    pub email: Option<Arc<str>>,
    pub phone: Option<Arc<str>>,
    /// Name on the tickets. Bounds: 1 to 200 characters.
    pub name: Option<Arc<str>>,
}

/// One ticket that was used at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// The ticket's number in its booking, from 1.
    pub ticket: u32,
    /// When the holder went in, as the scanner says.
    pub occurred_at: UnixMillis,
    /// Made by the scanner, so that its repeat is known.
    pub nonce: Arc<str>,
}

/// The purchase of one reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    pub status: BookingStatus,
    pub fail_reason: Option<FailReason>,
    pub payment: PaymentStatus,
    pub terms: PaymentTerms,
    pub contact: Contact,
    /// The provider's name for the payment, once it told one.
    pub provider_id: Option<Arc<str>>,
    pub created_at: UnixMillis,
    /// Until then the units are kept; afterwards the booking fails.
    pub pay_until: UnixMillis,
    /// When it was confirmed, failed or cancelled last.
    pub decided_at: Option<UnixMillis>,
    pub key: Option<RememberedKey>,
    /// By ticket.
    pub redeemed: Vec<Redeemed>,
}

/// What has to be done about a booking's money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owed {
    /// Ask for the money, or what became of it.
    Charge,
    /// The booking failed while the payment was under way: learn how it ended, but start nothing.
    Settle,
    Refund,
}

impl Booking {
    #[must_use]
    pub fn owed(&self) -> Option<Owed> {
        match (self.status, self.payment) {
            (BookingStatus::PendingPayment, _) => Some(Owed::Charge),
            (_, PaymentStatus::Created | PaymentStatus::Processing) => Some(Owed::Settle),
            (_, PaymentStatus::RefundPending) => Some(Owed::Refund),
            (_, PaymentStatus::Succeeded | PaymentStatus::Failed | PaymentStatus::Refunded) => None,
        }
    }

    /// The ticket's use, if it was used.
    #[must_use]
    pub fn redeemed(&self, ticket: u32) -> Option<&Redeemed> {
        self.redeemed.iter().find(|redeemed| redeemed.ticket == ticket)
    }
}

/// What an event does with money that arrives after the booking failed for want of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LatePayment {
    /// Takes the units again if they are free, else refunds.
    #[default]
    Retake,
    Refund,
}

impl LatePayment {
    /// The word in bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retake => "retake",
            Self::Refund => "refund",
        }
    }
}

/// Asks to buy a reservation.
#[derive(Debug, Clone)]
pub struct Book {
    pub reservation: ReservationId,
    pub payment: PaymentTerms,
    pub contact: Contact,
    pub key: Option<RememberedKey>,
}

/// What the provider says of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentOutcome {
    Processing,
    Succeeded,
    Declined,
    /// It never heard of it, or nothing came of it, and nothing will.
    Nothing,
}

/// Asks to redeem a ticket.
#[derive(Debug, Clone)]
pub struct Redeem {
    pub booking: ReservationId,
    pub ticket: u32,
    pub nonce: Arc<str>,
    /// When it happened, if it is told later; else now.
    pub occurred_at: Option<UnixMillis>,
}

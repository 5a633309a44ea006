//! What has happened. Facts carry results (`expires_at`), never inputs to compute again at replay;
//! they are all that the journal holds.

use std::sync::Arc;

use super::Lines;
use super::terms::EventTerms;
use crate::domain::booking::{Contact, FailReason, PaymentTerms};
use crate::domain::idempotency::RememberedKey;
use crate::domain::ids::{CustomerId, EventNumber, OrganizerId, ReservationId};
use crate::domain::time::UnixMillis;

/// Something that happened to one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    Amended(Amended),
    Reserved(Reserved),
    Released {
        sequence: u64,
        at: UnixMillis,
    },
    /// In the order in which the holds ended. Bounds: 1 to [`super::state::EXPIRED_PER_FACT_MAX`]; up to
    /// 1,000 in journals from before there were short messages.
    Expired {
        sequences: Vec<u64>,
        at: UnixMillis,
    },
    Booked(Booked),
    PaymentProcessing {
        sequence: u64,
        provider_id: Option<Arc<str>>,
        at: UnixMillis,
    },
    /// Paid. Also of a booking that had expired, when its units were still free.
    Confirmed {
        sequence: u64,
        provider_id: Option<Arc<str>>,
        at: UnixMillis,
    },
    BookingFailed {
        sequence: u64,
        reason: FailReason,
        at: UnixMillis,
    },
    /// A payment whose booking had failed before came to nothing.
    PaymentFailed {
        sequence: u64,
        at: UnixMillis,
    },
    /// A payment whose booking had failed before was captured all the same.
    RefundOwed {
        sequence: u64,
        provider_id: Option<Arc<str>>,
        at: UnixMillis,
    },
    Cancelled {
        sequence: u64,
        at: UnixMillis,
    },
    Refunded {
        sequence: u64,
        at: UnixMillis,
    },
    Redeemed {
        sequence: u64,
        /// From 1 within its booking.
        ticket: u32,
        nonce: Arc<str>,
        occurred_at: UnixMillis,
        at: UnixMillis,
    },
    MessageSent {
        message: u64,
        at: UnixMillis,
    },
    /// Nothing had to be sent.
    MessageSkipped {
        message: u64,
        at: UnixMillis,
    },
    MessageFailed {
        message: u64,
        /// No more tries. Only in journals from before there was [`Self::MessageGivenUp`].
        dead: bool,
        at: UnixMillis,
    },
    MessageGivenUp {
        message: u64,
        /// Bounds: [`crate::domain::booking::REASON_CHARS_MAX`].
        reason: Arc<str>,
        at: UnixMillis,
    },
    /// One that was given up is sent again.
    MessageRevived {
        message: u64,
        at: UnixMillis,
    },
}

/// A reservation is being bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// Of the reservation, and so of the booking.
    pub sequence: u64,
    pub payment: PaymentTerms,
    pub contact: Contact,
    pub key: Option<RememberedKey>,
    pub at: UnixMillis,
    pub pay_until: UnixMillis,
}

/// An event came onto the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    pub event: EventNumber,
    pub terms: Arc<EventTerms>,
    pub capacities: Vec<u32>,
    pub key: Option<RememberedKey>,
    /// Whose it is, for good; absent: nobody's but the operator's.
    pub organizer: Option<OrganizerId>,
}

/// The organizer changed something. Carries the whole result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amended {
    pub terms: Arc<EventTerms>,
    pub capacities: Vec<u32>,
    pub at: UnixMillis,
}

/// Units were kept for a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    pub id: ReservationId,
    pub customer: CustomerId,
    pub lines: Lines,
    pub created_at: UnixMillis,
    pub expires_at: UnixMillis,
    pub key: Option<RememberedKey>,
    /// Number of the waiting room's pass that was used for it.
    pub pass: Option<u32>,
}

impl Fact {
    /// When it happened; never earlier than the fact before it.
    #[must_use]
    pub fn at(&self) -> UnixMillis {
        match self {
            Self::Amended(amended) => amended.at,
            Self::Reserved(reserved) => reserved.created_at,
            Self::Booked(booked) => booked.at,
            Self::Released { at, .. }
            | Self::Expired { at, .. }
            | Self::PaymentProcessing { at, .. }
            | Self::Confirmed { at, .. }
            | Self::BookingFailed { at, .. }
            | Self::PaymentFailed { at, .. }
            | Self::RefundOwed { at, .. }
            | Self::Cancelled { at, .. }
            | Self::Refunded { at, .. }
            | Self::Redeemed { at, .. }
            | Self::MessageSent { at, .. }
            | Self::MessageSkipped { at, .. }
            | Self::MessageFailed { at, .. }
            | Self::MessageGivenUp { at, .. }
            | Self::MessageRevived { at, .. } => *at,
        }
    }
}

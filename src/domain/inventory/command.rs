//! What may be asked of an inventory. Imperatives; nothing here has happened yet.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::Lines;
use super::terms::{EventTerms, SaleState};
use crate::domain::booking::{Book, Delivery, LatePayment, PaymentOutcome, Redeem};
use crate::domain::idempotency::RememberedKey;
use crate::domain::ids::{CustomerId, EventNumber, OrganizerId, ReservationId};
use crate::domain::time::{HoldLength, UnixMillis};

/// Puts a new event on the books.
#[derive(Debug, Clone)]
pub struct Create {
    /// Unused so far; taken from the router's sequence.
    pub event: EventNumber,
    pub terms: Arc<EventTerms>,
    /// Capacity of each pool, in the order of `terms.pools`. Unit: units.
    pub capacities: Vec<u32>,
    pub key: Option<RememberedKey>,
    /// Whose it will be, for good; absent: nobody's but the operator's.
    pub organizer: Option<OrganizerId>,
}

/// What may be asked of an event that exists.
#[derive(Debug, Clone)]
pub enum Command {
    Reserve(Reserve),
    /// Gives a reservation back before it is bought.
    Release {
        reservation: ReservationId,
    },
    Amend(Amend),
    /// Buys a reservation.
    Book(Box<Book>),
    /// What the payment provider says.
    Hear {
        booking: ReservationId,
        outcome: PaymentOutcome,
        provider_id: Option<Arc<str>>,
    },
    /// Gives a booking back: before it is paid, or for a refund.
    Cancel {
        booking: ReservationId,
    },
    /// The provider gave the money back.
    Refunded {
        booking: ReservationId,
    },
    Redeem(Redeem),
    /// How sending a message ended.
    Told {
        message: u64,
        delivery: Delivery,
    },
    /// Sends a message again that was given up.
    Revive {
        message: u64,
    },
    /// Ends holds whose time is over; sent by the shard itself.
    ExpireDue,
}

/// Keeps units from others for a while: all lines or none.
#[derive(Debug, Clone)]
pub struct Reserve {
    pub customer: CustomerId,
    pub lines: Lines,
    pub key: Option<RememberedKey>,
    /// Makes the id unguessable; chosen at the edge, since the rules know no randomness.
    pub salt: u32,
    /// Of whoever was let in from the waiting room.
    pub pass: Option<Pass>,
}

/// The right to one reservation, given by the event's waiting room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// The fan's number in the line.
    pub number: u32,
    /// From then on it may not be used; checked here and not only at the door, so that the room may
    /// count on it.
    pub ends_at: UnixMillis,
}

/// Changes what the organizer said. `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Amend {
    /// Amend only this revision (`If-Match`).
    pub expected_revision: Option<u64>,
    pub name: Option<Arc<str>>,
    pub starts_at: Option<Change<UnixMillis>>,
    pub state: Option<SaleState>,
    pub opens_at: Option<Change<UnixMillis>>,
    pub closes_at: Option<Change<UnixMillis>>,
    pub hold: Option<HoldLength>,
    pub customer_limit: Option<Change<NonZeroU32>>,
    /// Unit: seconds.
    pub pay_seconds: Option<u32>,
    pub late_payment: Option<LatePayment>,
    pub venue: Option<Change<Arc<str>>>,
    pub pool_names: Vec<(u16, Arc<str>)>,
    /// New capacities by pool index. Unit: units.
    pub capacities: Vec<(u16, u32)>,
}

/// A new value for something that may also be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<T> {
    To(T),
    Clear,
}

impl<T> Change<T> {
    pub(in crate::domain) fn into_value(self) -> Option<T> {
        match self {
            Self::To(value) => Some(value),
            Self::Clear => None,
        }
    }
}

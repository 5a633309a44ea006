//! An entry of an event's log: one fact, its number, and the names that the fact itself leaves out.

use super::fact::{Booked, Created, Fact, Reserved};
use super::lines::Lines;
use super::state::Inventory;
use crate::domain::booking::{Contact, PaymentTerms};
use crate::domain::ids::ReservationId;
use crate::domain::time::UnixMillis;

/// One thing that happened to an event, as those outside are told of it: without contacts, payment tokens
/// and idempotency keys, so that nobody passes them on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// 1, 2, 3… within the event: the inventory's version after the fact.
    pub number: u64,
    pub happened: Happened,
    /// One for each reservation that a fact names by its sequence, in the order of the fact; none for
    /// facts that carry the whole id, or are about no reservation.
    pub names: Vec<ReservationName>,
}

/// What an entry tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// Always entry 1.
    Created(Created),
    Fact(Fact),
}

/// What was known of a reservation when the fact happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservationName {
    pub id: ReservationId,
    /// Whether it was bought, or is being bought: the booking has the same id.
    pub is_booking: bool,
    /// Told when a booking is made and when it is confirmed, which says how many tickets it has.
    pub lines: Option<Lines>,
}

impl Entry {
    /// The first of every log.
    #[must_use]
    pub fn created(created: Created) -> Self {
        let happened = Happened::Created(Created { key: None, ..created });
        Self { number: 1, happened, names: Vec::new() }
    }

    /// `number` is the event's version after the fact.
    #[must_use]
    pub fn of(number: u64, fact: Fact, names: Vec<ReservationName>) -> Self {
        Self { number, happened: Happened::Fact(fact.without_secrets()), names }
    }

    /// The reservation or booking that it is about, the first of several.
    #[must_use]
    pub fn reservation(&self) -> Option<ReservationId> {
        match &self.happened {
            Happened::Fact(Fact::Reserved(reserved)) => Some(reserved.id),
            Happened::Created(_) | Happened::Fact(_) => self.names.first().map(|name| name.id),
        }
    }

    /// When it happened; never earlier than the entry before it.
    #[must_use]
    pub fn at(&self) -> UnixMillis {
        match &self.happened {
            Happened::Created(created) => created.terms.created_at,
            Happened::Fact(fact) => fact.at(),
        }
    }
}

impl Fact {
    /// What may be told of it: no contact, no payment token, no key.
    #[must_use]
    pub fn without_secrets(self) -> Self {
        match self {
            Self::Reserved(reserved) => Self::Reserved(Reserved { key: None, ..reserved }),
            Self::Booked(booked) => Self::Booked(Booked {
                payment: PaymentTerms { method: booked.payment.method, token: "".into() },
                contact: Contact::default(),
                key: None,
                ..booked
            }),
            other => other,
        }
    }

    /// The reservations that it names by their sequence only, in its order.
    #[must_use]
    pub fn sequences(&self) -> &[u64] {
        match self {
            Self::Amended(_)
            | Self::Reserved(_)
            | Self::MessageSent { .. }
            | Self::MessageSkipped { .. }
            | Self::MessageFailed { .. }
            | Self::MessageGivenUp { .. }
            | Self::MessageRevived { .. } => &[],
            Self::Expired { sequences, .. } => sequences,
            Self::Booked(booked) => std::slice::from_ref(&booked.sequence),
            Self::Released { sequence, .. }
            | Self::PaymentProcessing { sequence, .. }
            | Self::Confirmed { sequence, .. }
            | Self::BookingFailed { sequence, .. }
            | Self::PaymentFailed { sequence, .. }
            | Self::RefundOwed { sequence, .. }
            | Self::Cancelled { sequence, .. }
            | Self::Refunded { sequence, .. }
            | Self::Redeemed { sequence, .. } => std::slice::from_ref(sequence),
        }
    }
}

impl Inventory {
    /// The names to tell with `fact`, which is about to be applied: that may forget the very reservation
    /// that it is about. Costs nothing for a `Reserved`.
    ///
    /// # Panics
    /// INV-2, when the fact is about a reservation that is not on the books.
    #[must_use]
    pub fn names(&self, fact: &Fact) -> Vec<ReservationName> {
        let is_made = matches!(fact, Fact::Booked(_));
        let with_lines = is_made || matches!(fact, Fact::Confirmed { .. });
        let names = fact.sequences().iter().map(|sequence| {
            let reservation = self.book.get(*sequence);
            let reservation = reservation.expect("INV-2: a fact about what never was");
            ReservationName {
                id: ReservationId { sequence: *sequence, salt: reservation.salt },
                is_booking: is_made || self.bookings.contains_key(sequence),
                lines: with_lines.then(|| reservation.lines.clone()),
            }
        });
        names.collect()
    }
}

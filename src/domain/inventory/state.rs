//! The state of one event's inventory, and the questions that may be asked of it. Only `apply` and
//! the restoring of a checkpoint change it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::answers::AnswerMemory;
use super::book::{Book, Reservation, Status};
use super::customers::Customers;
use super::fact::Created;
use super::lines::{Line, Lines};
use super::outbox::Outbox;
use super::passes::Passes;
use super::pool::PoolCounts;
use super::terms::EventTerms;
use crate::domain::booking::{Booking, BookingStatus, PaymentStatus};
use crate::domain::idempotency::{KeyDigest, RememberedKey};
use crate::domain::ids::{CustomerId, EventNumber, OrganizerId, ReservationId};
use crate::domain::money::Money;
use crate::domain::time::UnixMillis;

/// Most holds that one `Expired` fact ends; the rest follow in the next, so that no fact is long.
pub const EXPIRED_PER_FACT_MAX: usize = 500;

/// Everything that one event can sell, who holds what, and which requests were answered.
#[derive(Debug)]
pub struct Inventory {
    pub(super) number: EventNumber,
    pub(super) terms: Arc<EventTerms>,
    pub(super) pools: Vec<PoolCounts>,
    pub(super) book: Book,
    pub(super) customers: Customers,
    pub(super) answers: AnswerMemory,
    /// Held reservations by the end of their hold.
    pub(super) deadlines: BTreeSet<(UnixMillis, u64)>,
    /// Ended reservations by the time at which they may be forgotten, oldest first.
    pub(super) retired: VecDeque<(UnixMillis, u64)>,
    pub(super) next_sequence: u64,
    /// Facts applied so far.
    pub(super) version: u64,
    /// Time of the newest fact; time never runs backwards in a journal.
    pub(super) latest: UnixMillis,
    /// Units of live reservations, counted from the reservations' side (INV-2).
    pub(super) units_live: u64,
    /// Units of CONFIRMED bookings, counted from the bookings' side (INV-2).
    pub(super) units_sold: u64,
    pub(super) creation_key: Option<RememberedKey>,
    pub(super) organizer: Option<OrganizerId>,
    /// By the sequence of their reservation.
    pub(super) bookings: BTreeMap<u64, Booking>,
    /// The newest booking that was asked for with a key.
    pub(super) booking_keys: BTreeMap<KeyDigest, u64>,
    /// Bookings whose money is not settled.
    pub(super) owing: BTreeSet<u64>,
    pub(super) outbox: Outbox,
    pub(super) passes: Passes,
}

/// What is shown of a booking.
#[derive(Debug, Clone)]
pub struct BookingReceipt {
    pub reservation: Receipt,
    pub booking: Booking,
}

impl Receipt {
    /// What all lines cost. All pools of an event have one currency; the door checks it.
    #[must_use]
    pub fn total(&self) -> Money {
        let price = |line: &Line| self.terms.pool(line.pool).price.times(line.quantity.units());
        let amount = self.lines.as_slice().iter().map(|line| price(line).amount).sum();
        Money { amount, currency: self.terms.pools[0].price.currency }
    }
}

impl BookingReceipt {
    /// What the booking costs.
    #[must_use]
    pub fn total(&self) -> Money {
        self.reservation.total()
    }
}

/// What a buyer is shown of a reservation. Cheap to send: the terms are shared.
#[derive(Debug, Clone)]
pub struct Receipt {
    pub id: ReservationId,
    pub terms: Arc<EventTerms>,
    pub customer: CustomerId,
    pub lines: Lines,
    pub status: Status,
    pub created_at: UnixMillis,
    pub expires_at: UnixMillis,
}

impl Inventory {
    /// The state after its first fact.
    #[must_use]
    pub fn created(fact: &Created) -> Self {
        assert!(fact.capacities.len() == fact.terms.pools.len(), "INV-1: a pool without capacity");
        Self {
            number: fact.event,
            terms: Arc::clone(&fact.terms),
            pools: fact.capacities.iter().map(|c| PoolCounts::with_capacity(*c)).collect(),
            book: Book::default(),
            customers: Customers::default(),
            answers: AnswerMemory::default(),
            deadlines: BTreeSet::new(),
            retired: VecDeque::new(),
            next_sequence: 1,
            version: 1,
            latest: fact.terms.created_at,
            units_live: 0,
            units_sold: 0,
            creation_key: fact.key,
            organizer: fact.organizer.clone(),
            bookings: BTreeMap::new(),
            booking_keys: BTreeMap::new(),
            owing: BTreeSet::new(),
            outbox: Outbox::default(),
            passes: Passes::default(),
        }
    }

    #[must_use]
    pub fn number(&self) -> EventNumber {
        self.number
    }

    #[must_use]
    pub fn terms(&self) -> &Arc<EventTerms> {
        &self.terms
    }

    /// Whose event it is; absent: nobody's but the operator's.
    #[must_use]
    pub fn organizer(&self) -> Option<&OrganizerId> {
        self.organizer.as_ref()
    }

    /// Counts by pool, in the order of the terms.
    #[must_use]
    pub fn pools(&self) -> &[PoolCounts] {
        &self.pools
    }

    /// Passes of the event's waiting room.
    #[must_use]
    pub fn passes(&self) -> &Passes {
        &self.passes
    }

    /// Facts applied so far; equal versions of one event mean equal states.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// `now`, but never before the newest fact: a clock that was set back must not reorder history.
    #[must_use]
    pub fn not_before_latest(&self, now: UnixMillis) -> UnixMillis {
        now.max(self.latest)
    }

    /// When the next hold ends, if any.
    #[must_use]
    pub fn next_release_at(&self) -> Option<UnixMillis> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// The reservation, as it stands now.
    #[must_use]
    pub fn receipt(&self, id: ReservationId) -> Option<Receipt> {
        let reservation = self.reservation(id)?;
        Some(self.receipt_of(id.sequence, reservation))
    }

    /// The reservation as it was first answered: HELD, whatever became of it since.
    #[must_use]
    pub fn first_receipt(&self, sequence: u64) -> Option<Receipt> {
        let receipt = self.receipt_of(sequence, self.book.get(sequence)?);
        Some(Receipt { status: Status::Held, ..receipt })
    }

    /// The booking of a reservation, as it stands now.
    #[must_use]
    pub fn booking_receipt(&self, id: ReservationId) -> Option<BookingReceipt> {
        let booking = self.bookings.get(&id.sequence)?.clone();
        Some(BookingReceipt { reservation: self.receipt(id)?, booking })
    }

    /// The booking as it was first answered, whatever became of it since.
    #[must_use]
    pub fn first_booking_receipt(&self, id: ReservationId) -> Option<BookingReceipt> {
        let mut receipt = self.booking_receipt(id)?;
        let booking = &mut receipt.booking;
        booking.status = BookingStatus::PendingPayment;
        booking.payment = PaymentStatus::Created;
        (booking.fail_reason, booking.decided_at, booking.provider_id) = (None, None, None);
        booking.redeemed.clear();
        receipt.reservation.status = Status::Booked;
        Some(receipt)
    }

    /// Bookings after `after` whose money is not settled, oldest first.
    pub fn owing(&self, after: u64) -> impl Iterator<Item = BookingReceipt> {
        let owing =
            self.owing.range((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded));
        owing.filter_map(|sequence| {
            let reservation = self.receipt_of(*sequence, self.book.get(*sequence)?);
            Some(BookingReceipt { reservation, booking: self.bookings.get(sequence)?.clone() })
        })
    }

    /// Whether somebody outside is owed something.
    #[must_use]
    pub fn owes(&self) -> bool {
        !self.owing.is_empty() || self.outbox.is_waiting()
    }

    /// Bookings whose money is not settled.
    #[must_use]
    pub fn owing_len(&self) -> usize {
        self.owing.len()
    }

    /// Units that a customer owns in this event. Unit: units.
    #[must_use]
    pub fn owned_by(&self, customer: &CustomerId) -> u32 {
        self.customers.find(customer).map_or(0, |found| found.owned)
    }

    /// Reservations not yet forgotten, whatever their status.
    #[must_use]
    pub fn reservations(&self) -> usize {
        self.book.len()
    }

    /// Digests of the idempotency keys in memory, of reservations and of bookings; what a filter of
    /// known keys has to hold.
    pub fn remembered_keys(&self) -> impl Iterator<Item = &KeyDigest> {
        let reserved = self.book.iter().filter_map(|(_, reservation)| reservation.key.as_ref());
        reserved.map(|key| &key.digest).chain(self.booking_keys.keys())
    }

    /// Keys with which bookings were asked for.
    #[must_use]
    pub fn booking_keys_len(&self) -> usize {
        self.booking_keys.len()
    }

    /// The next sequence number: how many reservations the event ever had, plus one.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    pub(super) fn reservation(&self, id: ReservationId) -> Option<&Reservation> {
        self.book.get(id.sequence).filter(|found| found.salt == id.salt)
    }

    fn receipt_of(&self, sequence: u64, reservation: &Reservation) -> Receipt {
        Receipt {
            id: ReservationId { sequence, salt: reservation.salt },
            terms: Arc::clone(&self.terms),
            customer: self.customers.at(reservation.customer).id.clone(),
            lines: reservation.lines.clone(),
            status: reservation.status,
            created_at: reservation.created_at,
            expires_at: reservation.expires_at,
        }
    }
}

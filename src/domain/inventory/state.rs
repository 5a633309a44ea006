//! The state of one event's inventory, and the questions that may be asked of it. Only `apply` and
//! the restoring of a checkpoint change it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::answers::AnswerMemory;
use super::book::{Book, Reservation, Status};
use super::customers::Customers;
use super::fact::Created;
use super::lines::Lines;
use super::pool::PoolCounts;
use super::terms::EventTerms;
use crate::domain::idempotency::RememberedKey;
use crate::domain::ids::{CustomerId, EventNumber, ReservationId};
use crate::domain::time::UnixMillis;

/// Most holds that one `Expired` fact ends; the rest follow in the next, so that no fact is long.
pub const EXPIRED_PER_FACT_MAX: usize = 1_000;

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
    pub(super) creation_key: Option<RememberedKey>,
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
            creation_key: fact.key,
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

    /// Counts by pool, in the order of the terms.
    #[must_use]
    pub fn pools(&self) -> &[PoolCounts] {
        &self.pools
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

    /// Idempotency keys in memory; what a filter of known keys has to hold.
    pub fn remembered_keys(&self) -> impl Iterator<Item = &RememberedKey> {
        self.book.iter().filter_map(|(_, reservation)| reservation.key.as_ref())
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

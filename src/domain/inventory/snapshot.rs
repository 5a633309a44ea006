//! A state taken apart and put together again, for checkpoints: the event first, then its
//! reservations one by one, so that no piece is large. Also the digest, which sees the same pieces.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::answers::AnswerMemory;
use super::book::{Book, Reservation, Status};
use super::customers::Customers;
use super::laws::Digest;
use super::lines::Lines;
use super::outbox::Outbox;
use super::passes::Passes;
use super::pool::PoolCounts;
use super::state::Inventory;
use super::terms::{BookingTerms, EventTerms};
use crate::domain::booking::{Booking, BookingStatus, Channel, FailReason, Message};
use crate::domain::idempotency::RememberedKey;
use crate::domain::ids::{CustomerId, EventNumber, OrganizerId};
use crate::domain::time::UnixMillis;

/// Everything of an event but its reservations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSnapshot {
    pub number: EventNumber,
    pub terms: Arc<EventTerms>,
    pub pools: Vec<PoolCounts>,
    pub version: u64,
    pub latest: UnixMillis,
    pub next_sequence: u64,
    pub remembered_from: u64,
    pub retired: Vec<(UnixMillis, u64)>,
    pub creation_key: Option<RememberedKey>,
    pub organizer: Option<OrganizerId>,
}

/// One reservation with the customer's name in place of their index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservationSnapshot {
    pub sequence: u64,
    pub salt: u32,
    pub customer: CustomerId,
    pub status: Status,
    pub lines: Lines,
    pub created_at: UnixMillis,
    pub expires_at: UnixMillis,
    pub key: Option<RememberedKey>,
}

/// A booking, or a message about one, with the number that it goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PurchaseSnapshot {
    Booking(u64, Booking),
    Message(u64, Message),
}

/// Passes of the waiting room that were used, or some of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassesSnapshot {
    /// In the order of their use.
    pub used: Vec<u32>,
    /// Sequence of each reservation that still counts, and its pass.
    pub live: Vec<(u64, u32)>,
}

impl PassesSnapshot {
    /// Most entries of one piece, so that no piece is large.
    const PIECE: usize = 65_536;
}

impl Inventory {
    #[must_use]
    pub fn snapshot(&self) -> EventSnapshot {
        EventSnapshot {
            number: self.number,
            terms: Arc::clone(&self.terms),
            pools: self.pools.clone(),
            version: self.version,
            latest: self.latest,
            next_sequence: self.next_sequence,
            remembered_from: self.answers.remembered_from,
            retired: self.retired.iter().copied().collect(),
            creation_key: self.creation_key,
            organizer: self.organizer.clone(),
        }
    }

    /// In the order of their numbers.
    pub fn reservation_snapshots(&self) -> impl Iterator<Item = ReservationSnapshot> {
        self.book.iter().map(|(sequence, reservation)| ReservationSnapshot {
            sequence,
            salt: reservation.salt,
            customer: self.customers.at(reservation.customer).id.clone(),
            status: reservation.status,
            lines: reservation.lines.clone(),
            created_at: reservation.created_at,
            expires_at: reservation.expires_at,
            key: reservation.key,
        })
    }

    /// Bookings, then messages, each in the order of their numbers. Both follow the reservations.
    pub fn purchase_snapshots(&self) -> impl Iterator<Item = PurchaseSnapshot> {
        let bookings = self.bookings.iter();
        let bookings = bookings.map(|(n, booking)| PurchaseSnapshot::Booking(*n, booking.clone()));
        let messages = self.outbox.iter();
        bookings.chain(messages.map(|(n, message)| PurchaseSnapshot::Message(n, message.clone())))
    }

    /// Passes in the order of their use, then those that still count. None without a waiting room.
    pub fn passes_snapshots(&self) -> impl Iterator<Item = PassesSnapshot> {
        let used = self.passes.used.chunks(PassesSnapshot::PIECE);
        let used = used.map(|used| PassesSnapshot { used: used.to_vec(), live: Vec::new() });
        let mut live = self.passes.live.iter().map(|(sequence, pass)| (*sequence, *pass));
        used.chain(std::iter::from_fn(move || {
            let live: Vec<_> = live.by_ref().take(PassesSnapshot::PIECE).collect();
            (!live.is_empty()).then(|| PassesSnapshot { used: Vec::new(), live })
        }))
    }

    /// # Panics
    /// INV-3, when a pass is there already.
    pub fn restore_passes(&mut self, from: PassesSnapshot) {
        from.used.into_iter().for_each(|pass| self.passes.restore_used(pass));
        self.passes.live.extend(from.live);
    }

    /// The event without its reservations; add them with [`Inventory::restore_reservation`], then
    /// ask [`Inventory::audit`] whether the pieces fit.
    #[must_use]
    pub fn restore(from: EventSnapshot) -> Self {
        let mut answers = AnswerMemory::default();
        answers.remembered_from = from.remembered_from;
        Self {
            number: from.number,
            terms: from.terms,
            pools: from.pools,
            book: Book::default(),
            customers: Customers::default(),
            answers,
            deadlines: BTreeSet::new(),
            retired: VecDeque::from(from.retired),
            next_sequence: from.next_sequence,
            version: from.version,
            latest: from.latest,
            units_live: 0,
            units_sold: 0,
            creation_key: from.creation_key,
            organizer: from.organizer,
            bookings: BTreeMap::new(),
            booking_keys: BTreeMap::new(),
            owing: BTreeSet::new(),
            outbox: Outbox::default(),
            passes: Passes::default(),
        }
    }

    /// # Panics
    /// INV-3 or INV-7, when the reservation or its key is there already.
    pub fn restore_reservation(&mut self, from: ReservationSnapshot) {
        let units = if from.status.is_live() { from.lines.units() } else { 0 };
        let customer = self.customers.add_reservation(&from.customer, units);
        if from.status == Status::Held {
            self.units_live += u64::from(units);
            self.deadlines.insert((from.expires_at, from.sequence));
        }
        let reservation = Reservation {
            salt: from.salt,
            customer,
            status: from.status,
            lines: from.lines,
            created_at: from.created_at,
            expires_at: from.expires_at,
            key: None,
        };
        self.book.insert(from.sequence, reservation);
        if let Some(key) = from.key {
            self.answers.remember(&key, from.sequence, &self.book);
            if let Some(reservation) = self.book.get_mut(from.sequence) {
                reservation.key = Some(key);
            }
        }
    }

    /// # Errors
    /// What is wrong with a booking of no reservation.
    ///
    /// # Panics
    /// INV-3, when the message is there already.
    pub fn restore_purchase(&mut self, from: PurchaseSnapshot) -> Result<(), &'static str> {
        match from {
            PurchaseSnapshot::Message(number, message) => {
                self.outbox.insert(number, message);
            }
            PurchaseSnapshot::Booking(sequence, booking) => {
                let reservation = self.book.get(sequence).ok_or("a booking of nothing")?;
                let units = u64::from(reservation.lines.units());
                match booking.status {
                    BookingStatus::PendingPayment => {
                        self.units_live += units;
                        self.deadlines.insert((booking.pay_until, sequence));
                    }
                    BookingStatus::Confirmed => self.units_sold += units,
                    BookingStatus::Failed | BookingStatus::Cancelled => {}
                }
                if let Some(key) = booking.key {
                    self.remember_booking_key(key, sequence, booking.created_at);
                }
                if booking.owed().is_some() {
                    self.owing.insert(sequence);
                }
                self.bookings.insert(sequence, booking);
            }
        }
        Ok(())
    }

    /// Equal for equal states, whichever way they came about (INV-6).
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut feed = Feed { hasher: blake3::Hasher::new(), gathered: Vec::new() };
        feed.event(&self.snapshot());
        for reservation in self.reservation_snapshots() {
            feed.reservation(&reservation);
        }
        for purchase in self.purchase_snapshots() {
            feed.purchase(&purchase);
        }
        // Pieces do not show in it: they are only as they are in checkpoints.
        if !self.passes.is_empty() {
            feed.number(self.passes.used_len());
            self.passes.used.iter().for_each(|pass| feed.number(u64::from(*pass)));
            for (sequence, pass) in &self.passes.live {
                feed.number(*sequence);
                feed.number(u64::from(*pass));
            }
        }
        Digest(feed.finish())
    }
}

/// Feeds values in fixed forms: integers little-endian, texts behind their length.
struct Feed {
    hasher: blake3::Hasher,
    /// The hash is fast only for long pieces.
    gathered: Vec<u8>,
}

impl Feed {
    /// Unit: bytes.
    const PIECE: usize = 64 << 10;

    fn bytes(&mut self, bytes: &[u8]) {
        self.gathered.extend_from_slice(bytes);
        if Self::PIECE <= self.gathered.len() {
            self.hasher.update(&self.gathered);
            self.gathered.clear();
        }
    }

    fn finish(mut self) -> [u8; 32] {
        self.hasher.update(&self.gathered);
        *self.hasher.finalize().as_bytes()
    }

    fn number(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }

    fn optional(&mut self, value: Option<u64>) {
        self.number(u64::from(value.is_some()));
        self.number(value.unwrap_or(0));
    }

    fn text(&mut self, value: &str) {
        self.number(value.len() as u64);
        self.bytes(value.as_bytes());
    }

    fn key(&mut self, key: Option<RememberedKey>) {
        self.number(u64::from(key.is_some()));
        if let Some(key) = key {
            self.bytes(&key.digest.0);
            self.bytes(&key.fingerprint.0);
        }
    }

    fn event(&mut self, event: &EventSnapshot) {
        self.terms(&event.terms);
        for pool in &event.pools {
            for count in [pool.capacity, pool.available, pool.held, pool.sold, pool.blocked] {
                self.number(u64::from(count));
            }
        }
        for value in [event.number.0, event.version, event.latest.0, event.next_sequence] {
            self.number(value);
        }
        self.number(event.remembered_from);
        self.number(event.retired.len() as u64);
        for (at, sequence) in &event.retired {
            self.number(at.0);
            self.number(*sequence);
        }
        self.key(event.creation_key);
        // Checkpoints from before there were organizers carry a digest without one.
        if let Some(organizer) = &event.organizer {
            self.text(organizer.as_str());
        }
    }

    fn terms(&mut self, terms: &EventTerms) {
        self.text(terms.id.as_str());
        self.text(&terms.name);
        self.optional(terms.starts_at.map(|at| at.0));
        self.text(terms.sale.state.as_str());
        self.optional(terms.sale.opens_at.map(|at| at.0));
        self.optional(terms.sale.closes_at.map(|at| at.0));
        self.number(u64::from(terms.sale.hold.seconds()));
        self.optional(terms.sale.customer_limit.map(|limit| u64::from(limit.get())));
        // Checkpoints from before there were bookings carry a digest without these.
        if terms.booking != BookingTerms::default() {
            self.number(u64::from(terms.booking.pay_seconds));
            self.text(terms.booking.late_payment.as_str());
            self.text(terms.booking.venue.as_deref().unwrap_or_default());
        }
        self.number(terms.pools.len() as u64);
        for pool in &terms.pools {
            self.text(pool.id.as_str());
            self.text(&pool.name);
            self.number(pool.price.amount);
            self.text(pool.price.currency.as_str());
        }
        self.number(terms.created_at.0);
        self.number(terms.revision);
    }

    fn reservation(&mut self, reservation: &ReservationSnapshot) {
        self.number(reservation.sequence);
        self.number(u64::from(reservation.salt));
        self.text(reservation.customer.as_str());
        self.text(reservation.status.as_str());
        for line in reservation.lines.as_slice() {
            self.number(u64::from(line.pool));
            self.number(u64::from(line.quantity.units()));
        }
        self.number(reservation.created_at.0);
        self.number(reservation.expires_at.0);
        self.key(reservation.key);
    }

    fn purchase(&mut self, purchase: &PurchaseSnapshot) {
        match purchase {
            PurchaseSnapshot::Message(number, message) => {
                self.number(*number);
                self.number(message.sequence);
                self.text(message.kind.as_str());
                self.number(u64::from(message.tries));
                self.number(u64::from(message.is_dead));
                // Checkpoints from before carry a digest without these.
                if message.channel != Channel::Mail {
                    self.text(message.channel.as_str());
                }
                if let Some(reason) = &message.reason {
                    self.text(reason);
                }
            }
            PurchaseSnapshot::Booking(number, booking) => {
                self.number(*number);
                self.booking(booking);
            }
        }
    }

    fn booking(&mut self, booking: &Booking) {
        self.text(booking.status.as_str());
        self.text(booking.fail_reason.map_or("", FailReason::as_str));
        self.text(booking.payment.as_str());
        self.text(&booking.terms.method);
        self.text(&booking.terms.token);
        let contact = &booking.contact;
        for text in [&contact.email, &contact.phone, &contact.name, &booking.provider_id] {
            self.number(u64::from(text.is_some()));
            self.text(text.as_deref().unwrap_or_default());
        }
        self.number(booking.created_at.0);
        self.number(booking.pay_until.0);
        self.optional(booking.decided_at.map(|at| at.0));
        self.key(booking.key);
        self.number(booking.redeemed.len() as u64);
        for redeemed in &booking.redeemed {
            self.number(u64::from(redeemed.ticket));
            self.number(redeemed.occurred_at.0);
            self.text(&redeemed.nonce);
        }
    }
}

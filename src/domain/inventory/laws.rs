//! The laws of an inventory, stated once.
//!
//! INV-1 no oversell: per pool `available + held + sold + blocked = capacity`.
//! INV-2 a live reservation holds exactly the units of its lines.
//! INV-3 an id is used once.
//! INV-7 one effect per idempotency key.
//! INV-9 a booking is CONFIRMED only with a SUCCEEDED payment, and a captured payment ends in CONFIRMED or
//! in a refund.
//! INV-8 units owned by a customer never exceed the limit that held when they were reserved.
//!
//! The constant-time part runs after every fact, in release builds too. `audit` derives every counter
//! again from the reservations: at recovery, in `onsale verify`, and at every simulated step.

use std::collections::BTreeMap;
use std::fmt;

use super::book::Status;
use super::state::Inventory;
use crate::domain::booking::{Booking, BookingStatus, PaymentStatus};

/// A law that does not hold, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenLaw {
    /// `INV-n`.
    pub law: &'static str,
    pub detail: String,
}

impl fmt::Display for BrokenLaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.law, self.detail)
    }
}

/// Fingerprint of a whole state: equal digests mean equal states (INV-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..16].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Inventory {
    /// INV-1 is checked by the pools as they change; this is what spans them.
    pub(super) fn assert_laws(&self) {
        let held: u64 = self.pools.iter().map(|pool| u64::from(pool.held)).sum();
        assert!(held == self.units_live, "INV-2: {held} held, {} in reservations", self.units_live);
        let sold: u64 = self.pools.iter().map(|pool| u64::from(pool.sold)).sum();
        assert!(sold == self.units_sold, "INV-2: {sold} sold, {} in bookings", self.units_sold);
    }

    /// A limit lowered later does not make earlier owners outlaws, so this runs as units are taken.
    pub(super) fn assert_within_limit(&self, customer: u32) {
        let owned = self.customers.at(customer).owned;
        let limit = self.terms.sale.customer_limit;
        assert!(limit.is_none_or(|limit| owned <= limit.get()), "INV-8: {owned} owned");
    }

    /// Derives every counter from the reservations, and says where the two differ. Slow: walks all
    /// reservations.
    #[must_use]
    pub fn audit(&self) -> Vec<BrokenLaw> {
        let mut broken = Vec::new();
        let mut report = |law, detail| broken.push(BrokenLaw { law, detail });
        let mut held = vec![0_u64; self.pools.len()];
        let mut sold = held.clone();
        let mut owned: BTreeMap<u32, (u32, u32)> = BTreeMap::new();
        let (mut live, mut keys) = (0_usize, 0_usize);
        for (sequence, reservation) in self.book.iter() {
            let of = owned.entry(reservation.customer).or_default();
            of.1 += 1;
            if self.next_sequence <= sequence {
                report("INV-3", format!("reservation {sequence} is from the future"));
            }
            if let Some(key) = &reservation.key {
                keys += 1;
                let found = self.answers.find(&key.digest, &self.book).map(|(n, _)| n);
                if found != Some(sequence) {
                    report("INV-7", format!("key of {sequence} answers with {found:?}"));
                }
            }
            if reservation.status.is_live() {
                of.0 += reservation.lines.units();
                let booking = self.bookings.get(&sequence);
                if booking.is_none() && reservation.status == Status::Booked {
                    report("INV-9", format!("reservation {sequence} is booked without a booking"));
                }
                let confirmed = booking.is_some_and(|b| b.status == BookingStatus::Confirmed);
                let counted = if confirmed { &mut sold } else { &mut held };
                for line in reservation.lines.as_slice() {
                    counted[usize::from(line.pool)] += u64::from(line.quantity.units());
                }
                live += usize::from(!confirmed);
                let due = booking.map_or(reservation.expires_at, |booking| booking.pay_until);
                if !confirmed && !self.deadlines.contains(&(due, sequence)) {
                    report("INV-2", format!("hold {sequence} never ends"));
                }
            }
        }
        for (pool, (counts, (held, sold))) in
            self.pools.iter().zip(held.into_iter().zip(sold)).enumerate()
        {
            if u64::from(counts.held) != held || u64::from(counts.sold) != sold {
                report("INV-2", format!("pool {pool}: {held} held, {sold} sold, {counts:?}"));
            }
            let sum = u64::from(counts.available) + u64::from(counts.taken());
            if sum != u64::from(counts.capacity) {
                report("INV-1", format!("pool {pool}: {counts:?}"));
            }
        }
        self.broken_passes().into_iter().for_each(|detail| report("INV-3", detail));
        self.broken_purchases().into_iter().for_each(|detail| report("INV-9", detail));
        if live != self.deadlines.len() {
            report("INV-2", format!("{live} holds, {} deadlines", self.deadlines.len()));
        }
        if keys != self.answers.len() {
            report("INV-7", format!("{keys} keys, {} answers", self.answers.len()));
        }
        if owned.len() != self.customers.len() {
            report("INV-8", format!("{} customers, {} owners", self.customers.len(), owned.len()));
        }
        for (index, (units, reservations)) in owned {
            let customer = self.customers.at(index);
            if customer.owned != units || customer.reservations != reservations {
                report("INV-8", format!("{customer:?}: {units} units in {reservations}"));
            }
        }
        broken
    }

    /// What is wrong with the passes of those who shop. A forgotten reservation cannot be one.
    fn broken_passes(&self) -> Vec<String> {
        let live = self.passes.live.iter().filter(|(sequence, pass)| {
            let booking = self.bookings.get(sequence);
            let pending = booking.is_none_or(|b| b.status == BookingStatus::PendingPayment);
            let reserved = self.book.get(**sequence).is_some_and(|r| r.status.is_live());
            !(reserved && pending && self.passes.is_used(**pass))
        });
        let broken = live.map(|(sequence, pass)| format!("pass {pass} of {sequence} shops on"));
        let mut broken: Vec<String> = broken.collect();
        let mut passes: Vec<&u32> = self.passes.live.values().collect();
        passes.sort_unstable();
        if passes.windows(2).any(|pair| pair[0] == pair[1]) {
            broken.push("one pass has two reservations".to_owned());
        }
        broken
    }

    /// What is wrong with bookings and with the lists of what is owed for them.
    fn broken_purchases(&self) -> Vec<String> {
        let bookings = self.bookings.iter().filter_map(|(sequence, booking)| {
            let detail = self.broken_purchase(*sequence, booking)?;
            Some(format!("booking {sequence}: {detail}"))
        });
        let mut broken: Vec<String> = bookings.collect();
        if let Some(none) = self.owing.iter().find(|n| !self.bookings.contains_key(n)) {
            broken.push(format!("money is owed for booking {none}, which is not there"));
        }
        broken.extend(self.outbox.audit(&self.bookings));
        for (digest, sequence) in &self.booking_keys {
            let key = self.bookings.get(sequence).and_then(|booking| booking.key);
            if key.is_none_or(|key| key.digest != *digest) {
                broken.push(format!("a key answers with booking {sequence}, which has another"));
            }
        }
        broken
    }

    /// What is wrong between a booking, its payment, its tickets and its reservation.
    fn broken_purchase(&self, sequence: u64, booking: &Booking) -> Option<&'static str> {
        let reservation = self.book.get(sequence);
        let (status, units) = reservation.map(|r| (r.status, r.lines.units())).unzip();
        let mut used: Vec<u32> = booking.redeemed.iter().map(|redeemed| redeemed.ticket).collect();
        used.sort_unstable();
        used.dedup();
        let once = used.len() == booking.redeemed.len();
        let real = used.iter().all(|ticket| (1..=units.unwrap_or(0)).contains(ticket));
        let let_in = used.is_empty() || booking.status == BookingStatus::Confirmed;
        let owes = self.owing.contains(&sequence) == booking.owed().is_some();
        let fits = match booking.status {
            BookingStatus::PendingPayment => booking.payment.is_open(),
            BookingStatus::Confirmed => booking.payment == PaymentStatus::Succeeded,
            BookingStatus::Failed => booking.payment != PaymentStatus::Succeeded,
            BookingStatus::Cancelled => {
                matches!(booking.payment, PaymentStatus::RefundPending | PaymentStatus::Refunded)
            }
        };
        let live =
            matches!(booking.status, BookingStatus::PendingPayment | BookingStatus::Confirmed);
        match status {
            None => Some("no reservation"),
            Some(status) if live != (status == Status::Booked) => Some("its reservation differs"),
            Some(_) if !fits => Some("its payment does not fit"),
            Some(_) if !owes => Some("what is owed for it is not noted"),
            Some(_) if !(once && real && let_in) => Some("its used tickets are impossible"),
            Some(_) => None,
        }
    }
}

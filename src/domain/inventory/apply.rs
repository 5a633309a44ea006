//! Folds one fact into the state. There is no failure path: during replay the fact is already history.
//! A panic here means a law is broken, not that someone sent bad input.

use std::sync::Arc;

use super::book::{Reservation, Status};
use super::fact::{Amended, Fact, Reserved};
use super::state::{EXPIRED_PER_FACT_MAX, Inventory};
use crate::domain::booking::{BookingStatus, FailReason, Redeemed};
use crate::domain::idempotency::{KeyDigest, WINDOW_MS};
use crate::domain::time::UnixMillis;

/// How long an ended reservation can still be read. Unit: milliseconds. As long as its key at least,
/// since a repeated request is answered from it.
const RETIRED_MS: u64 = WINDOW_MS;

/// Most old keys, and most old reservations, that one fact clears away: forgetting keeps pace with
/// selling (one fact brings at most one of each), and no fact takes long.
const FORGOTTEN_PER_FACT_MAX: usize = 16;

/// # Panics
/// When the fact breaks a law; the number stands in the message.
pub fn apply(state: &mut Inventory, fact: &Fact) {
    state.latest = state.latest.max(fact.at());
    match fact {
        Fact::Reserved(reserved) => state.hold(reserved),
        Fact::Released { sequence, at } => state.end(*sequence, Status::Released, *at),
        Fact::Expired { sequences, at } => {
            // Facts that end more are from before there were short messages.
            let by_sms = sequences.len() <= EXPIRED_PER_FACT_MAX;
            for sequence in sequences {
                state.expire(*sequence, *at, by_sms);
            }
        }
        Fact::Amended(amended) => state.amend(amended),
        Fact::Booked(booked) => state.book_it(booked),
        Fact::PaymentProcessing { sequence, provider_id, .. } => {
            state.payment_processing(*sequence, provider_id.as_ref());
        }
        Fact::Confirmed { sequence, provider_id, at } => {
            state.confirm(*sequence, provider_id.as_ref(), *at);
        }
        Fact::BookingFailed { sequence, reason, at } => {
            state.fail_booking(*sequence, *reason, *at, true);
        }
        Fact::PaymentFailed { sequence, at } => state.payment_failed(*sequence, *at),
        Fact::RefundOwed { sequence, provider_id, .. } => {
            state.owe_refund(*sequence, provider_id.as_ref());
        }
        Fact::Cancelled { sequence, at } => state.cancel_booking(*sequence, *at),
        Fact::Refunded { sequence, at } => state.refund_done(*sequence, *at),
        Fact::Redeemed { sequence, ticket, nonce, occurred_at, .. } => {
            let (ticket, occurred_at) = (*ticket, *occurred_at);
            let redeemed = Redeemed { ticket, occurred_at, nonce: Arc::clone(nonce) };
            state.redeem_ticket(*sequence, redeemed);
        }
        Fact::MessageSent { message, .. } | Fact::MessageSkipped { message, .. } => {
            state.outbox.remove(*message);
        }
        Fact::MessageFailed { message, dead, .. } => state.message_failed(*message, *dead, None),
        Fact::MessageGivenUp { message, reason, .. } => {
            state.message_failed(*message, true, Some(reason));
        }
        Fact::MessageRevived { message, .. } => state.revive_message(*message),
    }
    state.version += 1;
    state.forget_old();
    state.assert_laws();
}

impl Inventory {
    fn hold(&mut self, fact: &Reserved) {
        let sequence = fact.id.sequence;
        assert!(sequence == self.next_sequence, "INV-3: reservation {sequence} out of turn");
        self.next_sequence += 1;
        for line in fact.lines.as_slice() {
            self.pools[usize::from(line.pool)].hold(line.quantity.units());
        }
        let units = fact.lines.units();
        self.units_live += u64::from(units);
        let customer = self.customers.add_reservation(&fact.customer, units);
        self.assert_within_limit(customer);
        if let Some(key) = &fact.key {
            self.forget_lapsed(&key.digest);
        }
        self.book.insert(
            sequence,
            Reservation {
                salt: fact.id.salt,
                customer,
                status: Status::Held,
                lines: fact.lines.clone(),
                created_at: fact.created_at,
                expires_at: fact.expires_at,
                key: None,
            },
        );
        self.deadlines.insert((fact.expires_at, sequence));
        if let Some(pass) = fact.pass {
            self.passes.spend(pass, sequence);
        }
        if let Some(key) = fact.key {
            self.answers.remember(&key, sequence, &self.book);
            if let Some(reservation) = self.book.get_mut(sequence) {
                reservation.key = Some(key);
            }
        }
    }

    fn expire(&mut self, sequence: u64, at: UnixMillis, by_sms: bool) {
        if self.bookings.contains_key(&sequence) {
            self.fail_booking(sequence, FailReason::Expired, at, by_sms);
        } else {
            self.end(sequence, Status::Expired, at);
        }
    }

    /// A hold ends without a sale: its units return to stock in the same step.
    fn end(&mut self, sequence: u64, status: Status, at: UnixMillis) {
        let reservation = self.book.get(sequence).expect("INV-2: ended what never was");
        assert!(reservation.status == Status::Held, "INV-2: ended twice: {sequence}");
        self.return_units(sequence, status, reservation.expires_at);
        self.retire(sequence, at);
    }

    /// `due` is the deadline under which the units were held.
    pub(super) fn return_units(&mut self, sequence: u64, status: Status, due: UnixMillis) {
        let reservation = self.book.get_mut(sequence).expect("INV-2: ended what never was");
        reservation.status = status;
        for line in reservation.lines.as_slice() {
            self.pools[usize::from(line.pool)].free(line.quantity.units());
        }
        let units = reservation.lines.units();
        self.units_live -= u64::from(units);
        self.customers.disown(reservation.customer, units);
        let was_due = self.deadlines.remove(&(due, sequence));
        assert!(was_due, "INV-2: a hold without a deadline: {sequence}");
        self.passes.leave(sequence);
    }

    /// From now on nobody needs it but those who ask again, or who speak late.
    pub(super) fn retire(&mut self, sequence: u64, at: UnixMillis) {
        self.retired.push_back((at.plus_millis(RETIRED_MS), sequence));
    }

    fn amend(&mut self, fact: &Amended) {
        self.terms = Arc::clone(&fact.terms);
        for (pool, capacity) in self.pools.iter_mut().zip(&fact.capacities) {
            pool.resize(*capacity);
        }
    }

    /// Bounded work per fact, and a function of the facts alone, so that replay forgets the same.
    fn forget_old(&mut self) {
        for _ in 0..FORGOTTEN_PER_FACT_MAX {
            let sequence = self.answers.remembered_from;
            if self.next_sequence <= sequence || !self.forget_key_of(sequence) {
                break;
            }
            self.answers.remembered_from += 1;
        }
        for _ in 0..FORGOTTEN_PER_FACT_MAX {
            match self.retired.front() {
                Some((from, _)) if *from <= self.latest => {}
                Some(_) | None => break,
            }
            if let Some((_, sequence)) = self.retired.pop_front() {
                self.forget_reservation(sequence);
            }
        }
    }

    /// `false`: the key is too young to be forgotten.
    fn forget_key_of(&mut self, sequence: u64) -> bool {
        let Some(reservation) = self.book.get_mut(sequence) else { return true };
        if self.latest < reservation.created_at.plus_millis(WINDOW_MS) {
            return false;
        }
        if let Some(key) = reservation.key {
            // The table finds a sequence by its digest, so the entry goes before the digest does.
            self.answers.forget(&key, sequence);
            reservation.key = None;
        }
        true
    }

    /// Makes room for a key that is used anew after its 24 hours, before its turn has come.
    fn forget_lapsed(&mut self, digest: &KeyDigest) {
        if let Some((sequence, _)) = self.answers.find(digest, &self.book) {
            let lapsed = self.forget_key_of(sequence);
            assert!(lapsed, "INV-7: a second effect for one key");
        }
    }

    fn forget_reservation(&mut self, sequence: u64) {
        if let Some(booking) = self.bookings.get(&sequence) {
            match booking.status {
                BookingStatus::Failed => {}
                // Paid late and sold after all.
                BookingStatus::PendingPayment
                | BookingStatus::Confirmed
                | BookingStatus::Cancelled => return,
            }
            if booking.owed().is_some() {
                // Money came after all. It retires once more when that is settled.
                return;
            }
            if self.outbox.has_waiting(sequence) {
                return self.retire(sequence, self.latest);
            }
            self.outbox.forget_booking(sequence);
        }
        let Some(reservation) = self.book.get(sequence) else { return };
        if let Some(key) = self.bookings.remove(&sequence).and_then(|booking| booking.key)
            && self.booking_keys.get(&key.digest) == Some(&sequence)
        {
            self.booking_keys.remove(&key.digest);
        }
        if let Some(key) = reservation.key {
            self.answers.forget(&key, sequence);
        }
        let customer = reservation.customer;
        self.book.remove(sequence);
        self.customers.forget_reservation(customer);
    }
}

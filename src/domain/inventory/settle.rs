//! Folds the facts of bookings into the state. As in `apply`, there is no failure path.

use std::sync::Arc;

use super::book::Status;
use super::fact::Booked;
use super::state::Inventory;
use crate::domain::booking::{
    Booking, BookingStatus, FailReason, MessageKind, PaymentStatus, Redeemed,
};
use crate::domain::idempotency::RememberedKey;
use crate::domain::time::UnixMillis;

impl Inventory {
    pub(super) fn book_it(&mut self, fact: &Booked) {
        let sequence = fact.sequence;
        let reservation = self.book.get_mut(sequence).expect("INV-2: booked what never was");
        assert!(reservation.status == Status::Held, "INV-2: booked twice: {sequence}");
        reservation.status = Status::Booked;
        let was_due = self.deadlines.remove(&(reservation.expires_at, sequence));
        assert!(was_due, "INV-2: a hold without a deadline: {sequence}");
        self.deadlines.insert((fact.pay_until, sequence));
        let booking = Booking {
            status: BookingStatus::PendingPayment,
            fail_reason: None,
            payment: PaymentStatus::Created,
            terms: fact.payment.clone(),
            contact: fact.contact.clone(),
            provider_id: None,
            created_at: fact.at,
            pay_until: fact.pay_until,
            decided_at: None,
            key: fact.key,
            redeemed: Vec::new(),
        };
        if let Some(key) = fact.key {
            self.remember_booking_key(key, sequence, fact.at);
        }
        self.bookings.insert(sequence, booking);
        self.note_owed(sequence);
    }

    pub(super) fn payment_processing(&mut self, sequence: u64, provider_id: Option<&Arc<str>>) {
        let booking = self.booking_mut(sequence);
        assert!(booking.payment.is_open(), "INV-9: a settled payment is under way: {sequence}");
        booking.payment = PaymentStatus::Processing;
        booking.provider_id = provider_id.cloned().or_else(|| booking.provider_id.take());
    }

    /// Also of late money, when the units are free and are taken again.
    pub(super) fn confirm(
        &mut self,
        sequence: u64,
        provider_id: Option<&Arc<str>>,
        at: UnixMillis,
    ) {
        let booking = self.bookings.get_mut(&sequence).expect("INV-9: confirmed what never was");
        assert!(!booking.payment.was_captured(), "INV-9: paid twice: {sequence}");
        let was = booking.status;
        booking.status = BookingStatus::Confirmed;
        booking.fail_reason = None;
        booking.payment = PaymentStatus::Succeeded;
        booking.provider_id = provider_id.cloned().or_else(|| booking.provider_id.take());
        booking.decided_at = Some(at);
        let due = (booking.pay_until, sequence);
        let reservation = self.book.get_mut(sequence).expect("INV-2: a booking without units");
        let units = u64::from(reservation.lines.units());
        let retaken = match was {
            BookingStatus::PendingPayment => {
                let was_due = self.deadlines.remove(&due);
                assert!(was_due, "INV-2: a payment without a deadline: {sequence}");
                self.units_live -= units;
                self.passes.leave(sequence);
                false
            }
            BookingStatus::Failed => true,
            BookingStatus::Confirmed | BookingStatus::Cancelled => {
                panic!("INV-9: confirmed twice: {sequence}")
            }
        };
        reservation.status = Status::Booked;
        for line in reservation.lines.as_slice() {
            let pool = &mut self.pools[usize::from(line.pool)];
            if retaken {
                pool.hold(line.quantity.units());
            }
            pool.sell(line.quantity.units());
        }
        self.units_sold += units;
        if retaken {
            // It stays among the retired; `forget_reservation` passes over what was sold since.
            let customer = reservation.customer;
            self.customers.own(customer, u32::try_from(units).expect("at most 1,000,000"));
            self.assert_within_limit(customer);
        }
        self.note_owed(sequence);
        self.owe_messages(sequence, MessageKind::Confirmed, true);
    }

    /// The units return to stock in this very step; the money is a matter of its own. `by_sms` is for
    /// [`Inventory::owe_messages`].
    pub(super) fn fail_booking(
        &mut self,
        sequence: u64,
        reason: FailReason,
        at: UnixMillis,
        by_sms: bool,
    ) {
        let booking = self.booking_mut(sequence);
        assert!(booking.status == BookingStatus::PendingPayment, "INV-9: failed late: {sequence}");
        booking.status = BookingStatus::Failed;
        booking.fail_reason = Some(reason);
        booking.decided_at = Some(at);
        if reason == FailReason::Declined {
            booking.payment = PaymentStatus::Failed;
        }
        let due = booking.pay_until;
        let status = match reason {
            FailReason::Expired => Status::Expired,
            FailReason::Declined | FailReason::Cancelled => Status::Released,
        };
        self.return_units(sequence, status, due);
        self.note_owed(sequence);
        self.owe_messages(sequence, MessageKind::Failed, by_sms);
        if !self.owing.contains(&sequence) {
            self.retire(sequence, at);
        }
    }

    /// It is kept for a day from here on, whenever the booking failed: what the provider says out of
    /// order must still find it.
    pub(super) fn payment_failed(&mut self, sequence: u64, at: UnixMillis) {
        let booking = self.booking_mut(sequence);
        assert!(booking.payment.is_open(), "INV-9: settled twice: {sequence}");
        booking.payment = PaymentStatus::Failed;
        self.note_owed(sequence);
        self.retire(sequence, at);
    }

    pub(super) fn owe_refund(&mut self, sequence: u64, provider_id: Option<&Arc<str>>) {
        let booking = self.booking_mut(sequence);
        assert!(booking.status == BookingStatus::Failed, "INV-9: refund of a sale: {sequence}");
        assert!(!booking.payment.was_captured(), "INV-9: paid twice: {sequence}");
        booking.payment = PaymentStatus::RefundPending;
        booking.provider_id = provider_id.cloned().or_else(|| booking.provider_id.take());
        self.note_owed(sequence);
    }

    /// The units return to stock in this very step. The booking is kept for as long as the event, since
    /// its tickets must be known as revoked.
    pub(super) fn cancel_booking(&mut self, sequence: u64, at: UnixMillis) {
        let booking = self.booking_mut(sequence);
        assert!(booking.status == BookingStatus::Confirmed, "INV-9: cancelled twice: {sequence}");
        booking.status = BookingStatus::Cancelled;
        booking.payment = PaymentStatus::RefundPending;
        booking.decided_at = Some(at);
        let reservation = self.book.get_mut(sequence).expect("INV-2: a booking without units");
        reservation.status = Status::Released;
        for line in reservation.lines.as_slice() {
            self.pools[usize::from(line.pool)].take_back(line.quantity.units());
        }
        let units = reservation.lines.units();
        self.units_sold -= u64::from(units);
        let customer = reservation.customer;
        self.customers.disown(customer, units);
        self.note_owed(sequence);
        self.owe_messages(sequence, MessageKind::Cancelled, true);
    }

    pub(super) fn refund_done(&mut self, sequence: u64, at: UnixMillis) {
        let booking = self.booking_mut(sequence);
        let was_owed = booking.payment == PaymentStatus::RefundPending;
        let booking_failed = booking.status == BookingStatus::Failed;
        assert!(was_owed, "INV-9: refunded what was not owed: {sequence}");
        booking.payment = PaymentStatus::Refunded;
        self.note_owed(sequence);
        if booking_failed {
            self.retire(sequence, at);
        }
    }

    pub(super) fn redeem_ticket(&mut self, sequence: u64, redeemed: Redeemed) {
        let booking = self.booking_mut(sequence);
        let ticket = redeemed.ticket;
        assert!(booking.redeemed(ticket).is_none(), "INV-3: ticket {ticket} redeemed twice");
        booking.redeemed.push(redeemed);
    }

    /// A key that is used anew after its 24 hours belongs to the newer booking.
    pub(super) fn remember_booking_key(
        &mut self,
        key: RememberedKey,
        sequence: u64,
        created_at: UnixMillis,
    ) {
        let older = self.booking_keys.get(&key.digest).and_then(|first| self.bookings.get(first));
        if older.is_none_or(|older| older.created_at <= created_at) {
            self.booking_keys.insert(key.digest, sequence);
        }
    }

    fn booking_mut(&mut self, sequence: u64) -> &mut Booking {
        self.bookings.get_mut(&sequence).expect("INV-9: a fact about no booking")
    }

    /// `owing` is what [`Booking::owed`] says, kept so that nobody has to walk all bookings.
    fn note_owed(&mut self, sequence: u64) {
        let owes = self.bookings.get(&sequence).is_some_and(|booking| booking.owed().is_some());
        if owes {
            self.owing.insert(sequence);
        } else {
            self.owing.remove(&sequence);
        }
    }
}

//! Decides what is asked about bookings, changing nothing.

use super::book::Status;
use super::decide::{Decision, answered};
use super::fact::{Booked, Fact};
use super::refusal::Refusal;
use super::state::Inventory;
use crate::domain::booking::{
    Book, Booking, BookingStatus, Delivery, FailReason, LatePayment, PaymentOutcome, PaymentStatus,
    REASON_CHARS_MAX, Redeem,
};
use crate::domain::idempotency::{RememberedKey, WINDOW_MS};
use crate::domain::ids::ReservationId;
use crate::domain::time::UnixMillis;

pub(super) fn book(state: &Inventory, ask: &Book, now: UnixMillis) -> Result<Decision, Refusal> {
    let sequence = ask.reservation.sequence;
    if let Some(key) = ask.key
        && let Some(first) = answered_booking(state, key, now)?
    {
        let same = first == sequence && state.reservation(ask.reservation).is_some();
        return if same { Ok(Decision::Repeats { sequence }) } else { Err(Refusal::KeyReused) };
    }
    let reservation = state.reservation(ask.reservation).ok_or(Refusal::NoSuchReservation)?;
    if let Some(first) = state.bookings.get(&sequence) {
        // Without a key the same words are the same request.
        let same = first.terms == ask.payment && first.contact == ask.contact;
        if same && ask.key.is_none() {
            return Ok(Decision::Repeats { sequence });
        }
        return Err(Refusal::AlreadyBooked { status: first.status.as_str() });
    }
    match reservation.status {
        Status::Held if reservation.expires_at <= now => Err(Refusal::ReservationExpired),
        Status::Held => Ok(Decision::Happens(Fact::Booked(Booked {
            sequence,
            payment: ask.payment.clone(),
            contact: ask.contact.clone(),
            key: ask.key,
            at: now,
            pay_until: now.plus_seconds(state.terms.booking.pay_seconds),
        }))),
        Status::Expired => Err(Refusal::ReservationExpired),
        status @ (Status::Released | Status::Booked) => Err(Refusal::NotHeld { status }),
    }
}

/// The booking that this key was answered with within the last 24 hours.
fn answered_booking(
    state: &Inventory,
    key: RememberedKey,
    now: UnixMillis,
) -> Result<Option<u64>, Refusal> {
    // A reservation's key is no booking's: what was asked under it differs.
    if answered(state, Some(key), now)?.is_some() {
        return Err(Refusal::KeyReused);
    }
    booked_with(state, key, now)
}

/// The same, whether or not a reservation was made with the key.
pub(super) fn booked_with(
    state: &Inventory,
    key: RememberedKey,
    now: UnixMillis,
) -> Result<Option<u64>, Refusal> {
    let Some(sequence) = state.booking_keys.get(&key.digest) else { return Ok(None) };
    let Some(booking) = state.bookings.get(sequence) else { return Ok(None) };
    if booking.created_at.plus_millis(WINDOW_MS) <= now {
        return Ok(None);
    }
    if booking.key == Some(key) { Ok(Some(*sequence)) } else { Err(Refusal::KeyReused) }
}

/// What the provider said of a booking's payment; repeated and out of order it changes nothing.
pub(super) fn hear(
    state: &Inventory,
    id: ReservationId,
    outcome: &PaymentOutcome,
    provider_id: Option<&std::sync::Arc<str>>,
    now: UnixMillis,
) -> Result<Decision, Refusal> {
    let booking = state.booking(id)?;
    let (sequence, at) = (id.sequence, now);
    let provider_id = provider_id.cloned();
    let happens = |fact| Ok(Decision::Happens(fact));
    if booking.payment.was_captured() {
        return Ok(Decision::Unchanged);
    }
    match (booking.status, outcome) {
        (BookingStatus::PendingPayment, PaymentOutcome::Succeeded) => {
            happens(Fact::Confirmed { sequence, provider_id, at })
        }
        (BookingStatus::PendingPayment, PaymentOutcome::Declined | PaymentOutcome::Nothing) => {
            happens(Fact::BookingFailed { sequence, reason: FailReason::Declined, at })
        }
        (_, PaymentOutcome::Processing) => {
            // Also under way already, when only now it has a name to ask for it by.
            let named = booking.provider_id.is_none() && provider_id.is_some();
            if booking.payment == PaymentStatus::Created || booking.payment.is_open() && named {
                happens(Fact::PaymentProcessing { sequence, provider_id, at })
            } else {
                Ok(Decision::Unchanged)
            }
        }
        (_, PaymentOutcome::Succeeded) if may_retake(state, id, booking) => {
            happens(Fact::Confirmed { sequence, provider_id, at })
        }
        (_, PaymentOutcome::Succeeded) => happens(Fact::RefundOwed { sequence, provider_id, at }),
        (_, PaymentOutcome::Declined | PaymentOutcome::Nothing) => {
            if booking.payment.is_open() {
                happens(Fact::PaymentFailed { sequence, at })
            } else {
                Ok(Decision::Unchanged)
            }
        }
    }
}

/// Late money: whether the booking may still have its units.
fn may_retake(state: &Inventory, id: ReservationId, booking: &Booking) -> bool {
    let policy = state.terms.booking.late_payment == LatePayment::Retake;
    let in_time_but_for_us = booking.fail_reason == Some(FailReason::Expired);
    let Some(reservation) = state.reservation(id) else { return false };
    let lines = reservation.lines.as_slice();
    let free = lines
        .iter()
        .all(|line| line.quantity.units() <= state.pools[usize::from(line.pool)].available);
    let owned = state.customers.at(reservation.customer).owned;
    let limit = state.terms.sale.customer_limit;
    let within = limit.is_none_or(|limit| owned + reservation.lines.units() <= limit.get());
    policy && in_time_but_for_us && free && within
}

pub(super) fn cancel(
    state: &Inventory,
    id: ReservationId,
    now: UnixMillis,
) -> Result<Decision, Refusal> {
    let booking = state.booking(id)?;
    let (sequence, at) = (id.sequence, now);
    match booking.status {
        BookingStatus::PendingPayment => {
            let reason = FailReason::Cancelled;
            Ok(Decision::Happens(Fact::BookingFailed { sequence, reason, at }))
        }
        BookingStatus::Confirmed if booking.redeemed.is_empty() => {
            Ok(Decision::Happens(Fact::Cancelled { sequence, at }))
        }
        BookingStatus::Confirmed => Err(Refusal::BookingIs { status: "REDEEMED" }),
        BookingStatus::Cancelled => Ok(Decision::Unchanged),
        BookingStatus::Failed if booking.fail_reason == Some(FailReason::Cancelled) => {
            Ok(Decision::Unchanged)
        }
        BookingStatus::Failed => Err(Refusal::BookingIs { status: booking.status.as_str() }),
    }
}

pub(super) fn refunded(
    state: &Inventory,
    id: ReservationId,
    now: UnixMillis,
) -> Result<Decision, Refusal> {
    match state.booking(id)?.payment {
        PaymentStatus::RefundPending => {
            Ok(Decision::Happens(Fact::Refunded { sequence: id.sequence, at: now }))
        }
        _ => Ok(Decision::Unchanged),
    }
}

pub(super) fn redeem(
    state: &Inventory,
    ask: &Redeem,
    now: UnixMillis,
) -> Result<Decision, Refusal> {
    let booking = state.booking(ask.booking).map_err(|_| Refusal::NoSuchTicket)?;
    let reservation = state.reservation(ask.booking).ok_or(Refusal::NoSuchTicket)?;
    if ask.ticket == 0 || reservation.lines.units() < ask.ticket {
        return Err(Refusal::NoSuchTicket);
    }
    match booking.status {
        BookingStatus::Confirmed => {}
        BookingStatus::Cancelled => return Err(Refusal::TicketRevoked),
        BookingStatus::PendingPayment | BookingStatus::Failed => return Err(Refusal::NoSuchTicket),
    }
    if let Some(first) = booking.redeemed(ask.ticket) {
        if first.nonce == ask.nonce {
            return Ok(Decision::Unchanged);
        }
        return Err(Refusal::AlreadyRedeemed { at: first.occurred_at });
    }
    Ok(Decision::Happens(Fact::Redeemed {
        sequence: ask.booking.sequence,
        ticket: ask.ticket,
        nonce: ask.nonce.clone(),
        // A scanner's clock may run ahead; nobody went in later than now.
        occurred_at: ask.occurred_at.map_or(now, |at| at.min(now)),
        at: now,
    }))
}

pub(super) fn told(
    state: &Inventory,
    message: u64,
    delivery: &Delivery,
    now: UnixMillis,
) -> Decision {
    let at = now;
    if state.outbox.get(message).is_none() {
        return Decision::Unchanged;
    }
    Decision::Happens(match delivery {
        Delivery::Sent => Fact::MessageSent { message, at },
        Delivery::Skipped => Fact::MessageSkipped { message, at },
        Delivery::Failed => Fact::MessageFailed { message, dead: false, at },
        Delivery::GivenUp { reason } => {
            let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
            Fact::MessageGivenUp { message, reason: reason.into(), at }
        }
    })
}

pub(super) fn revive(
    state: &Inventory,
    message: u64,
    now: UnixMillis,
) -> Result<Decision, Refusal> {
    match state.outbox.get(message) {
        Some(found) if found.is_dead => {
            Ok(Decision::Happens(Fact::MessageRevived { message, at: now }))
        }
        Some(found) => Err(Refusal::MessageIs { status: found.status() }),
        None => Err(Refusal::NoSuchMessage),
    }
}

impl Inventory {
    /// # Errors
    /// [`Refusal::NoSuchBooking`].
    pub(super) fn booking(&self, id: ReservationId) -> Result<&Booking, Refusal> {
        self.reservation(id).ok_or(Refusal::NoSuchBooking)?;
        self.bookings.get(&id.sequence).ok_or(Refusal::NoSuchBooking)
    }
}

//! From refusals and faults to problems: one exhaustive match each.

use super::problem::{Code, FieldError, Problem};
use super::views::time;
use crate::actors::SubmitError;
use crate::domain::inventory::Refusal;
use crate::domain::time::UnixMillis;

/// `now` is for `Retry-After`.
pub(super) fn problem(error: SubmitError, now: UnixMillis) -> Problem {
    let detail = error.to_string();
    match error {
        SubmitError::Refused(refusal) => refused(refusal, now),
        SubmitError::Busy => Problem::new(Code::Busy, detail),
        SubmitError::ShardDown => Problem::new(Code::ShardDown, detail),
        SubmitError::StorageFull => Problem::new(Code::StorageFull, detail),
        SubmitError::OutcomeUnknown => Problem::new(Code::OutcomeUnknown, detail),
    }
}

fn refused(refusal: Refusal, now: UnixMillis) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        Refusal::AlreadyExists => Problem::new(Code::AlreadyExists, detail),
        Refusal::KeyReused => Problem::new(Code::IdempotencyKeyReused, detail),
        Refusal::VersionMismatch { current } => {
            Problem::new(Code::VersionMismatch, detail).with("version", current)
        }
        Refusal::BelowTaken { pool, taken, .. } => Problem::new(Code::InvalidState, detail)
            .with("state", "taken")
            .with("pool", pool.as_str())
            .with("taken", taken),
        Refusal::ClosesBeforeOpens => Problem::invalid(&[FieldError {
            field: "sale.closes_at".to_owned(),
            reason: "must be after sale.opens_at".to_owned(),
        }]),
        Refusal::NotOnSale { opens_at } => {
            let seconds = opens_at.0.saturating_sub(now.0).div_ceil(1_000).max(1);
            let opens_at = time(opens_at);
            Problem::new(Code::NotOnSale, format!("the sale opens at {opens_at}"))
                .with("opens_at", opens_at)
                .retry_after(seconds)
        }
        Refusal::SaleClosed { state } => {
            Problem::new(Code::SaleClosed, detail).with("state", state)
        }
        Refusal::SoldOut { pool, asked, available } => Problem::new(Code::SoldOut, detail)
            .with("pool", pool.as_str())
            .with("asked", asked)
            .with("available", available),
        Refusal::AllHeld { pool, asked, available, next_release_at } => {
            Problem::new(Code::AllHeld, detail)
                .with("pool", pool.as_str())
                .with("asked", asked)
                .with("available", available)
                .with("next_release_at", next_release_at.map(time))
        }
        Refusal::OverCustomerLimit { asked, owned, limit } => {
            Problem::new(Code::OverCustomerLimit, detail)
                .with("asked", asked)
                .with("owned", owned)
                .with("limit", limit)
        }
        Refusal::NoSuchReservation => Problem::new(Code::NotFound, detail),
        Refusal::NoSuchBooking | Refusal::NoSuchTicket | Refusal::NoSuchMessage => {
            Problem::new(Code::NotFound, detail)
        }
        Refusal::AlreadyBooked { status } => {
            Problem::new(Code::AlreadyBooked, detail).with("state", status)
        }
        Refusal::BookingIs { status } | Refusal::MessageIs { status } => {
            Problem::new(Code::InvalidState, detail).with("state", status)
        }
        Refusal::TicketRevoked => Problem::new(Code::TicketRevoked, detail),
        Refusal::AlreadyRedeemed { at } => {
            Problem::new(Code::AlreadyRedeemed, detail).with("redeemed_at", time(at))
        }
        Refusal::ReservationExpired => Problem::new(Code::ReservationExpired, detail),
        Refusal::NotHeld { status } => {
            Problem::new(Code::InvalidState, detail).with("state", status.as_str())
        }
    }
}

//! From refusals and faults to problems: one exhaustive match each.

use super::problem::{Code, FieldError, Problem};
use super::views::time;
use crate::actors::{RoomError, SubmitError};
use crate::domain::inventory::Refusal;
use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::RoomRefusal;

/// `now` is for `Retry-After`.
pub(super) fn problem(error: SubmitError, now: UnixMillis) -> Problem {
    match error {
        SubmitError::Refused(refusal) => refused(refusal, now),
        fault => failed(&fault),
    }
}

/// Of a waiting room.
pub(super) fn of_room(error: RoomError) -> Problem {
    match error {
        RoomError::Refused(refusal) => room_refused(refusal),
        RoomError::Failed(fault) => failed(&fault),
    }
}

fn failed(fault: &SubmitError) -> Problem {
    let detail = fault.to_string();
    match fault {
        SubmitError::Refused(_) => Problem::new(Code::Internal, detail),
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
        Refusal::PassUsed => Problem::new(Code::PassUsed, detail),
        Refusal::PassEnded => Problem::new(Code::NotAdmitted, detail).with("reason", "ended"),
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

fn room_refused(refusal: RoomRefusal) -> Problem {
    let detail = refusal.to_string();
    let in_state = |detail| {
        Problem::new(Code::InvalidState, detail).with("state", refusal.state().unwrap_or_default())
    };
    match refusal {
        RoomRefusal::NoRoom | RoomRefusal::NoSuchPlace => Problem::new(Code::NotFound, detail),
        RoomRefusal::VersionMismatch { current } => {
            Problem::new(Code::VersionMismatch, detail).with("version", current)
        }
        RoomRefusal::OutOfBounds { field } => Problem::invalid(&[FieldError {
            field: field.to_owned(),
            reason: "is out of its bounds".to_owned(),
        }]),
        RoomRefusal::UnknownCode => Problem::invalid(&[FieldError {
            field: "code".to_owned(),
            reason: "no such code".to_owned(),
        }]),
        RoomRefusal::DoorsOpen { field } => in_state(detail).with("field", field),
        RoomRefusal::GatesOpen { .. }
        | RoomRefusal::Closed
        | RoomRefusal::Draining
        | RoomRefusal::Reject
        | RoomRefusal::CodeUsedUp => in_state(detail),
        RoomRefusal::PlaceExpired => Problem::new(Code::PlaceExpired, detail),
        RoomRefusal::LineFull => Problem::new(Code::Busy, detail),
    }
}

//! Refusals: what somebody may hear instead of what they asked for. A refusal changes nothing and is
//! never journaled. Faults (disk, network) live beside the code that meets them.

use super::book::Status;
use crate::domain::ids::PoolId;
use crate::domain::time::UnixMillis;

/// Variants stand in the order the checks run; when two apply, the first is heard.
///
/// Stock is checked before the customer's limit, so that the lock-free answer for a sold-out event,
/// which knows no customers, is the answer the shard would give (docs/decisions/0003).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("this event id is taken")]
    AlreadyExists,
    #[error("the idempotency key was used before with another request")]
    KeyReused,
    #[error("the pass was used before")]
    PassUsed,
    #[error("the pass has ended")]
    PassEnded,
    #[error("the revision is {current}")]
    VersionMismatch { current: u64 },
    #[error("{asked} is below the {taken} units of pool {pool} already held or sold")]
    BelowTaken { pool: PoolId, asked: u32, taken: u32 },
    #[error("the sale would close before it opens")]
    ClosesBeforeOpens,
    #[error("sale opens at {opens_at:?}")]
    NotOnSale { opens_at: UnixMillis },
    #[error("the sale is {state}")]
    SaleClosed { state: &'static str },
    #[error("{asked} asked, {available} available in pool {pool}")]
    SoldOut { pool: PoolId, asked: u32, available: u32 },
    #[error("{asked} asked, {available} available in pool {pool}; others are held for now")]
    AllHeld { pool: PoolId, asked: u32, available: u32, next_release_at: Option<UnixMillis> },
    #[error("{asked} asked, {owned} owned, {limit} allowed per customer")]
    OverCustomerLimit { asked: u32, owned: u32, limit: u32 },
    #[error("no such reservation")]
    NoSuchReservation,
    #[error("the reservation has lapsed")]
    ReservationExpired,
    #[error("no such booking")]
    NoSuchBooking,
    #[error("the reservation is booked already; the booking is {status}")]
    AlreadyBooked { status: &'static str },
    #[error("the booking is {status}")]
    BookingIs { status: &'static str },
    #[error("no such message")]
    NoSuchMessage,
    #[error("the message is {status}")]
    MessageIs { status: &'static str },
    #[error("no such ticket")]
    NoSuchTicket,
    #[error("the ticket is revoked")]
    TicketRevoked,
    #[error("the ticket was redeemed before")]
    AlreadyRedeemed { at: UnixMillis },
    #[error("the reservation is {status}", status = .status.as_str())]
    NotHeld { status: Status },
}

impl Refusal {
    /// The word for bodies, logs and the `code` label. Renaming one is a breaking change.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::AlreadyExists => "already_exists",
            Self::KeyReused => "idempotency_key_reused",
            Self::PassUsed => "pass_used",
            Self::PassEnded => "not_admitted",
            Self::VersionMismatch { .. } => "version_mismatch",
            Self::BelowTaken { .. }
            | Self::NotHeld { .. }
            | Self::BookingIs { .. }
            | Self::MessageIs { .. } => "invalid_state",
            Self::ClosesBeforeOpens => "invalid_request",
            Self::NotOnSale { .. } => "not_on_sale",
            Self::SaleClosed { .. } => "sale_closed",
            Self::SoldOut { .. } => "sold_out",
            Self::AllHeld { .. } => "all_held",
            Self::OverCustomerLimit { .. } => "over_customer_limit",
            Self::NoSuchReservation
            | Self::NoSuchBooking
            | Self::NoSuchMessage
            | Self::NoSuchTicket => "not_found",
            Self::AlreadyBooked { .. } => "already_booked",
            Self::TicketRevoked => "ticket_revoked",
            Self::AlreadyRedeemed { .. } => "already_redeemed",
            Self::ReservationExpired => "reservation_expired",
        }
    }
}

//! What a shard is asked, and what it answers.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::handle::{Slot, SubmitError};
use crate::actors::directory::Published;
use crate::domain::booking::Message;
use crate::domain::ids::{EventNumber, ReservationId};
use crate::domain::inventory::{BookingReceipt, Command, Create, Receipt, Reserve};

pub(crate) enum ShardMessage {
    Submit(Submission),
    /// Reservations for one event that were asked for together; each has its own outcome.
    SubmitMany(Submissions),
    /// Self-sent when a batch opens; lets others on this core ask first, then sends `ShipBatch`.
    CloseBatch,
    /// Self-sent when everybody who was ready to ask has asked.
    ShipBatch,
    /// Time has passed: end what is due.
    Tick,
}

pub(crate) struct Submission {
    pub ask: Ask,
    pub reply: oneshot::Sender<Result<Answer, SubmitError>>,
    pub slot: Slot,
    pub enqueued: Instant,
    /// A command whose turn comes later than this is refused undone.
    pub deadline: Instant,
}

pub(crate) struct Submissions {
    pub event: EventNumber,
    pub asks: Vec<Reserve>,
    pub reply: oneshot::Sender<Vec<Result<Answer, SubmitError>>>,
    pub slot: Slot,
    pub enqueued: Instant,
    pub deadline: Instant,
}

pub(crate) enum Ask {
    Create(Create),
    Command {
        event: EventNumber,
        command: Command,
    },
    Read {
        event: EventNumber,
        reservation: ReservationId,
    },
    ReadBooking {
        event: EventNumber,
        booking: ReservationId,
    },
    /// Purchases whose money is not settled, after the one that was seen last.
    Owing {
        after: Place,
    },
    /// Messages that were not sent, after the one that was seen last.
    Messages {
        after: Place,
    },
}

/// A place in the work that a shard owes: the event, and a number within it. Work is handed out in the
/// order of places, a page at a time.
pub(crate) type Place = (EventNumber, u64);

/// Most entries of one page.
pub(crate) const PAGE: usize = 64;

/// A page of work, and how much there is in all.
#[derive(Debug, Clone)]
pub struct Page<T> {
    pub entries: Vec<T>,
    pub total: usize,
}

/// A purchase whose money is not settled.
#[derive(Debug, Clone)]
pub struct Owing {
    pub event: EventNumber,
    pub receipt: BookingReceipt,
}

/// A message that was not sent.
#[derive(Debug, Clone)]
pub struct Unsent {
    pub event: EventNumber,
    /// Within the event.
    pub number: u64,
    pub message: Message,
    pub receipt: BookingReceipt,
}

/// What came of a command; durable when it arrives.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The event as it is after the command; `replayed` when the same request made it before.
    Event {
        state: Arc<Published>,
        replayed: bool,
    },
    Reservation {
        receipt: Receipt,
        replayed: bool,
    },
    Booking {
        receipt: Box<BookingReceipt>,
        replayed: bool,
    },
    Owing(Page<Owing>),
    Messages(Page<Unsent>),
    /// Nothing to tell.
    Done,
}

//! What a shard is asked, and what it answers.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::actors::directory::Published;
use crate::actors::mailbox::{Slot, SubmitError};
use crate::domain::booking::{Channel, Message};
use crate::domain::ids::{EventNumber, ReservationId};
use crate::domain::inventory::{BookingReceipt, Command, Create, Receipt, Reserve};
use crate::domain::waiting_room::Heard;

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
    /// Messages that a channel is to send, after the one that was seen last.
    Messages {
        channel: Channel,
        after: Place,
    },
    /// Up to so many messages that were given up, after the one that was seen last.
    DeadMessages {
        after: Place,
        limit: usize,
    },
    /// Passes of the waiting room that were used, all but the first `after`.
    Passes {
        event: EventNumber,
        after: u64,
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
    pub owed: Owed,
}

/// How much work there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Owed {
    /// To be done.
    pub waiting: usize,
    /// Given up; only messages are.
    pub dead: usize,
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

impl Unsent {
    /// Its name to the outside: the event and the number that follows from the fact which made it, so
    /// that a repeat after a crash has the same one.
    #[must_use]
    pub fn id(&self) -> String {
        format!("m{}-{}", self.event.0, self.number)
    }
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
    /// A message as it is after the command.
    Message(Box<Unsent>),
    Passes(Heard),
    /// Nothing to tell.
    Done,
}

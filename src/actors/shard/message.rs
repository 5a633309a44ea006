//! What a shard is asked, and what it answers.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::handle::{Slot, SubmitError};
use crate::actors::directory::Published;
use crate::domain::ids::{EventNumber, ReservationId};
use crate::domain::inventory::{Command, Create, Receipt, Reserve};

pub(crate) enum ShardMessage {
    Submit(Submission),
    /// Reservations for one event that were asked for together; each has its own outcome.
    SubmitMany(Submissions),
    /// Self-sent when a batch opens.
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
    Command { event: EventNumber, command: Command },
    Read { event: EventNumber, reservation: ReservationId },
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
    /// Nothing to tell.
    Done,
}

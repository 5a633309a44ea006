//! What a host is asked, and what it answers.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::seal::Opened;
use crate::actors::directory::EventEntry;
use crate::actors::mailbox::{Slot, SubmitError};
use crate::domain::ids::EventNumber;
use crate::domain::waiting_room::{Heard, Phase, RoomCommand, RoomRefusal, RoomTerms, State, Tier};

pub(crate) enum HostMessage {
    Submit(RoomSubmission),
    /// Self-sent when a batch opens, as a shard does.
    CloseBatch,
    ShipBatch,
    /// Time has passed: look at every room.
    Tick,
    /// What the event's shard said; `None`: nothing.
    Heard {
        event: EventNumber,
        heard: Option<Heard>,
        asked: Instant,
    },
    /// The doors are open, or could not be opened.
    Opened(Result<Box<Opened>, String>),
}

pub(crate) struct RoomSubmission {
    pub event: Arc<EventEntry>,
    pub ask: RoomAsk,
    pub reply: oneshot::Sender<Result<RoomAnswer, RoomError>>,
    pub slot: Slot,
    /// What comes to its turn later than this is refused undone.
    pub deadline: Instant,
}

pub(crate) enum RoomAsk {
    Command(RoomCommand),
    /// Who stands at these positions of the line that was put in order.
    Entrants {
        from: u32,
        limit: u32,
    },
}

/// What came of a command; durable when it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomAnswer {
    Place(PlaceAnswer),
    Arranged {
        terms: Arc<RoomTerms>,
        phase: Phase,
        /// The room was made by this very command.
        is_new: bool,
    },
    Entrants(Vec<Entrant>),
    /// Nothing to tell.
    Done,
}

/// A fan's place after their command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceAnswer {
    pub number: u32,
    pub fingerprint: u64,
    pub tier: Tier,
    pub state: State,
    /// See [`crate::domain::waiting_room::Line::slot`].
    pub slot: u32,
    /// The place was there before.
    pub replayed: bool,
}

/// One who stood in line when the doors opened, or came after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entrant {
    pub number: u32,
    pub tier: Tier,
    pub fingerprint: u64,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoomError {
    /// Changes nothing; tell whoever asked.
    #[error(transparent)]
    Refused(#[from] RoomRefusal),
    /// As of a shard.
    #[error(transparent)]
    Failed(#[from] SubmitError),
}

/// The reply to one command, and who waits for it.
pub(crate) struct RoomReply {
    pub to: oneshot::Sender<Result<RoomAnswer, RoomError>>,
    pub answer: Result<RoomAnswer, RoomError>,
}

impl RoomReply {
    pub fn send(self) {
        // Whoever hung up finds the same place when they ask again.
        drop(self.to.send(self.answer));
    }
}

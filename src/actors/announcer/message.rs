//! What an announcer hears.

use tokio::sync::oneshot;

use super::handle::SendAgainError;
use super::letters::Failure;
use super::source::{Found, News};
use crate::domain::ids::EventNumber;
use crate::storage::outbox::{Letter, LetterId};

pub(super) enum Message {
    Look,
    /// A line was read; `None`: it could not be.
    Read(EventNumber, Option<Found>),
    /// A line that could not be read may be tried again.
    Rested(EventNumber),
    Ended(Attempt, Result<(), Failure>),
    Dead {
        after: Option<LetterId>,
        limit: usize,
        reply: oneshot::Sender<Vec<(LetterId, Letter)>>,
    },
    SendAgain {
        id: LetterId,
        reply: oneshot::Sender<Result<Letter, SendAgainError>>,
    },
}

/// One try.
pub(super) enum Attempt {
    First {
        id: LetterId,
        /// The event as its organizer calls it.
        event: String,
        news: News,
    },
    /// Of a letter; its body is in the outbox.
    Again { id: LetterId },
}

impl Attempt {
    pub fn id(&self) -> LetterId {
        match self {
            Self::First { id, .. } | Self::Again { id } => *id,
        }
    }
}

//! Asking an announcer about what it gave up.

use ractor::ActorRef;
use tokio::sync::oneshot;

use super::letters::ReviveError;
use super::message::Message;
use crate::storage::outbox::{Letter, LetterId};

/// Reaches a running announcer; cheap to clone.
#[derive(Clone)]
pub struct AnnouncerHandle(pub(super) ActorRef<Message>);

/// The announcer has ended, or was ended before it could answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody sends webhooks at the moment")]
pub struct AnnouncerDown;

/// Why a letter is not sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendAgainError {
    #[error(transparent)]
    Refused(#[from] ReviveError),
    /// It may be sent again all the same.
    #[error(transparent)]
    Down(#[from] AnnouncerDown),
}

impl AnnouncerHandle {
    /// Letters given up after this one, in the order of their ids, at most `limit`.
    ///
    /// # Errors
    /// [`AnnouncerDown`].
    pub async fn dead(
        &self,
        after: Option<LetterId>,
        limit: usize,
    ) -> Result<Vec<(LetterId, Letter)>, AnnouncerDown> {
        let (reply, dead) = oneshot::channel();
        self.0.cast(Message::Dead { after, limit, reply }).map_err(|_| AnnouncerDown)?;
        dead.await.map_err(|_| AnnouncerDown)
    }

    /// Tries a letter again that was given up, at once and then by the ladder. On stable storage when it
    /// returns.
    ///
    /// # Errors
    /// [`SendAgainError`].
    pub async fn send_again(&self, id: LetterId) -> Result<Letter, SendAgainError> {
        let (reply, revived) = oneshot::channel();
        self.0.cast(Message::SendAgain { id, reply }).map_err(|_| AnnouncerDown)?;
        revived.await.map_err(|_| AnnouncerDown)?
    }
}

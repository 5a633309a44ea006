//! The way to a shard.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use ractor::ActorRef;
use tokio::sync::oneshot;

use super::message::{Answer, Ask, ShardMessage, Submission, Submissions};
use crate::actors::mailbox::{Mailbox, SubmitError, Turn, wait};
use crate::domain::ids::EventNumber;
use crate::domain::inventory::Reserve;

/// See the module.
pub struct ShardHandle {
    mailbox: Mailbox<ShardMessage>,
}

impl ShardHandle {
    pub(crate) fn new(
        queue_depth_max: u32,
        patience: Duration,
        storage_full: Arc<AtomicBool>,
    ) -> Self {
        Self { mailbox: Mailbox::new(queue_depth_max, patience, storage_full) }
    }

    pub(crate) fn set_actor(&self, actor: Option<ActorRef<ShardMessage>>) {
        self.mailbox.set_actor(actor);
    }

    /// Commands that wait. Unit: commands.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.mailbox.depth()
    }

    /// How full the queue is, from 0 to 1.
    #[must_use]
    pub(crate) fn fullness(&self) -> f64 {
        f64::from(self.depth()) / f64::from(self.mailbox.depth_max().max(1))
    }

    /// Whether the shard takes commands.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.mailbox.is_up()
    }

    /// Submits one command and waits until its outcome is on disk.
    ///
    /// # Errors
    /// [`SubmitError`]; each variant says whether anything happened and what to do.
    pub(crate) async fn submit(&self, ask: Ask) -> Result<Answer, SubmitError> {
        if writes(&ask) && self.mailbox.is_storage_full() {
            return Err(SubmitError::StorageFull);
        }
        let Turn { slot, enqueued, deadline } = self.mailbox.turn(1).ok_or(SubmitError::Busy)?;
        let (reply, answer) = oneshot::channel();
        let submission = Submission { ask, reply, slot, enqueued, deadline };
        self.mailbox.cast(ShardMessage::Submit(submission))?;
        wait(answer, self.mailbox.patience()).await?
    }

    /// Most commands that may come together: half of the queue, so that those who come alone always
    /// find room. Unit: commands.
    pub(crate) fn many_max(&self) -> u32 {
        self.mailbox.depth_max().div_ceil(2)
    }

    /// Submits up to [`ShardHandle::many_max`] reservations for one event together, and waits for room;
    /// the answers come later. What is submitted first is decided first.
    ///
    /// # Errors
    /// [`SubmitError`], for all of them. `Busy`: there was no room for so long.
    pub(crate) async fn submit_many(
        &self,
        event: EventNumber,
        asks: Vec<Reserve>,
    ) -> Result<Answers, SubmitError> {
        if self.mailbox.is_storage_full() {
            return Err(SubmitError::StorageFull);
        }
        let commands = u32::try_from(asks.len()).map_err(|_| SubmitError::Busy)?;
        let turn = self.room_for(commands).await.ok_or(SubmitError::Busy)?;
        let Turn { slot, enqueued, deadline } = turn;
        let (reply, answers) = oneshot::channel();
        let many = Submissions { event, asks, reply, slot, enqueued, deadline };
        self.mailbox.cast(ShardMessage::SubmitMany(many))?;
        Ok(Answers { answers, patience: self.mailbox.patience() })
    }

    async fn room_for(&self, commands: u32) -> Option<Turn> {
        let started = Instant::now();
        loop {
            let half_full = self.many_max() < self.depth().saturating_add(commands);
            let turn = if half_full { None } else { self.mailbox.turn(commands) };
            if turn.is_some() || self.mailbox.patience() <= started.elapsed() {
                return turn;
            }
            tokio::time::sleep(ROOM_PAUSE).await;
        }
    }

    pub(crate) async fn drain(&self, longest: Duration) {
        self.mailbox.drain(longest).await;
    }

    pub(crate) fn tick(&self) {
        self.mailbox.pulse(ShardMessage::Tick);
    }
}

/// Between two looks for room.
const ROOM_PAUSE: Duration = Duration::from_millis(1);

/// Answers to reservations that were submitted together.
pub struct Answers {
    answers: oneshot::Receiver<Vec<Result<Answer, SubmitError>>>,
    patience: Duration,
}

impl Answers {
    /// One for each that was asked, in their order, once they are on disk.
    ///
    /// # Errors
    /// [`SubmitError::OutcomeUnknown`], for all of them.
    pub async fn wait(self) -> Result<Vec<Result<Answer, SubmitError>>, SubmitError> {
        wait(self.answers, self.patience).await
    }
}

fn writes(ask: &Ask) -> bool {
    match ask {
        Ask::Create(_) | Ask::Command { .. } => true,
        Ask::Read { .. }
        | Ask::ReadBooking { .. }
        | Ask::Owing { .. }
        | Ask::Messages { .. }
        | Ask::DeadMessages { .. }
        | Ask::Passes { .. } => false,
    }
}

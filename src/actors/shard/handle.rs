//! The way to a shard: bounded, cheap to clone, and the same before and after a restart of the shard.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use ractor::ActorRef;
use tokio::sync::oneshot;

use super::message::{Answer, Ask, ShardMessage, Submission, Submissions};
use crate::domain::ids::EventNumber;
use crate::domain::inventory::{Refusal, Reserve};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Changes nothing; tell whoever asked.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The queue is full, or the command's turn came too late. Nothing happened; retry later.
    #[error("the shard has more to do than it can")]
    Busy,
    /// The shard is restarting. Nothing happened; retry later.
    #[error("the shard is restarting")]
    ShardDown,
    /// The disk is short of space. Nothing happened; retry later.
    #[error("the disk is short of space")]
    StorageFull,
    /// It may have happened; repeat with the same idempotency key to learn.
    #[error("the outcome is not known")]
    OutcomeUnknown,
}

/// Places in one shard's queue. ractor mailboxes are unbounded, so the bound is ours.
#[derive(Debug)]
struct Slots {
    taken: AtomicU32,
    max: u32,
}

/// Places in the queue. They travel inside the message, so a caller that hangs up does not free a
/// place that its command still occupies.
#[derive(Debug)]
pub(crate) struct Slot {
    of: Arc<Slots>,
    commands: u32,
}

impl Slots {
    /// All or none.
    fn claim(self: &Arc<Self>, commands: u32) -> Option<Slot> {
        let before = self.taken.fetch_add(commands, Ordering::Relaxed);
        if before.saturating_add(commands) <= self.max {
            return Some(Slot { of: Arc::clone(self), commands });
        }
        self.taken.fetch_sub(commands, Ordering::Relaxed);
        None
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.of.taken.fetch_sub(self.commands, Ordering::Relaxed);
    }
}

/// See the module.
#[derive(Debug)]
pub struct ShardHandle {
    /// Absent while the shard is down.
    actor: ArcSwapOption<ActorRef<ShardMessage>>,
    slots: Arc<Slots>,
    /// How long a caller waits. Unit: real time, not the clock of the sale.
    patience: Duration,
    storage_full: Arc<AtomicBool>,
}

impl ShardHandle {
    pub(crate) fn new(
        queue_depth_max: u32,
        patience: Duration,
        storage_full: Arc<AtomicBool>,
    ) -> Self {
        let slots = Arc::new(Slots { taken: AtomicU32::new(0), max: queue_depth_max });
        Self { actor: ArcSwapOption::empty(), slots, patience, storage_full }
    }

    pub(crate) fn set_actor(&self, actor: Option<ActorRef<ShardMessage>>) {
        self.actor.store(actor.map(Arc::new));
    }

    /// Commands that wait. Unit: commands.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.slots.taken.load(Ordering::Relaxed)
    }

    /// Whether the shard takes commands.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.actor.load().is_some()
    }

    /// Submits one command and waits until its outcome is on disk.
    ///
    /// # Errors
    /// [`SubmitError`]; each variant says whether anything happened and what to do.
    pub(crate) async fn submit(&self, ask: Ask) -> Result<Answer, SubmitError> {
        if writes(&ask) && self.storage_full.load(Ordering::Relaxed) {
            return Err(SubmitError::StorageFull);
        }
        let slot = self.slots.claim(1).ok_or(SubmitError::Busy)?;
        let (reply, answer) = oneshot::channel();
        let enqueued = Instant::now();
        let deadline = enqueued + self.patience;
        self.cast(ShardMessage::Submit(Submission { ask, reply, slot, enqueued, deadline }))?;
        wait(answer, self.patience).await?
    }

    /// Most commands that may come together: half of the queue, so that those who come alone always
    /// find room. Unit: commands.
    pub(crate) fn many_max(&self) -> u32 {
        self.slots.max.div_ceil(2)
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
        if self.storage_full.load(Ordering::Relaxed) {
            return Err(SubmitError::StorageFull);
        }
        let commands = u32::try_from(asks.len()).map_err(|_| SubmitError::Busy)?;
        let slot = self.room_for(commands).await.ok_or(SubmitError::Busy)?;
        let (reply, answers) = oneshot::channel();
        let enqueued = Instant::now();
        let deadline = enqueued + self.patience;
        let many = Submissions { event, asks, reply, slot, enqueued, deadline };
        self.cast(ShardMessage::SubmitMany(many))?;
        Ok(Answers { answers, patience: self.patience })
    }

    async fn room_for(&self, commands: u32) -> Option<Slot> {
        let started = Instant::now();
        loop {
            let half_full = self.many_max() < self.depth().saturating_add(commands);
            let slot = if half_full { None } else { self.slots.claim(commands) };
            if slot.is_some() || self.patience <= started.elapsed() {
                return slot;
            }
            tokio::time::sleep(ROOM_PAUSE).await;
        }
    }

    fn cast(&self, message: ShardMessage) -> Result<(), SubmitError> {
        let actor = self.actor.load();
        let actor = actor.as_ref().ok_or(SubmitError::ShardDown)?;
        actor.cast(message).map_err(|_| SubmitError::ShardDown)
    }

    /// Answers what is queued and ends the shard; callers hear `shard_down` from here on.
    pub(crate) async fn drain(&self, longest: Duration) {
        if let Some(actor) = self.actor.swap(None)
            && let Err(error) = actor.drain_and_wait(Some(longest)).await
        {
            tracing::warn!(%error, "a shard did not end in order");
        }
    }

    pub(crate) fn tick(&self) {
        if self.storage_full.load(Ordering::Relaxed) {
            return;
        }
        if let Some(actor) = self.actor.load().as_ref() {
            // A shard that is going down has no holds to end.
            drop(actor.cast(ShardMessage::Tick));
        }
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

async fn wait<T>(answer: oneshot::Receiver<T>, patience: Duration) -> Result<T, SubmitError> {
    match tokio::time::timeout(patience, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        // The shard failed with the command staged, or the disk is slower than our patience.
        Ok(Err(_)) | Err(_) => Err(SubmitError::OutcomeUnknown),
    }
}

fn writes(ask: &Ask) -> bool {
    match ask {
        Ask::Create(_) | Ask::Command { .. } => true,
        Ask::Read { .. }
        | Ask::ReadBooking { .. }
        | Ask::Owing { .. }
        | Ask::Messages { .. }
        | Ask::DeadMessages { .. } => false,
    }
}

//! The way to an actor: bounded, cheap to share, and the same before and after the actor is replaced.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use ractor::ActorRef;
use tokio::sync::oneshot;

use crate::domain::inventory::Refusal;

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

/// Places in one actor's queue. ractor mailboxes are unbounded, so the bound is ours.
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

impl Drop for Slot {
    fn drop(&mut self) {
        self.of.taken.fetch_sub(self.commands, Ordering::Relaxed);
    }
}

/// See the module. `M`: what the actor is sent.
pub(crate) struct Mailbox<M> {
    /// Absent while the actor is down.
    actor: ArcSwapOption<ActorRef<M>>,
    slots: Arc<Slots>,
    /// How long a caller waits. Unit: real time, not the clock of the sale.
    patience: Duration,
    storage_full: Arc<AtomicBool>,
}

/// What travels with everything that waits for its turn.
pub(crate) struct Turn {
    pub slot: Slot,
    pub enqueued: Instant,
    /// What comes to its turn later than this is refused undone.
    pub deadline: Instant,
}

impl<M: ractor::Message> Mailbox<M> {
    pub fn new(queue_depth_max: u32, patience: Duration, storage_full: Arc<AtomicBool>) -> Self {
        let slots = Arc::new(Slots { taken: AtomicU32::new(0), max: queue_depth_max });
        Self { actor: ArcSwapOption::empty(), slots, patience, storage_full }
    }

    pub fn set_actor(&self, actor: Option<ActorRef<M>>) {
        self.actor.store(actor.map(Arc::new));
    }

    /// Commands that wait. Unit: commands.
    pub fn depth(&self) -> u32 {
        self.slots.taken.load(Ordering::Relaxed)
    }

    /// Most commands that may wait. Unit: commands.
    pub fn depth_max(&self) -> u32 {
        self.slots.max
    }

    /// Whether the actor takes messages.
    pub fn is_up(&self) -> bool {
        self.actor.load().is_some()
    }

    pub fn patience(&self) -> Duration {
        self.patience
    }

    pub fn is_storage_full(&self) -> bool {
        self.storage_full.load(Ordering::Relaxed)
    }

    /// Places for so many commands, all or none.
    pub fn turn(&self, commands: u32) -> Option<Turn> {
        let before = self.slots.taken.fetch_add(commands, Ordering::Relaxed);
        if self.slots.max < before.saturating_add(commands) {
            self.slots.taken.fetch_sub(commands, Ordering::Relaxed);
            return None;
        }
        let slot = Slot { of: Arc::clone(&self.slots), commands };
        let enqueued = Instant::now();
        Some(Turn { slot, enqueued, deadline: enqueued + self.patience })
    }

    /// # Errors
    /// [`SubmitError::ShardDown`].
    pub fn cast(&self, message: M) -> Result<(), SubmitError> {
        let actor = self.actor.load();
        let actor = actor.as_ref().ok_or(SubmitError::ShardDown)?;
        actor.cast(message).map_err(|_| SubmitError::ShardDown)
    }

    /// Sends what needs no place, unless the disk is short of space.
    pub fn pulse(&self, message: M) {
        if !self.is_storage_full() {
            // One that is going down has nothing that is due.
            drop(self.cast(message));
        }
    }

    /// Answers what is queued and ends the actor; callers hear `shard_down` from here on.
    pub async fn drain(&self, longest: Duration) {
        if let Some(actor) = self.actor.swap(None)
            && let Err(error) = actor.drain_and_wait(Some(longest)).await
        {
            tracing::warn!(%error, "an actor did not end in order");
        }
    }
}

/// Waits for an answer for so long.
///
/// # Errors
/// [`SubmitError::OutcomeUnknown`].
pub(crate) async fn wait<T>(
    answer: oneshot::Receiver<T>,
    patience: Duration,
) -> Result<T, SubmitError> {
    match tokio::time::timeout(patience, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        // The actor failed with the command staged, or the disk is slower than our patience.
        Ok(Err(_)) | Err(_) => Err(SubmitError::OutcomeUnknown),
    }
}

//! The way to a shard: bounded, cheap to clone, and the same before and after a restart of the shard.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use ractor::ActorRef;
use tokio::sync::oneshot;

use super::message::{Answer, Ask, ShardMessage, Submission};
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

/// Places in one shard's queue. ractor mailboxes are unbounded, so the bound is ours.
#[derive(Debug)]
struct Slots {
    taken: AtomicU32,
    max: u32,
}

/// A place in the queue. It travels inside the message, so a caller that hangs up does not free a
/// place that its command still occupies.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Slots>);

impl Slots {
    fn claim(self: &Arc<Self>) -> Option<Slot> {
        if self.taken.fetch_add(1, Ordering::Relaxed) < self.max {
            return Some(Slot(Arc::clone(self)));
        }
        self.taken.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
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
        let slot = self.slots.claim().ok_or(SubmitError::Busy)?;
        let (reply, answer) = oneshot::channel();
        let enqueued = Instant::now();
        let deadline = enqueued + self.patience;
        let submission = Submission { ask, reply, slot, enqueued, deadline };
        {
            let actor = self.actor.load();
            let actor = actor.as_ref().ok_or(SubmitError::ShardDown)?;
            let sent = actor.cast(ShardMessage::Submit(submission));
            sent.map_err(|_| SubmitError::ShardDown)?;
        }
        match tokio::time::timeout(self.patience, answer).await {
            Ok(Ok(answer)) => answer,
            // The shard failed with the command staged, or the disk is slower than our patience.
            Ok(Err(_)) | Err(_) => Err(SubmitError::OutcomeUnknown),
        }
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

fn writes(ask: &Ask) -> bool {
    match ask {
        Ask::Create(_) | Ask::Command { .. } => true,
        Ask::Read { .. } => false,
    }
}

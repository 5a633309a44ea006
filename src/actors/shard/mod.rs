//! A shard: the only writer of every event's inventory placed on it.
//!
//! 1. stage: decide, apply in memory, keep the reply back;
//! 2. ship: hand facts and replies of the batch to the committer, and go on with the next;
//! 3. the committer sends the replies once the disk has the facts (INV-5).
//!
//! A journal fault ends the process. A panic here ends only this shard: its successor waits until what
//! was shipped is on disk, then replays, so what was staged but not shipped is forgotten with the
//! memory that held it, and nobody was told of it.

mod batch;
mod handle;
mod message;
mod passes;
mod purchases;
mod stock;

use std::sync::Arc;
use std::time::Instant;

use ractor::{Actor, ActorProcessingErr, ActorRef};

pub use handle::{Answers, ShardHandle};
pub use message::{Answer, Owed, Owing, Page, Unsent};
pub(super) use message::{Ask, Place, ShardMessage, Submission, Submissions};
pub(super) use stock::Stock;

use self::batch::Batch;
use super::committer::{Intake, Reply};
use super::mailbox::SubmitError;
use crate::clock::Clock;
use crate::domain::ids::ShardId;
use crate::domain::inventory::Command;
use crate::metrics::ShardMetrics;

/// Everything a shard needs besides its stock; its successor needs the same.
#[derive(Clone)]
pub(super) struct ShardParts {
    pub id: ShardId,
    pub intake: Intake,
    pub clock: Arc<dyn Clock>,
    pub batch_records_max: u32,
}

pub(super) struct ShardActor;

/// The actor's state.
pub(super) struct Shard {
    parts: ShardParts,
    stock: Stock,
    batch: Batch,
    metrics: ShardMetrics,
    /// Counts messages, to time one in [`WAIT_SAMPLE`].
    seen: u64,
}

/// One wait in so many is recorded: the histogram keeps every sample until it is drained.
const WAIT_SAMPLE: u64 = 16;

impl Actor for ShardActor {
    type Msg = ShardMessage;
    type State = Shard;
    type Arguments = (ShardParts, Stock);

    async fn pre_start(
        &self,
        _myself: ActorRef<ShardMessage>,
        (parts, stock): Self::Arguments,
    ) -> Result<Shard, ActorProcessingErr> {
        let metrics = ShardMetrics::new(parts.id.0);
        Ok(Shard { parts, stock, batch: Batch::default(), metrics, seen: 0 })
    }

    async fn handle(
        &self,
        myself: ActorRef<ShardMessage>,
        message: ShardMessage,
        shard: &mut Shard,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ShardMessage::Submit(submission) => {
                let opens = shard.batch.is_empty();
                shard.stage(submission);
                shard.ship_when_due(&myself, opens).await?;
            }
            ShardMessage::SubmitMany(submissions) => {
                let opens = shard.batch.is_empty();
                shard.stage_many(submissions);
                shard.ship_when_due(&myself, opens).await?;
            }
            ShardMessage::CloseBatch => {
                // Whoever is about to ask, on this core, does so first.
                tokio::task::yield_now().await;
                if myself.cast(ShardMessage::ShipBatch).is_err() {
                    shard.ship().await?;
                }
            }
            ShardMessage::ShipBatch => shard.ship().await?,
            ShardMessage::Tick => {
                shard.expire_due();
                shard.ship().await?;
            }
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<ShardMessage>,
        shard: &mut Shard,
    ) -> Result<(), ActorProcessingErr> {
        shard.ship().await
    }
}

impl Shard {
    fn stage(&mut self, submission: Submission) {
        let Submission { ask, reply, slot, enqueued, deadline } = submission;
        // The place in the queue is free again from here on.
        drop(slot);
        self.seen += 1;
        if self.seen.is_multiple_of(WAIT_SAMPLE) {
            self.metrics.queue_wait_seconds.record(enqueued.elapsed());
        }
        if reply.is_closed() {
            // Nobody waits any more, and nothing has happened yet.
            return;
        }
        let answer = if deadline < Instant::now() {
            Err(SubmitError::Busy)
        } else {
            let now = self.parts.clock.now();
            self.stock.answer(ask, now, &mut self.batch)
        };
        // Also a read or a refusal waits for the facts that this shard has seen (P8).
        self.batch.reply(Reply::One { to: reply, answer });
    }

    fn stage_many(&mut self, submissions: Submissions) {
        let Submissions { event, asks, reply, slot, enqueued, deadline } = submissions;
        drop(slot);
        self.metrics.queue_wait_seconds.record(enqueued.elapsed());
        if reply.is_closed() {
            return;
        }
        let is_late = deadline < Instant::now();
        let now = self.parts.clock.now();
        let answers = asks.into_iter().map(|ask| {
            if is_late {
                return Err(SubmitError::Busy);
            }
            let ask = Ask::Command { event, command: Command::Reserve(ask) };
            self.stock.answer(ask, now, &mut self.batch)
        });
        let answers = answers.collect();
        self.batch.reply(Reply::Many { to: reply, answers });
    }

    /// The marker queues behind everything already waiting, and once more behind those who are ready to
    /// ask, so a batch is the backlog of this moment: one command when idle, many in a rush. While draining, an actor may not send to itself any
    /// more, and ships at once.
    async fn ship_when_due(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        opens: bool,
    ) -> Result<(), ActorProcessingErr> {
        let marked = !opens || myself.cast(ShardMessage::CloseBatch).is_ok();
        if !marked || self.batch.is_full(self.parts.batch_records_max) {
            self.ship().await?;
        }
        Ok(())
    }

    fn expire_due(&mut self) {
        let now = self.parts.clock.now();
        self.stock.expire_due(now, &mut self.batch);
    }

    /// Waits when the committer is behind; the queue then fills, and callers hear `busy`.
    async fn ship(&mut self) -> Result<(), ActorProcessingErr> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let group = self.batch.close(&mut self.stock);
        self.parts.intake.send(group).await.map_err(|_| "the committer is gone".into())
    }
}

#[cfg(test)]
mod tests;

//! A host: the only writer of every waiting room of the events placed on one shard. It stands beside the
//! shard and works like it: stage, ship, and the committer replies once the disk has the facts.
//!
//! Some times a second it looks at each room: it asks the event's shard who used a pass and what is left,
//! and lets in as many as the room's terms, the shoppers and the stock allow. Putting a line in order when
//! its doors open takes long for many fans, so that runs apart; who asks for that room meanwhile waits.
//!
//! A panic here ends only this host; its successor replays what is durable, behind the same handle.

mod batch;
mod cells;
mod clockwork;
mod handle;
mod live;
mod living;
mod message;
mod pace;
mod rooms;
mod sampling;
mod seal;
mod snapshot;
mod view;
mod waits;

use std::sync::Arc;
use std::time::Instant;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

pub use handle::HostHandle;
pub use living::Living;
pub use message::{Entrant, PlaceAnswer, RoomAnswer, RoomError};
pub(super) use message::{HostMessage, RoomAsk, RoomReply};
pub(super) use rooms::{RoomNews, Rooms};
pub use sampling::{count_living, sample_rooms, state_words};
pub use snapshot::{OpenDraw, RoomSnapshot};
pub use view::{Gate, PassError, PlaceSeen, PollTurn, RoomView};

use self::batch::Batch;
use self::clockwork::Job;
use self::message::RoomSubmission;
use self::seal::Opening;
use super::committer::{Intake, Reply, Work};
use super::mailbox::SubmitError;
use super::shard::{Answer, Ask, ShardHandle};
use crate::clock::Clock;
use crate::domain::ids::EventNumber;

/// Everything a host needs besides its rooms; its successor needs the same.
#[derive(Clone)]
pub(super) struct HostParts {
    pub shard: Arc<ShardHandle>,
    pub intake: Intake,
    pub clock: Arc<dyn Clock>,
    pub batch_records_max: u32,
}

pub(super) struct HostActor;

/// The actor's state.
pub(super) struct Host {
    parts: HostParts,
    rooms: Rooms,
    batch: Batch,
}

impl Actor for HostActor {
    type Msg = HostMessage;
    type State = Host;
    type Arguments = (HostParts, Rooms);

    async fn pre_start(
        &self,
        _myself: ActorRef<HostMessage>,
        (parts, rooms): Self::Arguments,
    ) -> Result<Host, ActorProcessingErr> {
        Ok(Host { parts, rooms, batch: Batch::default() })
    }

    async fn handle(
        &self,
        myself: ActorRef<HostMessage>,
        message: HostMessage,
        host: &mut Host,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            HostMessage::Submit(submission) => {
                let opens = host.batch.is_empty();
                host.stage(submission);
                host.ship_when_due(&myself, opens).await
            }
            HostMessage::CloseBatch => {
                // Whoever is about to ask, on this core, does so first.
                tokio::task::yield_now().await;
                if myself.cast(HostMessage::ShipBatch).is_err() {
                    return host.ship().await;
                }
                Ok(())
            }
            HostMessage::ShipBatch => host.ship().await,
            HostMessage::Tick => {
                let now = host.parts.clock.now();
                let jobs = host.rooms.look_at_all(now, &mut host.batch);
                host.ship().await?;
                jobs.into_iter().for_each(|job| host.begin(&myself, job));
                Ok(())
            }
            HostMessage::Heard { event, heard, asked } => {
                let now = host.parts.clock.now();
                let (waited, fullness) = (asked.elapsed(), host.parts.shard.fullness());
                host.rooms.pace(event, fullness, waited);
                host.rooms.let_in(event, heard.as_ref(), now, &mut host.batch);
                host.ship().await
            }
            HostMessage::Opened(opened) => {
                let opened = opened.map_err(ActorProcessingErr::from)?;
                let parked = host.rooms.take_back(*opened, &mut host.batch);
                parked.into_iter().for_each(|submission| host.stage(submission));
                host.ship().await
            }
        }
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<HostMessage>,
        host: &mut Host,
    ) -> Result<(), ActorProcessingErr> {
        host.ship().await
    }
}

impl Host {
    fn stage(&mut self, submission: RoomSubmission) {
        let Some(submission) = self.rooms.park(submission) else { return };
        let RoomSubmission { event, ask, reply, slot, deadline } = submission;
        // The place in the queue is free again from here on.
        drop(slot);
        if reply.is_closed() {
            return;
        }
        let answer = if deadline < Instant::now() {
            Err(SubmitError::Busy.into())
        } else {
            let now = self.parts.clock.now();
            self.rooms.answer(&event, ask, now, &mut self.batch)
        };
        // Also a refusal waits for the facts that this host has seen (P8).
        self.batch.reply(Reply::Room(RoomReply { to: reply, answer }));
    }

    /// As a shard does: a batch is the backlog of this moment.
    async fn ship_when_due(
        &mut self,
        myself: &ActorRef<HostMessage>,
        opens: bool,
    ) -> Result<(), ActorProcessingErr> {
        let marked =
            !opens || self.batch.is_empty() || myself.cast(HostMessage::CloseBatch).is_ok();
        if !marked || self.batch.is_full(self.parts.batch_records_max) {
            self.ship().await?;
        }
        Ok(())
    }

    /// Waits when the committer is behind; the queue then fills, and callers hear `busy`.
    async fn ship(&mut self) -> Result<(), ActorProcessingErr> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let group = self.batch.close(&mut self.rooms);
        self.parts.intake.send(group).await.map_err(|_| "the committer is gone".into())
    }

    /// What takes long runs apart and is sent back, so that the rooms here never wait for it.
    fn begin(&mut self, myself: &ActorRef<HostMessage>, job: Job) {
        let myself = myself.clone();
        match job {
            Job::Ask { event, after } => {
                let shard = Arc::clone(&self.parts.shard);
                tokio::spawn(async move { ask(&myself, &shard, event, after).await });
            }
            Job::Open { event } => {
                let Some(opening) = self.rooms.take_out(event, self.parts.clock.now()) else {
                    return;
                };
                let intake = self.parts.intake.clone();
                tokio::spawn(async move { open(&myself, &intake, opening).await });
            }
        }
    }
}

async fn ask(myself: &ActorRef<HostMessage>, shard: &ShardHandle, event: EventNumber, after: u64) {
    let asked = Instant::now();
    let heard = match shard.submit(Ask::Passes { event, after }).await {
        Ok(Answer::Passes(heard)) => Some(heard),
        // Nobody is let in until it answers again.
        Ok(_) | Err(_) => None,
    };
    // A host that has gone asks again when it is back.
    drop(myself.cast(HostMessage::Heard { event, heard, asked }));
}

async fn open(myself: &ActorRef<HostMessage>, intake: &Intake, opening: Opening) {
    // All that was shipped about this room is to be shown before its positions are.
    let (reached, shown) = oneshot::channel();
    if intake.send(Work::Barrier(reached)).await.is_err() || shown.await.is_err() {
        return;
    }
    let opened = tokio::task::spawn_blocking(move || opening.run()).await;
    let opened = opened.map(Box::new).map_err(seal::text_of);
    drop(myself.cast(HostMessage::Opened(opened)));
}

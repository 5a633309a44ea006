//! The announcer: tells a receiver of the organizer's by webhooks what happened to every event.
//!
//! It follows the durable log of each event behind a cursor of its own, so nothing is written when something
//! happens, and no shard waits or knows of it. An entry that is not taken becomes a letter, which is tried
//! again for three days and then given up; the entries after it go on. At least once, and begun in order
//! within an event: a crash sends the newest again with the same ids, and what failed comes late.
//!
//! ```text
//!   committer ──> Directory (events that changed) ──> Lines ──read──> Source (the log)
//!                                                      │ first tries
//!   Outbox <── notes, cursors ── Announcer ── channel ─┴─> receiver        Letters: what failed
//! ```

mod begin;
mod calls;
mod handle;
mod health;
mod letters;
mod lines;
mod log;
mod message;
mod notes;
mod source;
#[cfg(test)]
mod testing;
mod topics;
mod work;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ractor::{Actor, ActorProcessingErr, ActorRef};

pub use handle::{AnnouncerDown, AnnouncerHandle, SendAgainError};
pub use letters::ReviveError;
pub use log::LogSource;
pub use source::Source;
pub use topics::{TopicError, Topics};

use self::calls::Parts;
use self::message::Message;
use self::work::State;
use super::router::Router;
use crate::metrics::OutboxMetrics;
use crate::providers::webhook::{SigningSecret, WebhookChannel};
use crate::storage::outbox::Outbox;

/// Who is told. Another one would have an outbox and an announcer of its own.
#[derive(Debug, Clone)]
pub struct Receiver {
    pub url: String,
    /// At least one; two while one takes the place of the other.
    pub secrets: Vec<SigningSecret>,
    pub topics: Topics,
}

/// What an announcer needs.
pub struct AnnouncerOptions {
    pub receiver: Receiver,
    pub channel: Box<dyn WebhookChannel>,
    pub source: Box<dyn Source>,
    pub outbox: Outbox,
    /// Webhooks under way at the most.
    pub concurrency: usize,
}

/// Starts the announcer; it ends when its actor is stopped, and has then noted what it knows. Start it
/// before anybody can create an event.
///
/// # Errors
/// When the outbox cannot be read, or the actor does not start.
pub async fn start(
    router: Arc<Router>,
    options: AnnouncerOptions,
) -> anyhow::Result<AnnouncerHandle> {
    // From here on nothing is missed; what was before is found by `begin`.
    router.directory().watch();
    let (asked, outbox) = (Arc::clone(&router), options.outbox.clone());
    let beginning = tokio::task::spawn_blocking(move || begin::begin(&asked, &outbox));
    let beginning = beginning.await.context("reading the outbox")?.context("reading the outbox")?;
    let parts = Parts { router, options, metrics: OutboxMetrics::new("webhook") };
    let arguments = State::new(parts, beginning);
    let (actor, _) = Actor::spawn(None, Announcer, arguments).await?;
    actor.cast(Message::Look)?;
    Ok(AnnouncerHandle(actor))
}

struct Announcer;

impl Actor for Announcer {
    type Msg = Message;
    type State = State;
    type Arguments = State;

    async fn pre_start(
        &self,
        _myself: ActorRef<Message>,
        state: State,
    ) -> Result<State, ActorProcessingErr> {
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Message>,
        message: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Look => state.look(&myself).await,
            Message::Read(event, found) => state.read(event, found, &myself).await,
            Message::Rested(event) => state.rested(event, &myself).await,
            Message::Ended(attempt, outcome) => state.ended(attempt, outcome, &myself).await,
            // Whoever hung up does not want to know.
            Message::Dead { after, limit, reply } => drop(reply.send(state.dead(after, limit))),
            Message::SendAgain { id, reply } => {
                drop(reply.send(state.send_again(id).await));
                state.pump(&myself).await;
            }
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Message>,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.flush().await;
        Ok(())
    }
}

impl AnnouncerHandle {
    /// Waits until what is known is noted, for a while. Webhooks under way are cut off, and sent again after
    /// the next start with the same ids.
    pub async fn stop(&self) {
        if let Err(error) = self.0.stop_and_wait(None, Some(STOP_PATIENCE)).await {
            tracing::warn!(%error, "the announcer did not stop in order");
        }
    }
}

const STOP_PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;

//! The way to a host.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ractor::ActorRef;
use tokio::sync::oneshot;

use super::message::{HostMessage, RoomAnswer, RoomAsk, RoomError, RoomSubmission};
use crate::actors::directory::EventEntry;
use crate::actors::mailbox::{Mailbox, SubmitError, Turn, wait};

/// See the module.
pub struct HostHandle {
    mailbox: Mailbox<HostMessage>,
}

impl HostHandle {
    pub(crate) fn new(
        queue_depth_max: u32,
        patience: Duration,
        storage_full: Arc<AtomicBool>,
    ) -> Self {
        Self { mailbox: Mailbox::new(queue_depth_max, patience, storage_full) }
    }

    pub(crate) fn set_actor(&self, actor: Option<ActorRef<HostMessage>>) {
        self.mailbox.set_actor(actor);
    }

    /// Whether the host takes commands.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.mailbox.is_up()
    }

    /// Submits one command and waits until its outcome is on disk.
    ///
    /// # Errors
    /// [`RoomError`]; each variant says whether anything happened and what to do.
    pub(crate) async fn submit(
        &self,
        event: &Arc<EventEntry>,
        ask: RoomAsk,
    ) -> Result<RoomAnswer, RoomError> {
        if matches!(ask, RoomAsk::Command(_)) && self.mailbox.is_storage_full() {
            return Err(SubmitError::StorageFull.into());
        }
        let Turn { slot, deadline, .. } = self.mailbox.turn(1).ok_or(SubmitError::Busy)?;
        let (reply, answer) = oneshot::channel();
        let event = Arc::clone(event);
        let submission = RoomSubmission { event, ask, reply, slot, deadline };
        self.mailbox.cast(HostMessage::Submit(submission))?;
        wait(answer, self.mailbox.patience()).await?
    }

    pub(crate) async fn drain(&self, longest: Duration) {
        self.mailbox.drain(longest).await;
    }

    pub(crate) fn tick(&self) {
        self.mailbox.pulse(HostMessage::Tick);
    }
}

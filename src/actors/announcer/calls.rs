//! What an announcer asks of others: one try, the body of a letter, a stretch of the log.

use std::sync::Arc;

use bytes::Bytes;

use super::AnnouncerOptions;
use super::letters::Failure;
use super::lines::Wanted;
use super::message::Attempt;
use super::source::{Found, SourceError};
use crate::actors::router::Router;
use crate::faults;
use crate::metrics::OutboxMetrics;
use crate::providers::send::SendError;
use crate::providers::webhook::Webhook;
use crate::storage::outbox::{LetterId, OutboxError, REASON_CHARS_MAX};

/// Entries of one read.
const READ_LIMIT: usize = 64;

pub(super) struct Parts {
    pub router: Arc<Router>,
    pub options: AnnouncerOptions,
    pub metrics: OutboxMetrics,
}

impl Parts {
    pub async fn send(&self, attempt: &Attempt) -> Result<(), Failure> {
        let (body, purchase) = match attempt {
            Attempt::First { news, .. } => (news.body.clone(), news.purchase),
            // What it was about is not read again; a trace hours later helps nobody.
            Attempt::Again { id } => (self.body(*id).await?, None),
        };
        let webhook = Webhook {
            id: attempt.id().to_string(),
            url: self.options.receiver.url.clone(),
            secrets: self.options.receiver.secrets.clone(),
            body,
            trace: purchase.and_then(|purchase| self.router.traces().of(purchase)),
        };
        faults::crash_at("before_announced");
        let sent = self.options.channel.send(&webhook, self.router.now()).await;
        faults::crash_at("after_announced");
        sent.map_err(|error| {
            let (reason, is_final, asked) = match error {
                SendError::Later { reason, retry_after } => (reason, false, retry_after),
                SendError::Unknown { reason } => (reason, false, None),
                SendError::Never { reason } => (reason, true, None),
            };
            Failure {
                reason: reason.chars().take(REASON_CHARS_MAX).collect(),
                is_final,
                is_theirs: true,
                asked_ms: asked.map(|rest| u64::try_from(rest.as_millis()).unwrap_or(u64::MAX)),
            }
        })
    }

    async fn body(&self, id: LetterId) -> Result<Bytes, Failure> {
        let outbox = self.options.outbox.clone();
        let failure = |reason: String, is_final| Failure {
            reason,
            is_final,
            is_theirs: false,
            asked_ms: None,
        };
        match tokio::task::spawn_blocking(move || outbox.body(id)).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(error @ OutboxError::Damaged { .. })) => Err(failure(error_text(&error), true)),
            Ok(Err(error)) => Err(failure(error_text(&error), false)),
            Err(error) => Err(failure(error.to_string(), false)),
        }
    }

    /// `None`: leave the line alone for a while.
    pub async fn read(self: &Arc<Self>, wanted: Wanted) -> Option<Found> {
        let (parts, event) = (Arc::clone(self), wanted.event.id.clone());
        let error = match tokio::task::spawn_blocking(move || parts.read_now(&wanted)).await {
            Ok(Ok(found)) => return Some(found),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::error!(%event, error, "what is to be told cannot be read");
        None
    }

    /// Blocks.
    fn read_now(&self, wanted: &Wanted) -> Result<Found, SourceError> {
        let (Wanted { event, after }, topics) = (wanted, &self.options.receiver.topics);
        let after = match after {
            Some(after) => *after,
            None => {
                let cursor = self.options.outbox.cursor(event.number);
                let cursor = cursor.map_err(|error| SourceError::Fault(error_text(&error)))?;
                cursor.unwrap_or_default()
            }
        };
        // Entry 1 says that the event was created: of many new events nothing else has to be read.
        if after == 0 && event.published().version == 1 && !topics.want("event.created") {
            return Ok(Found { after, read_to: 1, news: Vec::new(), lost: 0 });
        }
        let found = match self.options.source.read(event, after, READ_LIMIT, topics) {
            Err(SourceError::Gone { oldest }) if after + 1 < oldest => {
                let lost = oldest - 1 - after;
                tracing::error!(event = %event.id, after, lost, "the log dropped what was not told");
                Found { after, read_to: oldest - 1, news: Vec::new(), lost }
            }
            found => found?,
        };
        if 0 < found.lost {
            self.metrics.count_several("missed", found.lost);
        }
        Ok(found)
    }
}

/// With the cause, for a log line.
pub(super) fn error_text(error: &OutboxError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

//! The notifier: sends the messages that events owe to buyers, again after a failure, until they are
//! delivered or given up. At least once: a crash between sending and noting sends the same id again.

use std::sync::Arc;
use std::time::Duration;

use ractor::SpawnErr;

use super::errand::Ending;
use super::rounds::{self, Pace, Work};
use crate::actors::router::Router;
use crate::actors::shard::{Page, Place, SubmitError, Unsent};
use crate::documents::text::Fonts;
use crate::documents::{self, TICKETS_MAX, mail as words, ticket_pdf};
use crate::domain::booking::{BookingStatus, MessageKind};
use crate::domain::ids::ShardId;
use crate::domain::inventory::Command;
use crate::domain::message::next_try;
use crate::domain::ticket::SigningKey;
use crate::faults;
use crate::metrics::PurchaseMetrics;
use crate::providers::mail::{Attachment, Mail, MailChannel, check_address};
use crate::providers::send::SendError;

/// What the notifier needs.
pub struct NotifierOptions {
    /// Messages under way at the most.
    pub concurrency: usize,
    pub mail: Box<dyn MailChannel>,
    pub fonts: Arc<Fonts>,
    /// Signs the tickets in a confirmation.
    pub signer: SigningKey,
}

/// From the end of one look at what is owed to the next.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Rest when a shard did not answer.
const SHARD_REST: Duration = Duration::from_secs(1);

struct Notifier {
    router: Arc<Router>,
    options: NotifierOptions,
    metrics: PurchaseMetrics,
}

/// Starts the notifier; it ends when its actor is stopped.
///
/// # Errors
/// When the actor does not start.
pub async fn start(
    router: Arc<Router>,
    options: NotifierOptions,
) -> Result<ractor::ActorCell, SpawnErr> {
    let concurrency = options.concurrency;
    let pace = Pace { look_every: LOOK_EVERY, concurrency, per_second: None };
    let notifier = Notifier { router, options, metrics: PurchaseMetrics::new() };
    rounds::start(notifier, pace).await
}

impl Work for Notifier {
    type Entry = Unsent;

    fn shards(&self) -> usize {
        self.router.shards().len()
    }

    async fn page(&self, shard: ShardId, after: Place) -> Result<Page<Unsent>, SubmitError> {
        self.router.messages(shard, after).await
    }

    fn place(unsent: &Unsent) -> Place {
        (unsent.event, unsent.number)
    }

    /// Tries count in the journal, over restarts.
    async fn attempt(&self, unsent: Unsent, _tries: u32) -> Ending {
        self.deliver(unsent).await
    }

    fn looked(&self, owed: usize) {
        self.metrics.outbox_depth.set(owed as f64);
    }
}

impl Notifier {
    async fn deliver(&self, unsent: Unsent) -> Ending {
        let (event, number) = (unsent.receipt.reservation.terms.id.clone(), unsent.number);
        let tries = unsent.message.tries + 1;
        if faults::planted("note_before_send") {
            self.tell(&event, number, true, Some(0)).await;
        }
        faults::crash_at("before_mail");
        let outcome = match self.compose(unsent).await {
            Ok(Some(mail)) => self.options.mail.send(&mail).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        faults::crash_at("after_mail");
        let (sent, rest_ms, label) = match outcome {
            Ok(()) => (true, Some(0), "sent"),
            Err(error) => {
                tracing::warn!(%event, number, tries, %error, "a message was not sent");
                let rest_ms = next_try(tries, rand::random());
                let asked_ms = match &error {
                    SendError::Later { retry_after: Some(rest), .. } => rest.as_millis(),
                    SendError::Later { .. } | SendError::Unknown { .. } => 0,
                    SendError::Never { .. } => return self.tell(&event, number, false, None).await,
                };
                let asked_ms = u64::try_from(asked_ms).unwrap_or(u64::MAX);
                (false, rest_ms.map(|rest_ms| rest_ms.max(asked_ms)), "failed")
            }
        };
        self.metrics.count_message("mail", label);
        self.tell(&event, number, sent, rest_ms).await
    }

    /// `rest_ms` absent: given up.
    async fn tell(
        &self,
        event: &crate::domain::ids::EventId,
        message: u64,
        sent: bool,
        rest_ms: Option<u64>,
    ) -> Ending {
        let dead = rest_ms.is_none();
        if dead {
            self.metrics.count_message("mail", "dead");
            tracing::error!(%event, message, "a message is given up");
        }
        let Some(entry) = self.router.find(event.as_str()) else {
            return Ending::Again(SHARD_REST);
        };
        let told = self.router.submit(&entry, Command::Told { message, sent, dead }).await;
        faults::crash_at("after_mail_noted");
        match (told, rest_ms) {
            // Not noted: sent again with the same id.
            (Err(_), _) => Ending::Again(SHARD_REST),
            (Ok(_), Some(rest_ms)) if !sent => Ending::Again(Duration::from_millis(rest_ms)),
            (Ok(_), _) => Ending::Told,
        }
    }

    /// `None`: nothing to send, since the buyer left no address, or the news is old: tickets of what is
    /// cancelled by now are void, and a failure that late money mended is none.
    async fn compose(&self, unsent: Unsent) -> Result<Option<Mail>, SendError> {
        let contact = &unsent.receipt.booking.contact;
        let Some(to) = contact.email.as_deref() else { return Ok(None) };
        let is_news = match unsent.message.kind {
            MessageKind::Confirmed => unsent.receipt.booking.status == BookingStatus::Confirmed,
            MessageKind::Failed => unsent.receipt.booking.status == BookingStatus::Failed,
            MessageKind::Cancelled => true,
        };
        if !is_news {
            return Ok(None);
        }
        let to =
            check_address(to).map_err(|error| SendError::Never { reason: error.to_string() })?;
        let document = documents::document(&unsent.receipt, &self.options.signer);
        let (subject, text, html) = match unsent.message.kind {
            MessageKind::Confirmed => (
                words::confirmation_subject(&document),
                words::confirmation_text(&document, None),
                Some(words::confirmation_html(&document, None)),
            ),
            MessageKind::Failed => (
                words::payment_failed_subject(&document),
                words::payment_failed_text(&document, None),
                None,
            ),
            MessageKind::Cancelled => (
                words::cancelled_subject(&document),
                words::cancelled_text(&document, Some(unsent.receipt.total())),
                None,
            ),
        };
        let booking = &unsent.receipt.booking;
        let written_at = booking.decided_at.unwrap_or(booking.created_at);
        // The event and the number of the fact: a repeat after a crash has the same id.
        let id = format!("m{}-{}", unsent.event.0, unsent.number);
        let to_name = contact.name.as_deref().map(str::to_owned);
        let wants_tickets =
            unsent.message.kind == MessageKind::Confirmed && document.tickets.len() <= TICKETS_MAX;
        let attachments = if wants_tickets { self.tickets(document).await? } else { Vec::new() };
        Ok(Some(Mail { id, to, to_name, subject, text, html, attachments, written_at }))
    }

    async fn tickets(
        &self,
        document: documents::BookingDocument,
    ) -> Result<Vec<Attachment>, SendError> {
        let fonts = Arc::clone(&self.options.fonts);
        let drawn = tokio::task::spawn_blocking(move || ticket_pdf(&document, &fonts)).await;
        let later = |reason: String| SendError::Later { reason, retry_after: None };
        let pdf = drawn.map_err(|error| later(error.to_string()))?;
        let pdf = pdf.map_err(|error| later(error.to_string()))?;
        if !pdf.uncovered.is_empty() {
            tracing::warn!(characters = ?pdf.uncovered, "no font prints these; see [tickets] font_dirs");
        }
        let name = "tickets.pdf".to_owned();
        let media_type = "application/pdf".to_owned();
        Ok(vec![Attachment { name, media_type, bytes: pdf.bytes.into() }])
    }
}

//! What is sent of a message that is owed, and by which way.

use std::sync::Arc;

use crate::actors::shard::Unsent;
use crate::documents::text::Fonts;
use crate::documents::{self, TICKETS_MAX, mail as words, sms as short_words, ticket_pdf};
use crate::domain::booking::{BookingStatus, MessageKind};
use crate::domain::ticket::SigningKey;
use crate::domain::time::UnixMillis;
use crate::providers::mail::{Attachment, Mail, MailChannel, check_address};
use crate::providers::send::SendError;
use crate::providers::sms::{Sms, SmsChannel, check_phone, size_of};

/// How mails leave.
pub struct MailWay {
    /// Mails under way at the most.
    pub concurrency: usize,
    pub channel: Box<dyn MailChannel>,
    pub fonts: Arc<Fonts>,
    /// Signs the tickets in a confirmation.
    pub signer: SigningKey,
}

/// How short messages leave.
pub struct SmsWay {
    /// Short messages under way at the most.
    pub concurrency: usize,
    pub channel: Box<dyn SmsChannel>,
    /// Longest text. Unit: segments, as networks count them.
    pub segments_max: u32,
}

/// One of the ways.
pub(super) enum Way {
    Mail(Box<MailWay>),
    /// Absent: there is none.
    Sms(Option<SmsWay>),
}

/// How a try ended that was no error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Sent,
    /// There was nothing to send.
    Skipped,
}

impl Way {
    /// One try; `now` is for what the other side says about when to try again.
    pub async fn send(&self, unsent: &Unsent, now: UnixMillis) -> Result<Sent, SendError> {
        if !is_news(unsent) {
            return Ok(Sent::Skipped);
        }
        match self {
            Self::Mail(mail) => match mail.compose(unsent).await? {
                Some(letter) => mail.channel.send(&letter).await.map(|()| Sent::Sent),
                None => Ok(Sent::Skipped),
            },
            Self::Sms(None) => Ok(Sent::Skipped),
            Self::Sms(Some(sms)) => match sms.compose(unsent)? {
                Some(letter) => sms.channel.send(&letter, now).await.map(|()| Sent::Sent),
                None => Ok(Sent::Skipped),
            },
        }
    }
}

/// The news may be old: tickets of what is cancelled by now are void, and a failure that late money mended
/// is none.
fn is_news(unsent: &Unsent) -> bool {
    let status = unsent.receipt.booking.status;
    match unsent.message.kind {
        MessageKind::Confirmed => status == BookingStatus::Confirmed,
        MessageKind::Failed => status == BookingStatus::Failed,
        MessageKind::Cancelled => true,
    }
}

impl SmsWay {
    /// `None`: the buyer left no number.
    fn compose(&self, unsent: &Unsent) -> Result<Option<Sms>, SendError> {
        let Some(to) = unsent.receipt.booking.contact.phone.as_deref() else { return Ok(None) };
        let to = check_phone(to).map_err(|error| SendError::Never { reason: error.to_string() })?;
        let fits = |text: &str| size_of(text).segments <= self.segments_max;
        let text = short_words::text(&unsent.receipt, unsent.message.kind, fits);
        Ok(Some(Sms { id: unsent.id(), to, text }))
    }
}

impl MailWay {
    /// `None`: the buyer left no address.
    async fn compose(&self, unsent: &Unsent) -> Result<Option<Mail>, SendError> {
        let booking = &unsent.receipt.booking;
        let contact = &booking.contact;
        let Some(to) = contact.email.as_deref() else { return Ok(None) };
        let to =
            check_address(to).map_err(|error| SendError::Never { reason: error.to_string() })?;
        let document = documents::document(&unsent.receipt, &self.signer);
        let kind = unsent.message.kind;
        let (subject, text, html) = match kind {
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
        let written_at = booking.decided_at.unwrap_or(booking.created_at);
        let to_name = contact.name.as_deref().map(str::to_owned);
        let has_tickets = kind == MessageKind::Confirmed && document.tickets.len() <= TICKETS_MAX;
        let attachments = if has_tickets { self.tickets(document).await? } else { Vec::new() };
        let id = unsent.id();
        Ok(Some(Mail { id, to, to_name, subject, text, html, attachments, written_at }))
    }

    async fn tickets(
        &self,
        document: documents::BookingDocument,
    ) -> Result<Vec<Attachment>, SendError> {
        let fonts = Arc::clone(&self.fonts);
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

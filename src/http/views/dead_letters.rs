//! The bodies about messages that were given up. No addresses: the booking has them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::Unsent;
use crate::storage::outbox::{Letter, LetterId};

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct DeadLetterList {
    pub items: Vec<DeadLetter>,
    pub next_cursor: Option<String>,
}

/// A message that was given up.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct DeadLetter {
    /// The same that its receiver sees: in the `Message-ID` of a mail, the `Idempotency-Key` of a short
    /// message, the `webhook-id` of a webhook.
    pub id: String,
    /// `mail`, `sms` or `webhook`.
    channel: &'static str,
    event: String,
    booking: Option<String>,
    /// `confirmed`, `failed` or `cancelled`; of a webhook its type, as `booking.confirmed`.
    kind: String,
    /// `DEAD`, or `WAITING` from when it is sent again.
    status: &'static str,
    /// Tries that failed since it was made, or since it was last sent again.
    tries: u32,
    /// Why it was given up; absent when it was before reasons were kept.
    reason: Option<String>,
}

impl DeadLetter {
    pub fn of_webhook(id: LetterId, letter: &Letter) -> Self {
        Self {
            id: id.to_string(),
            channel: "webhook",
            event: letter.event.clone(),
            booking: None,
            kind: letter.kind.clone(),
            status: letter.status(),
            tries: letter.tries,
            reason: (!letter.reason.is_empty()).then(|| letter.reason.clone()),
        }
    }

    pub fn of(unsent: &Unsent) -> Self {
        let (message, reservation) = (&unsent.message, &unsent.receipt.reservation);
        Self {
            id: unsent.id(),
            channel: message.channel.as_str(),
            event: reservation.terms.id.to_string(),
            booking: Some(reservation.id.to_string()),
            kind: message.kind.as_str().to_owned(),
            status: message.status(),
            tries: message.tries,
            reason: message.reason.as_deref().map(str::to_owned),
        }
    }
}

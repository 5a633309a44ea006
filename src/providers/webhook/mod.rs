//! Webhooks to organizers: what one is, how it is signed (Standard Webhooks 1.0), where it may go.

mod http;
mod reach;
mod sign;

use bytes::Bytes;

use super::send::{Later, SendError};
use crate::domain::time::UnixMillis;
use crate::telemetry::TraceContext;

pub use http::{HttpWebhooks, WebhookOptions};
pub use reach::{Reach, UrlError, check_url, is_public};
pub use sign::{SigningSecret, SigningSecretError, signature};

/// Takes webhooks on their way.
pub trait WebhookChannel: Send + Sync {
    /// One try to hand `webhook` over. `now` is signed with it: receivers refuse what is some minutes old,
    /// so each try has its own.
    fn send<'a>(
        &'a self,
        webhook: &'a Webhook,
        now: UnixMillis,
    ) -> Later<'a, Result<(), SendError>>;
}

/// One thing an organizer wants to hear about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// `[A-Za-z0-9_-]{1,64}`, the same at each try: `webhook-id`, by which receivers tell a repeat.
    pub id: String,
    /// Where to; see [`check_url`].
    pub url: String,
    /// At least one; several while the organizer changes secrets, each gives a signature.
    pub secrets: Vec<SigningSecret>,
    /// JSON, signed as it is.
    pub body: Bytes,
    /// The trace that what it tells of belongs to: `traceparent`.
    pub trace: Option<TraceContext>,
}

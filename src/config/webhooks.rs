//! Whom the organizer wants told of what happens.

use std::path::PathBuf;
use std::time::Duration;

use super::bounds::{millis, number, quoted, within};
use super::error::Unfit;
use super::purchases::Secret;
use super::raw::RawWebhooks;

/// A receiver of webhooks.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// Not empty.
    pub url: String,
    /// One, or two while one takes the place of the other.
    pub secrets: Vec<Secret>,
    /// Patterns of types with blanks between; at least one.
    pub types: String,
    /// Whether it may be on this machine or in a private network, and be asked without TLS.
    pub allow_private: bool,
    /// For one try, 0.1 s to 60 s.
    pub timeout: Duration,
    /// Webhooks under way at the most, 1 to 100.
    pub concurrency: usize,
    pub root_certificates: Option<PathBuf>,
}

impl WebhookConfig {
    /// `None` when no URL is set. Also then what is written has to be within its bounds.
    pub(super) fn checked(raw: RawWebhooks) -> Result<Option<Self>, Unfit> {
        let timeout = millis("webhooks.timeout_ms", raw.timeout_ms, 100..=60_000)?;
        let concurrency = within("webhooks.concurrency", raw.concurrency, 1..=100, number)?;
        if raw.url.is_empty() {
            return Ok(None);
        }
        let secrets: Vec<Secret> =
            raw.secrets.split_whitespace().map(|secret| Secret(secret.to_owned())).collect();
        let are_secrets = secrets.iter().all(|Secret(secret)| secret.starts_with("whsec_"));
        if !(1..=2).contains(&secrets.len()) || !are_secrets {
            // Not repeated: they are secrets, or were meant to be.
            let shown = if raw.secrets.is_empty() { "\"\"" } else { "(hidden)" };
            let reason = "must be one or two secrets that begin with whsec_, with a blank between; \
                          set ONSALE__WEBHOOKS__SECRETS";
            return Err(Unfit::new("webhooks.secrets", shown, reason));
        }
        if raw.types.trim().is_empty() {
            let reason = "must name what is sent, as in \"booking.* ticket.redeemed\"";
            return Err(Unfit::new("webhooks.types", quoted(raw.types), reason));
        }
        let file = raw.root_certificates;
        Ok(Some(Self {
            url: raw.url,
            secrets,
            types: raw.types,
            allow_private: raw.allow_private,
            timeout,
            concurrency,
            root_certificates: (!file.is_empty()).then(|| file.into()),
        }))
    }
}

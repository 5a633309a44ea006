//! Webhooks by HTTP POST, signed, to wherever [`super::reach`] lets them go.

use std::path::PathBuf;
use std::sync::Arc;

use reqwest::{Client, StatusCode};

use super::reach::{GuardedLookup, Reach, check_url};
use super::sign::signature;
use super::{Webhook, WebhookChannel};
use crate::domain::time::UnixMillis;
use crate::providers::client::{self, Patience};
use crate::providers::send::{Later, OptionError, SendError, check_id};
use crate::providers::tls;

#[derive(Debug, Clone, Default)]
pub struct WebhookOptions {
    pub reach: Reach,
    /// Resting connections kept for one receiver. Few where receivers are many and each hears seldom; as
    /// many as are under way together for one that hears all.
    pub idle_max: usize,
    /// PEM file of a private authority, trusted besides those of the system.
    pub roots_file: Option<PathBuf>,
    pub patience: Patience,
}

/// Sends webhooks to any organizer.
pub struct HttpWebhooks {
    client: Client,
    reach: Reach,
}

impl HttpWebhooks {
    /// # Errors
    /// The file of roots is not one.
    pub fn new(options: WebhookOptions) -> Result<Self, OptionError> {
        let WebhookOptions { reach, idle_max, roots_file, patience } = options;
        let trust = tls::client_config(tls::roots(roots_file.as_deref())?);
        let client = client::builder(trust, patience)
            .pool_max_idle_per_host(idle_max)
            .dns_resolver(Arc::new(GuardedLookup(reach.clone())))
            .build();
        let client = client.map_err(|e| OptionError::new("patience", "", e.to_string()))?;
        Ok(Self { client, reach })
    }
}

impl WebhookChannel for HttpWebhooks {
    /// 2xx is a yes, whatever the body says.
    ///
    /// # Errors
    /// - `Never`: 410; an id, secret or URL that no try can make good. A URL with an address that is not
    ///   public belongs here: it stays what it is.
    /// - `Unknown`: connected, then no answer in time, or the connection broke.
    /// - `Later`: not connected, and every other answer, redirects too. A name that leads to an address that
    ///   is not public belongs here: the name's owner can mend that, and a look-up that was wrong for a
    ///   minute must not cost the message.
    fn send<'a>(
        &'a self,
        webhook: &'a Webhook,
        now: UnixMillis,
    ) -> Later<'a, Result<(), SendError>> {
        Box::pin(async move {
            let Webhook { id, url, secrets, body, trace } = webhook;
            check_id(id)?;
            if secrets.is_empty() {
                return Err(SendError::never("no secret to sign with"));
            }
            let url = check_url(url, &self.reach)
                .map_err(|reason| SendError::never(format!("url {reason}")))?;
            let seconds = now.0 / 1_000;
            let mut request = self
                .client
                .post(url)
                .header("webhook-id", id)
                .header("webhook-timestamp", seconds)
                .header("webhook-signature", signature(secrets, id, seconds, body))
                .header("content-type", "application/json")
                .body(body.clone());
            if let Some(trace) = trace {
                request = request.header("traceparent", trace.to_string());
            }
            let answer = client::post(request, now).await?;
            match answer.status {
                status if status.is_success() => Ok(()),
                StatusCode::GONE => Err(SendError::never(answer.describe())),
                _ => Err(answer.later()),
            }
        })
    }
}

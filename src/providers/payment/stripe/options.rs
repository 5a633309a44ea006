//! What the Stripe provider is told.

use std::fmt;
use std::time::Duration;

use crate::providers::outbound::OutboundError;

#[derive(Clone)]
pub struct StripeOptions {
    /// `https://api.stripe.com`; plain http only to loopback.
    pub base_url: String,
    /// `sk_...` or, better, a restricted key `rk_...` that may write PaymentIntents and Refunds only.
    pub secret_key: String,
    /// `whsec_...` of the webhook endpoint; two while one takes the place of the other. Empty: every
    /// webhook is refused.
    pub webhook_secrets: Vec<String>,
    /// To connect, TLS included.
    pub connect_timeout: Duration,
    /// For one call. A charge takes seconds when a bank is slow; what is cut off is unknown, not failed.
    pub timeout: Duration,
}

impl StripeOptions {
    #[must_use]
    pub fn new(secret_key: impl Into<String>, webhook_secrets: Vec<String>) -> Self {
        Self {
            base_url: "https://api.stripe.com".to_owned(),
            secret_key: secret_key.into(),
            webhook_secrets,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for StripeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeOptions")
            .field("base_url", &self.base_url)
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// An option that cannot be used. Never repeats a secret.
#[derive(Debug, thiserror::Error)]
pub enum StripeOptionError {
    #[error("base_url cannot be used")]
    BaseUrl(#[source] OutboundError),
    #[error("secret_key must be visible ASCII characters, and there is one at least")]
    SecretKey,
    #[error("webhook_secrets[{index}] is empty: anybody could sign with it")]
    WebhookSecret { index: usize },
    #[error("timeout is zero")]
    Timeout,
}

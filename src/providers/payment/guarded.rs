//! A circuit breaker around any provider. While it is open, charges, look-ups and refunds are refused at
//! once as not done; webhooks come in as ever, since they ask the provider nothing.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

use super::{
    Charge, ChargeReport, Later, PaymentProvider, ProviderError, Refund, RefundState, WebhookError,
    WebhookEvent,
};
use crate::domain::time::UnixMillis;
use crate::providers::breaker::{Breaker, BreakerOptions};

/// `P`, with one circuit for all its calls. A declined card is an answer and keeps it closed.
#[derive(Debug)]
pub struct Guarded<P> {
    provider: P,
    breaker: Breaker,
}

impl<P: PaymentProvider> Guarded<P> {
    #[must_use]
    pub fn new(provider: P, options: BreakerOptions) -> Self {
        Self { provider, breaker: Breaker::new(options) }
    }

    /// What is guarded, for what only it can do.
    #[must_use]
    pub fn inner(&self) -> &P {
        &self.provider
    }

    /// Whether calls are refused at the moment; for a gauge.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.breaker.is_open()
    }

    async fn ask<T>(&self, call: Later<'_, Result<T, ProviderError>>) -> Result<T, ProviderError> {
        let permit = self.breaker.admit(Instant::now()).map_err(|left| {
            let reason = format!("{} failed too often in a row", self.provider.name());
            ProviderError::NotDone { reason, retry_after: Some(left) }
        })?;
        let answer = call.await;
        match answer {
            Ok(_) => permit.succeeded(),
            Err(ProviderError::NotDone { .. } | ProviderError::Unknown { .. }) => {
                permit.failed(Instant::now());
            }
        }
        answer
    }
}

impl<P: PaymentProvider> PaymentProvider for Guarded<P> {
    fn name(&self) -> &'static str {
        self.provider.name()
    }

    fn methods(&self) -> &'static [&'static str] {
        self.provider.methods()
    }

    fn charge<'a>(&'a self, charge: &'a Charge) -> Later<'a, Result<ChargeReport, ProviderError>> {
        Box::pin(self.ask(self.provider.charge(charge)))
    }

    fn look_up<'a>(
        &'a self,
        charge: &'a Charge,
        provider_id: Option<&'a str>,
    ) -> Later<'a, Result<Option<ChargeReport>, ProviderError>> {
        Box::pin(self.ask(self.provider.look_up(charge, provider_id)))
    }

    fn look_up_lag(&self) -> Duration {
        self.provider.look_up_lag()
    }

    fn refund<'a>(&'a self, refund: &'a Refund) -> Later<'a, Result<RefundState, ProviderError>> {
        Box::pin(self.ask(self.provider.refund(refund)))
    }

    fn look_up_refund<'a>(
        &'a self,
        refund: &'a Refund,
    ) -> Later<'a, Result<Option<RefundState>, ProviderError>> {
        Box::pin(self.ask(self.provider.look_up_refund(refund)))
    }

    fn webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: UnixMillis,
    ) -> Result<WebhookEvent, WebhookError> {
        self.provider.webhook(headers, body, now)
    }
}

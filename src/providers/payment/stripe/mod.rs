//! Stripe: PaymentIntents that are made and confirmed in one call, with the key of the charge.
//!
//! When an answer was lost, the way on is to ask again with the same key: for a day Stripe gives the first
//! answer again and takes nothing twice. Two things that does not settle: a stored 500, which is given again
//! as well, and the wish to know without paying. For these [`Stripe::look_up`] without an id searches by
//! metadata rather than ask again. A search may lag behind (a minute, up to an hour in an outage, says
//! Stripe), hence [`LOOK_UP_LAG`]; what it finds is certain at once.

mod amount;
mod options;
mod webhook;
mod wire;

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::{Client, RequestBuilder, Url};

pub use self::options::{StripeOptionError, StripeOptions};
pub use self::webhook::SIGNATURE;

use self::wire::{Answer, Found, FoundRefunds, Intent, RefundObject};
use super::{
    Charge, ChargeReport, ChargeState, Later, PaymentProvider, ProviderError, Refund, RefundState,
    WebhookError, WebhookEvent, check,
};
use crate::domain::money::Money;
use crate::domain::time::UnixMillis;
use crate::providers::outbound::{self, Patience};

/// The version of the API that this is written for; an account's own default may be any.
pub const API_VERSION: &str = "2025-03-31.basil";

/// See the module.
pub const LOOK_UP_LAG: Duration = Duration::from_secs(3_600);

const METHODS: &[&str] = &["card"];
const VERSION: HeaderName = HeaderName::from_static("stripe-version");
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest answer that is read. An intent has about 5 kB, a page of ten less than 100.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// See the module. Needs a tokio runtime with network and time.
pub struct Stripe {
    client: Client,
    base: Url,
    authorization: HeaderValue,
    webhook_secrets: Vec<String>,
}

impl Stripe {
    /// # Errors
    /// Names the option that cannot be used; calls nobody.
    pub fn new(options: StripeOptions) -> Result<Self, StripeOptionError> {
        let base = outbound::base_url(&options.base_url).map_err(StripeOptionError::BaseUrl)?;
        let key = &options.secret_key;
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(StripeOptionError::SecretKey);
        }
        let mut authorization = HeaderValue::try_from(format!("Bearer {key}"))
            .map_err(|_| StripeOptionError::SecretKey)?;
        authorization.set_sensitive(true);
        if let Some(index) = options.webhook_secrets.iter().position(String::is_empty) {
            return Err(StripeOptionError::WebhookSecret { index });
        }
        if options.timeout.is_zero() || options.connect_timeout.is_zero() {
            return Err(StripeOptionError::Timeout);
        }
        let patience = Patience { connect: options.connect_timeout, total: options.timeout };
        let client = outbound::client(&base, patience).map_err(StripeOptionError::BaseUrl)?;
        Ok(Self { client, base, authorization, webhook_secrets: options.webhook_secrets })
    }

    async fn charge(&self, charge: &Charge) -> Result<ChargeReport, ProviderError> {
        check(&charge.key, &charge.reference)?;
        let declined = |reason: &str, provider_id: String| {
            let state = ChargeState::Declined { reason: reason.to_owned() };
            Ok(ChargeReport { provider_id, state })
        };
        if !METHODS.contains(&charge.method.as_str()) {
            return declined("payment_method_unsupported", String::new());
        }
        let Some(amount) = amount::to_stripe(charge.amount) else {
            return declined("amount_not_payable", String::new());
        };
        let form = charge_form(charge, amount);
        let answer = self.send(self.post("/v1/payment_intents", &charge.key).form(&form)).await?;
        if answer.is_success() {
            return report(answer.object()?, charge);
        }
        let Some(error) = answer.error() else { return Err(answer.fault()) };
        let param = error.param.as_deref().unwrap_or_default();
        let is_of_buyer = param == "payment_method" || param.starts_with("payment_method_data");
        let is_of_charge = is_of_buyer || matches!(param, "amount" | "currency");
        match answer.status {
            402 => {
                let id = error.payment_intent.as_ref().map(|intent| intent.id.clone());
                declined(error.reason().unwrap_or("declined"), id.unwrap_or_default())
            }
            // A token that nobody made, an amount too small: the next charge may be fine, so this
            // is no fault of ours or Stripe's, and it would be refused for ever.
            400 | 404 if error.kind == "invalid_request_error" && is_of_charge => {
                declined(error.reason().unwrap_or("invalid_request"), String::new())
            }
            _ => Err(answer.fault()),
        }
    }

    async fn look_up(
        &self,
        charge: &Charge,
        provider_id: Option<&str>,
    ) -> Result<Option<ChargeReport>, ProviderError> {
        check(&charge.key, &charge.reference)?;
        if let Some(id) = provider_id.filter(|id| !id.is_empty()) {
            let answer = self.send(self.get(&["v1", "payment_intents", id])).await?;
            return match answer.is_success() {
                true => report(answer.object()?, charge).map(Some),
                false if answer.is_missing() => Ok(None),
                false => Err(answer.fault()),
            };
        }
        let request = self.get(&["v1", "payment_intents", "search"]);
        let query = [("query", search_query(charge)), ("limit", "10".to_owned())];
        let answer = self.send(request.query(&query)).await?;
        if !answer.is_success() {
            return Err(answer.fault());
        }
        let Found { data } = answer.object()?;
        let ours = data
            .into_iter()
            .filter(|intent| intent.reference().as_ref() == Some(&charge.reference));
        let reports: Vec<ChargeReport> =
            ours.map(|intent| report(intent, charge)).collect::<Result<_, _>>()?;
        // One key makes one intent. Should there be more, money that was taken counts most.
        Ok(reports.into_iter().min_by_key(|report| match report.state {
            ChargeState::Succeeded => 0,
            ChargeState::Processing => 1,
            ChargeState::Declined { .. } => 2,
        }))
    }

    async fn refund(&self, refund: &Refund) -> Result<RefundState, ProviderError> {
        check(&refund.key, &refund.reference)?;
        let failed = |reason: &str| Ok(RefundState::Failed { reason: reason.to_owned() });
        let Some(amount) = amount::to_stripe(refund.amount) else {
            return failed("amount_not_payable");
        };
        let mut form =
            vec![("payment_intent", refund.provider_id.clone()), ("amount", amount.to_string())];
        form.extend(metadata(&refund.reference));
        let answer = self.send(self.post("/v1/refunds", &refund.key).form(&form)).await?;
        if answer.is_success() {
            let object: RefundObject = answer.object()?;
            return object.state().ok_or_else(|| {
                let status = object.status.as_deref().unwrap_or("null");
                ProviderError::unknown(format!("the refund has the status {status:?}"))
            });
        }
        let Some(error) = answer.error() else { return Err(answer.fault()) };
        let param = error.param.as_deref().unwrap_or_default();
        match (answer.status, error.code.as_deref()) {
            // Asked again when Stripe had forgotten the key: it is all given back.
            (400, Some("charge_already_refunded")) => Ok(RefundState::Succeeded),
            // The account is empty at the moment: try again, it fills with the next sales.
            (400 | 402, Some("balance_insufficient" | "insufficient_funds")) => {
                Err(answer.fault_not_done())
            }
            (402, code) => failed(code.unwrap_or("refused")),
            (400 | 404, code)
                if error.kind == "invalid_request_error"
                    && (matches!(param, "payment_intent" | "charge" | "amount")
                        || code.is_some_and(|code| code.starts_with("charge_"))) =>
            {
                failed(code.unwrap_or("invalid_request"))
            }
            _ => Err(answer.fault()),
        }
    }

    /// What was given back of the payment, by whomever: asked again with its key, Stripe would say for a
    /// day what it said first.
    async fn look_up_refund(&self, refund: &Refund) -> Result<Option<RefundState>, ProviderError> {
        check(&refund.key, &refund.reference)?;
        let Some(amount) = amount::to_stripe(refund.amount) else { return Ok(None) };
        // The newest come first, and nobody gives one payment back in a hundred pieces.
        let query = [("payment_intent", refund.provider_id.as_str()), ("limit", "100")];
        let answer = self.send(self.get(&["v1", "refunds"]).query(&query)).await?;
        match answer.is_success() {
            true => answer.object::<FoundRefunds>()?.state(amount, refund.amount.currency.as_str()),
            false if answer.is_missing() => Ok(None),
            false => Err(answer.fault()),
        }
    }

    fn post(&self, path: &str, key: &str) -> RequestBuilder {
        let url = self.url(path.trim_start_matches('/').split('/'));
        self.client.post(url).header(KEY, key)
    }

    fn get(&self, path: &[&str]) -> RequestBuilder {
        self.client.get(self.url(path.iter().copied()))
    }

    /// Segments are escaped, so that no id can lead elsewhere.
    fn url<'a>(&self, segments: impl Iterator<Item = &'a str>) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("an http URL has a path").pop_if_empty().extend(segments);
        url
    }

    async fn send(&self, request: RequestBuilder) -> Result<Answer, ProviderError> {
        let request = request
            .header(header::AUTHORIZATION, self.authorization.clone())
            .header(VERSION, API_VERSION);
        let response = request.send().await.map_err(|error| {
            let surely_not_sent = error.is_builder() || error.is_connect();
            // The URL of a search names a booking; logs have better places for that.
            let reason = format!("{:#}", anyhow::Error::from(error.without_url()));
            match surely_not_sent {
                true => ProviderError::not_done(reason),
                false => ProviderError::unknown(reason),
            }
        })?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let body = outbound::body(response, ANSWER_BYTES_MAX).await;
        let body = body.map_err(|error| ProviderError::unknown(error.to_string()))?;
        Ok(Answer { status, retry_after, body })
    }
}

/// How an intent stands, if it is the one that was asked for.
fn report(intent: Intent, charge: &Charge) -> Result<ChargeReport, ProviderError> {
    let Money { currency, .. } = charge.amount;
    let is_the_one = intent.reference().as_ref() == Some(&charge.reference)
        && Some(intent.amount) == amount::to_stripe(charge.amount)
        && intent.currency.eq_ignore_ascii_case(currency.as_str());
    if !is_the_one {
        return Err(ProviderError::unknown(format!("{} is for something else", intent.id)));
    }
    let words = format!("{} has the status {:?}", intent.id, intent.status);
    intent.report().ok_or_else(|| ProviderError::unknown(words))
}

fn charge_form(charge: &Charge, amount: u64) -> Vec<(&'static str, String)> {
    let mut form = vec![
        ("amount", amount.to_string()),
        ("currency", charge.amount.currency.as_str().to_ascii_lowercase()),
        ("confirm", "true".to_owned()),
        // Named, or Stripe would offer all that the account has, and want a page to come back to.
        ("payment_method_types[0]", charge.method.clone()),
        // The buyer is at our door and not on a page of the bank: what needs one is declined.
        ("error_on_requires_action", "true".to_owned()),
    ];
    if charge.token.starts_with("tok_") {
        // What older browser libraries hand out; it has to be wrapped.
        form.push(("payment_method_data[type]", charge.method.clone()));
        form.push(("payment_method_data[card][token]", charge.token.clone()));
    } else {
        form.push(("payment_method", charge.token.clone()));
    }
    form.extend(metadata(&charge.reference));
    form
}

fn metadata(reference: &super::Reference) -> [(&'static str, String); 3] {
    [
        ("metadata[event]", reference.event.clone()),
        ("metadata[booking]", reference.booking.clone()),
        ("metadata[attempt]", reference.attempt.to_string()),
    ]
}

/// Quotes cannot stand in a reference; see [`check`].
fn search_query(charge: &Charge) -> String {
    let super::Reference { event, booking, attempt } = &charge.reference;
    format!(
        "metadata['event']:'{event}' AND metadata['booking']:'{booking}' \
         AND metadata['attempt']:'{attempt}'"
    )
}

/// Seconds only; a date would need a clock. At most an hour: longer is a mistake.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds.min(3_600)))
}

impl PaymentProvider for Stripe {
    fn name(&self) -> &'static str {
        "stripe"
    }

    fn methods(&self) -> &'static [&'static str] {
        METHODS
    }

    fn charge<'a>(&'a self, charge: &'a Charge) -> Later<'a, Result<ChargeReport, ProviderError>> {
        Box::pin(self.charge(charge))
    }

    fn look_up<'a>(
        &'a self,
        charge: &'a Charge,
        provider_id: Option<&'a str>,
    ) -> Later<'a, Result<Option<ChargeReport>, ProviderError>> {
        Box::pin(self.look_up(charge, provider_id))
    }

    fn look_up_lag(&self) -> Duration {
        LOOK_UP_LAG
    }

    fn refund<'a>(&'a self, refund: &'a Refund) -> Later<'a, Result<RefundState, ProviderError>> {
        Box::pin(self.refund(refund))
    }

    fn look_up_refund<'a>(
        &'a self,
        refund: &'a Refund,
    ) -> Later<'a, Result<Option<RefundState>, ProviderError>> {
        Box::pin(self.look_up_refund(refund))
    }

    fn webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: UnixMillis,
    ) -> Result<WebhookEvent, WebhookError> {
        webhook::read(&self.webhook_secrets, headers, body, now)
    }
}

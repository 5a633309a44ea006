//! Payment providers behind one trait: what a booking asks of whoever moves the money, and the three ways
//! an answer can be: it happened, it certainly did not, or nobody knows yet.
//!
//! Who asks (a saga) writes down each question before it is asked, and its answer after. A provider
//! therefore keeps nothing that a restart may not lose, and the same key always means the same charge.

pub mod guarded;
pub mod signature;
pub mod simulated;
pub mod stripe;

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use http::HeaderMap;

use crate::domain::money::Money;
use crate::domain::time::UnixMillis;

/// A future that a trait object can give.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a charge is for. The provider gives it back in webhooks and look-ups.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    pub event: String,
    pub booking: String,
    /// 1, 2, 3… within the booking: another card is another attempt.
    pub attempt: u32,
}

/// Money to be taken, at once and whole.
#[derive(Clone, PartialEq, Eq)]
pub struct Charge {
    /// Idempotency key, one for each booking and attempt. Bounds: 1 to 255 visible ASCII characters.
    pub key: String,
    pub reference: Reference,
    /// More than nothing: what is free needs no provider, and most refuse it.
    pub amount: Money,
    /// One of [`PaymentProvider::methods`].
    pub method: String,
    /// What the buyer's browser got from the provider in place of a card number.
    pub token: String,
}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever has the token may be able to pay with it: it belongs in no log.
        f.debug_struct("Charge")
            .field("key", &self.key)
            .field("reference", &self.reference)
            .field("amount", &self.amount)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeState {
    /// The money is taken. Final.
    Succeeded,
    /// It is not and will not be, under this key. Final. `reason` is the provider's short code.
    Declined { reason: String },
    /// Under way; a webhook or a look-up tells how it ends.
    Processing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeReport {
    /// The provider's name for the charge. Empty when it declined before it made anything, as it does
    /// with a token that it does not know.
    pub provider_id: String,
    pub state: ChargeState,
}

/// Money to be given back, of a charge that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Idempotency key, not one of a charge. Bounds: 1 to 255 visible ASCII characters.
    pub key: String,
    pub reference: Reference,
    /// From the charge's report.
    pub provider_id: String,
    pub amount: Money,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundState {
    /// Given back, as far as the provider is concerned. Some can still fail later and send a webhook.
    Succeeded,
    /// Under way; a webhook or a look-up tells how it ends.
    Pending,
    /// The money is still here: somebody has to look at it.
    Failed { reason: String },
}

/// A question that got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// Certainly nothing happened: not connected, circuit open, too many requests, refused
    /// credentials. May be asked again with the same key, after `retry_after` if the other side said so.
    #[error("not done: {reason}")]
    NotDone { reason: String, retry_after: Option<Duration> },
    /// It may have happened: time-out, connection lost after sending, an answer that makes no sense.
    /// Ask again with the same key, or look it up.
    #[error("outcome unknown: {reason}")]
    Unknown { reason: String },
}

impl ProviderError {
    pub(crate) fn not_done(reason: impl Into<String>) -> Self {
        Self::NotDone { reason: reason.into(), retry_after: None }
    }

    pub(crate) fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown { reason: reason.into() }
    }
}

/// What any provider would refuse, refused before it is sent.
///
/// # Errors
/// [`ProviderError::NotDone`], with the field, what it is and what it must be.
fn check(key: &str, reference: &Reference) -> Result<(), ProviderError> {
    let is_name = |text: &str| {
        (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    // They stand within quotes in queries, and nobody should have to think about escapes.
    let is_id = |text: &str| is_name(text) && !text.contains(['"', '\'', '\\']);
    let Reference { event, booking, attempt: _ } = reference;
    let fields = [
        ("key", key, is_name(key)),
        ("event", event, is_id(event)),
        ("booking", booking, is_id(booking)),
    ];
    match fields.into_iter().find(|(_, _, fits)| !fits) {
        None => Ok(()),
        Some((field, value, _)) => Err(ProviderError::not_done(format!(
            "{field} is {value:?}: it must have 1 to 255 visible ASCII characters, and no quotes"
        ))),
    }
}

/// What a provider came to say by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    /// The provider's name for the event; the same when it is sent again.
    pub id: String,
    pub meaning: WebhookMeaning,
}

/// Events come in any order, more than once, late, or never: a meaning is merged by what is final, not
/// by what came last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookMeaning {
    Charge {
        reference: Reference,
        report: ChargeReport,
    },
    /// Also one that was made by hand at the provider, if it carries a reference of ours.
    Refund {
        reference: Reference,
        state: RefundState,
    },
    /// Well signed and none of our business: acknowledge it, or it is sent for days.
    Other,
}

/// Why a webhook is not believed. Nothing may be done because of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    #[error("the signature is missing")]
    MissingSignature,
    #[error("the signature does not fit the body")]
    BadSignature,
    #[error("it was signed at another time")]
    Stale,
    /// Signed by the provider, so it is not hostile but unexpected: worth a log line.
    #[error("the body is not an event: {reason}")]
    Malformed { reason: String },
}

/// A service that moves money. Calls end within the limits of its options and may be dropped at any
/// time; a dropped call is like a lost answer.
pub trait PaymentProvider: Send + Sync {
    /// One word, for labels and logs.
    fn name(&self) -> &'static str;

    /// The ways to pay that a [`Charge`] may name.
    fn methods(&self) -> &'static [&'static str];

    /// Takes the money. The same key takes it once, however often it is asked, and a key that came
    /// before with anything else is refused.
    ///
    /// # Errors
    /// See [`ProviderError`]: whether it may have happened.
    fn charge<'a>(&'a self, charge: &'a Charge) -> Later<'a, Result<ChargeReport, ProviderError>>;

    /// How a charge stands, without making it. `provider_id` if a report told it. `Ok(None)`: the
    /// provider never heard of it; to be believed only [`Self::look_up_lag`] after the last
    /// [`Self::charge`] with this key ended.
    ///
    /// # Errors
    /// Nothing was learned, and nothing changed.
    fn look_up<'a>(
        &'a self,
        charge: &'a Charge,
        provider_id: Option<&'a str>,
    ) -> Later<'a, Result<Option<ChargeReport>, ProviderError>>;

    /// How long a charge may exist before a look-up without its `provider_id` can see it.
    fn look_up_lag(&self) -> Duration;

    /// Gives money back. The same key gives it back once, and gets the first answer again for as long as
    /// the provider remembers it, whatever became of the refund since.
    ///
    /// # Errors
    /// See [`ProviderError`]: whether it may have happened.
    fn refund<'a>(&'a self, refund: &'a Refund) -> Later<'a, Result<RefundState, ProviderError>>;

    /// How the money of a refund stands, without giving any back; what was given back by hand counts.
    /// `Ok(None)`: not so much is given back or on its way.
    ///
    /// # Errors
    /// Nothing was learned, and nothing changed.
    fn look_up_refund<'a>(
        &'a self,
        refund: &'a Refund,
    ) -> Later<'a, Result<Option<RefundState>, ProviderError>>;

    /// Whether a webhook is from the provider and fresh at `now`, then what it means. `body` is raw:
    /// parsed and written again it would have another signature.
    ///
    /// # Errors
    /// Do not act on it. 400 for [`WebhookError::Malformed`], 401 for the others.
    fn webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: UnixMillis,
    ) -> Result<WebhookEvent, WebhookError>;
}

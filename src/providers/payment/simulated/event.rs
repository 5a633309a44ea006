//! The simulation's webhooks as they are written, signed and read.

use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

use super::super::{
    ChargeReport, ChargeState, Reference, RefundState, WebhookError, WebhookEvent, WebhookMeaning,
    signature,
};
use super::RawWebhook;
use crate::domain::time::UnixMillis;

/// The header of the signature.
pub const SIGNATURE: &str = "simulated-signature";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Event {
    /// Follows from the rest: sent again, it is the same.
    id: String,
    about: About,
    event: String,
    booking: String,
    attempt: u32,
    provider_id: String,
    state: State,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum About {
    Charge,
    Refund,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Succeeded,
    /// The charge is declined, the refund has failed.
    Failed,
    /// The charge is processing, the refund pending.
    UnderWay,
}

impl Event {
    pub fn charge(reference: &Reference, provider_id: &str, state: &ChargeState) -> Self {
        let (state, reason) = match state {
            ChargeState::Succeeded => (State::Succeeded, ""),
            ChargeState::Declined { reason } => (State::Failed, reason.as_str()),
            ChargeState::Processing => (State::UnderWay, ""),
        };
        Self::new(About::Charge, reference, provider_id, provider_id, state, reason)
    }

    /// `key` is the refund's: one charge may have several.
    pub fn refund(
        reference: &Reference,
        provider_id: &str,
        key: &str,
        state: &RefundState,
    ) -> Self {
        let (state, reason) = match state {
            RefundState::Succeeded => (State::Succeeded, ""),
            RefundState::Failed { reason } => (State::Failed, reason.as_str()),
            RefundState::Pending => (State::UnderWay, ""),
        };
        Self::new(About::Refund, reference, provider_id, key, state, reason)
    }

    fn new(
        about: About,
        reference: &Reference,
        provider_id: &str,
        name: &str,
        state: State,
        reason: &str,
    ) -> Self {
        let Reference { event, booking, attempt } = reference.clone();
        let digest = blake3::hash(format!("{about:?} {state:?} {provider_id} {name}").as_bytes());
        Self {
            id: format!("evt_sim_{}", &digest.to_hex()[..24]),
            about,
            event,
            booking,
            attempt,
            provider_id: provider_id.to_owned(),
            state,
            reason: reason.to_owned(),
        }
    }

    pub fn sign(&self, secret: &[u8], now: UnixMillis) -> RawWebhook {
        let body = serde_json::to_vec(self).expect("strings and numbers are always JSON");
        let signature = signature::sign(secret, &body, now);
        let signature = HeaderValue::try_from(signature).expect("a signature is ASCII");
        let headers = HeaderMap::from_iter([(http::HeaderName::from_static(SIGNATURE), signature)]);
        RawWebhook { headers, body: body.into() }
    }
}

/// Checks and understands one of our own.
pub(super) fn read(
    secret: &[u8],
    headers: &HeaderMap,
    body: &[u8],
    now: UnixMillis,
) -> Result<WebhookEvent, WebhookError> {
    let header = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    signature::verify(&[secret], header, body, now)?;
    let event: Event = serde_json::from_slice(body)
        .map_err(|error| WebhookError::Malformed { reason: error.to_string() })?;
    let Event { id, about, event, booking, attempt, provider_id, state, reason } = event;
    let reference = Reference { event, booking, attempt };
    let meaning = match about {
        About::Charge => {
            let state = match state {
                State::Succeeded => ChargeState::Succeeded,
                State::Failed => ChargeState::Declined { reason },
                State::UnderWay => ChargeState::Processing,
            };
            WebhookMeaning::Charge { reference, report: ChargeReport { provider_id, state } }
        }
        About::Refund => {
            let state = match state {
                State::Succeeded => RefundState::Succeeded,
                State::Failed => RefundState::Failed { reason },
                State::UnderWay => RefundState::Pending,
            };
            WebhookMeaning::Refund { reference, state }
        }
    };
    Ok(WebhookEvent { id, meaning })
}

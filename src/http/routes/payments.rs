//! What the payment provider comes to say by itself. Believed only with its signature over the raw body.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::actors::{Router, SubmitError};
use crate::domain::booking::PaymentOutcome;
use crate::domain::ids::ReservationId;
use crate::domain::inventory::{Command, Refusal};
use crate::faults;
use crate::http::problem::{Code, Problem};
use crate::http::state::Front;
use crate::http::{body, cache, refusal};
use crate::metrics;
use crate::providers::payment::{
    ChargeState, Reference, RefundState, WebhookError, WebhookEvent, WebhookMeaning,
};

/// What was done with a webhook.
#[derive(Serialize, ToSchema)]
pub struct Heard {
    /// `noted`, `unknown_booking` (well signed, and none of ours) or `ignored`.
    result: &'static str,
}

/// Takes a payment provider's webhook. Repeated and out of order it is harmless.
#[utoipa::path(
    post, path = "/v1/payments/webhook",
    responses(
        (status = 200, body = Heard), (status = 400), (status = 401), (status = 408),
        (status = 413), (status = 503),
    )
)]
pub async fn webhook(
    State(front): State<Arc<Front>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = body::raw_bytes(&front, &headers, body).await?;
    let result = take(&front, &headers, &bytes).await?;
    Ok(cache::json(StatusCode::OK, &Heard { result }))
}

/// The same door for a provider that lives in this process.
///
/// # Errors
/// As the route answers.
pub(in crate::http) async fn take(
    front: &Front,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Result<&'static str, Problem> {
    let (router, desk) = (front.router()?, front.desk()?);
    let event = desk.payments.webhook(headers, bytes, router.now()).map_err(|error| {
        let code = match error {
            WebhookError::Malformed { .. } => Code::InvalidRequest,
            WebhookError::MissingSignature | WebhookError::BadSignature | WebhookError::Stale => {
                Code::BadSignature
            }
        };
        metrics::count_command("payment_webhook", code.as_str());
        Problem::new(code, error.to_string())
    })?;
    let result = note(router, event).await?;
    metrics::count_command("payment_webhook", result);
    Ok(result)
}

async fn note(router: &Router, event: WebhookEvent) -> Result<&'static str, Problem> {
    let (reference, command) = match event.meaning {
        WebhookMeaning::Other => return Ok("ignored"),
        WebhookMeaning::Refund { reference, state: RefundState::Succeeded } => {
            let Some(booking) = booking_of(&reference) else { return Ok("unknown_booking") };
            (reference, Command::Refunded { booking })
        }
        WebhookMeaning::Refund { .. } => return Ok("ignored"),
        WebhookMeaning::Charge { reference, report } => {
            let Some(booking) = booking_of(&reference) else { return Ok("unknown_booking") };
            let outcome = match report.state {
                ChargeState::Succeeded => PaymentOutcome::Succeeded,
                ChargeState::Declined { .. } => PaymentOutcome::Declined,
                ChargeState::Processing => PaymentOutcome::Processing,
            };
            let id = Some(report.provider_id).filter(|id| !id.is_empty());
            let provider_id = id.map(Arc::from);
            (reference, Command::Hear { booking, outcome, provider_id })
        }
    };
    let Some(entry) = router.find(&reference.event) else { return Ok("unknown_booking") };
    faults::crash_at("before_webhook_noted");
    let told = router.submit(&entry, command).await;
    faults::crash_at("after_webhook_noted");
    match told {
        Ok(_) => Ok("noted"),
        Err(SubmitError::Refused(Refusal::NoSuchBooking)) => Ok("unknown_booking"),
        Err(SubmitError::Refused(_)) => Ok("ignored"),
        // The provider sends it again.
        Err(error) => Err(refusal::problem(error, router.now())),
    }
}

fn booking_of(reference: &Reference) -> Option<ReservationId> {
    ReservationId::parse(&reference.booking)
}

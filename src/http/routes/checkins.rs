//! The door: a ticket is redeemed once, however often it is scanned.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{bookings, draft};
use crate::domain::booking::Redeem;
use crate::domain::ids::{EventId, is_printable_name};
use crate::domain::inventory::Command;
use crate::domain::ticket::{CodeError, Unverified};
use crate::http::problem::{Code, FieldErrors, Problem};
use crate::http::state::Front;
use crate::http::{body, cache, views};

/// A scan.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckinDraft {
    /// What the QR says.
    code: String,
    /// Made by the scanner for this scan, 1 to 255 printable characters: its repeat gets the first
    /// answer, anybody else's scan of the same ticket is a conflict.
    nonce: String,
    /// RFC 3339; for scans that were made offline and are told later. Left out: now.
    occurred_at: Option<String>,
}

/// Redeems a ticket.
#[utoipa::path(
    post, path = "/v1/events/{event}/checkins", request_body = CheckinDraft,
    params(("event" = String, Path)),
    responses(
        (status = 200, body = views::Checkin), (status = 400), (status = 404), (status = 408),
        (status = 409), (status = 413), (status = 415), (status = 503),
    )
)]
pub async fn redeem(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (router, entry) = front.event(&event)?;
    let scan: CheckinDraft = body::json(&front, &headers, body).await?;
    let mut errors = FieldErrors::default();
    if !is_printable_name(&scan.nonce) {
        errors.add("nonce", "must have 1 to 255 printable characters");
    }
    let occurred_at = scan.occurred_at.as_deref().map(draft::instant).transpose();
    let occurred_at = errors.check("occurred_at", occurred_at).flatten();
    errors.finish(Some(()))?;
    // What was valid when it was scanned is not refused for being told later.
    let at = occurred_at.unwrap_or_else(|| router.now());
    let ring = &front.desk()?.ring;
    let code = Unverified::read(&scan.code).and_then(|code| code.verify(ring, &entry.id, at));
    let code = code.map_err(|error| bad_ticket(&error, &entry.id))?;
    let ticket = code.ticket;
    let ask = Redeem {
        booking: ticket.reservation,
        ticket: ticket.number,
        nonce: scan.nonce.as_str().into(),
        occurred_at,
    };
    let answer = router.submit(&entry, Command::Redeem(ask)).await;
    let (receipt, _) = bookings::told("redeem", answer, router.now())?;
    Ok(cache::json(StatusCode::OK, &views::Checkin::of(&receipt, &code)))
}

fn bad_ticket(error: &CodeError, event: &EventId) -> Problem {
    let reason = match error {
        CodeError::Malformed => "malformed",
        CodeError::UnknownKey { .. } => "unknown_key",
        CodeError::BadSignature => "bad_signature",
        CodeError::OtherEvent { .. } => "other_event",
        CodeError::NotYetValid { .. } => "not_yet_valid",
        CodeError::Expired { .. } => "expired",
    };
    Problem::new(Code::BadTicket, format!("no ticket of {event}: {error}")).with("reason", reason)
}

//! A challenge for whoever wants to join. Costs us a MAC; solving it is the fan's browser's work.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::Response;
use utoipa::ToSchema;

use super::find;
use crate::http::cache;
use crate::http::problem::{Code, Problem};
use crate::http::state::Front;

/// A challenge in the ALTCHA protocol, version 2: hand it to the widget as it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the library writes")]
pub struct Challenge {
    /// What the work is, and for which event.
    parameters: serde_json::Value,
    /// Over the parameters.
    signature: String,
}

/// A challenge, good for one join of this event.
#[utoipa::path(
    post, path = "/v1/events/{event}/waiting-room/challenge",
    params(("event" = String, Path)),
    responses((status = 200, body = Challenge), (status = 404), (status = 503))
)]
pub async fn make(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
) -> Result<Response, Problem> {
    let found = find(&front, &event)?;
    let joins = found.view.snapshot().joins_per_second;
    let of = (&found.entry.id, found.entry.number);
    let challenge = front.waiting.challenges.issue(of, joins, found.router.now());
    let challenge = challenge.map_err(|error| Problem::new(Code::Internal, error.to_string()))?;
    let mut response = cache::json(StatusCode::OK, &challenge);
    response.headers_mut().insert(CACHE_CONTROL, cache::PRIVATE);
    Ok(response)
}

/// The same, since the ALTCHA widget asks with GET.
#[utoipa::path(
    get, path = "/v1/events/{event}/waiting-room/challenge",
    params(("event" = String, Path)),
    responses((status = 200, body = Challenge), (status = 404), (status = 503))
)]
pub async fn get(state: State<Arc<Front>>, event: Path<String>) -> Result<Response, Problem> {
    make(state, event).await
}

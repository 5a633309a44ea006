//! The room as everybody sees it, and what only its operator sees.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::find;
use crate::actors::EventEntry;
use crate::http::problem::Problem;
use crate::http::state::Front;
use crate::http::views::waiting_room as view;
use crate::http::{cache, views};

/// Sources listed at the most.
const SUSPECTS_MAX: usize = 1_000;

/// How the waiting room is. The same for everybody, and cacheable for a second.
#[utoipa::path(
    get, path = "/v1/events/{event}/waiting-room", params(("event" = String, Path)),
    responses(
        (status = 200, body = views::waiting_room::Room), (status = 304), (status = 404),
        (status = 503),
    )
)]
pub async fn read(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = find(&front, &event)?;
    let (seen, living) = (found.view.snapshot(), found.view.living());
    let body = view::Room::of(&found.entry, &seen, &living);
    let body = serde_json::to_vec(&body).unwrap_or_default();
    let digest = blake3::hash(&body).to_hex();
    let tag = format!("{}.{}", revision_tag(&found.entry, seen.terms.revision), &digest[..16]);
    Ok(cache::public_bytes(&headers, &tag, "application/json", body))
}

/// The part of a tag that changes only with the operator's word, so that `If-Match` takes what any `GET`
/// gave.
pub(super) fn revision_tag(entry: &EventEntry, revision: u64) -> String {
    format!("{}-{revision}", entry.number.0)
}

/// Live figures of an event's waiting room.
#[utoipa::path(
    get, path = "/v1/events/{event}/waiting-room/figures", params(("event" = String, Path)),
    responses((status = 200, body = views::waiting_room::Figures), (status = 404), (status = 503))
)]
pub async fn figures(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
) -> Result<Response, Problem> {
    let found = find(&front, &event)?;
    let (seen, living) = (found.view.snapshot(), found.view.living());
    let streams = front.waiting.streams.open();
    let event = found.entry.id.as_str();
    let body = view::Figures::of(event, &seen, (&found.view, &living), streams);
    let mut response = cache::json(StatusCode::OK, &body);
    response.headers_mut().insert(CACHE_CONTROL, cache::PRIVATE);
    Ok(response)
}

/// Where those join from who count as suspects.
#[utoipa::path(
    get, path = "/v1/events/{event}/waiting-room/suspects", params(("event" = String, Path)),
    responses((status = 200, body = views::waiting_room::Suspects), (status = 404), (status = 503))
)]
pub async fn suspects(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
) -> Result<Response, Problem> {
    let found = find(&front, &event)?;
    let sources = &front.waiting.sources;
    let listed = sources.suspects(found.entry.number, SUSPECTS_MAX).into_iter();
    let body = view::Suspects {
        joined: found.view.snapshot().totals.suspects,
        joins_per_source_max: sources.joins_max().map(std::num::NonZeroU32::get),
        sources: listed
            .map(|(source, joins)| view::SuspectSource { source: source.to_string(), joins })
            .collect(),
    };
    let mut response = cache::json(StatusCode::OK, &body);
    response.headers_mut().insert(CACHE_CONTROL, cache::PRIVATE);
    Ok(response)
}

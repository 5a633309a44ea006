//! Making a waiting room, and changing it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, ETAG, IF_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::room::revision_tag;
use super::terms_draft::RoomChange;
use crate::actors::{EventEntry, RoomAnswer};
use crate::domain::waiting_room::RoomCommand;
use crate::http::gateway::{By, audited};
use crate::http::problem::{Code, Problem};
use crate::http::state::Front;
use crate::http::views::waiting_room as view;
use crate::http::{body, cache, refusal, views};
use crate::metrics;

/// Makes the event's waiting room, or changes it. What is left out stays.
#[utoipa::path(
    patch, path = "/v1/events/{event}/waiting-room", request_body = RoomChange,
    params(
        ("event" = String, Path),
        ("If-Match" = Option<String>, Header, description = "the ETag that was read"),
    ),
    responses(
        (status = 200, body = views::waiting_room::Terms),
        (status = 201, body = views::waiting_room::Terms, description = "the room is new"),
        (status = 400), (status = 404), (status = 408), (status = 409), (status = 412),
        (status = 413), (status = 415), (status = 503),
    )
)]
pub async fn arrange(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    by: By,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (router, entry) = front.event(&event)?;
    let change: RoomChange = body::json(&front, &headers, body).await?;
    if entry.room().is_none() && headers.contains_key(IF_MATCH) {
        let detail = "there is no waiting room yet; make it without If-Match";
        return Err(Problem::new(Code::VersionMismatch, detail));
    }
    let mut ask = change.check(&entry.id)?;
    ask.expected_revision = expected_revision(&headers, &entry);
    let command = RoomCommand::Arrange(Box::new(ask));
    let object = format!("events/{}/waiting-room", entry.id);
    let arranged = audited(&front, &by, "arrange_room", object, async {
        match router.room_submit(&entry, command).await {
            Ok(RoomAnswer::Arranged { terms, is_new, .. }) => Ok((terms, is_new)),
            Ok(_) => Err(Problem::new(Code::Internal, "")),
            Err(error) => Err(refusal::of_room(error)),
        }
    });
    let (terms, is_new) = arranged.await?;
    metrics::count_command("arrange_room", "done");
    // Published before the answer came.
    let view = entry.room().ok_or_else(|| Problem::new(Code::Internal, ""))?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let body = view::Terms::of(entry.id.as_str(), &terms, &view.snapshot());
    let mut response = cache::json(status, &body);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, cache::PRIVATE);
    if let Some(tag) = cache::quoted(&revision_tag(&entry, terms.revision)) {
        headers.insert(ETAG, tag);
    }
    Ok(response)
}

/// The revision that `If-Match` asks for; absent, any.
fn expected_revision(headers: &HeaderMap, entry: &EventEntry) -> Option<u64> {
    headers.contains_key(IF_MATCH).then(|| {
        let revision = entry.room().map(|view| view.snapshot().terms.revision);
        let current = revision.filter(|revision| {
            let tag = revision_tag(entry, *revision);
            // A GET's tag goes on after a dot, with a digest of what changes by itself.
            cache::if_match_by(headers, |given| given.split('.').next() == Some(tag.as_str()))
        });
        // Whatever else was given can only be an older one.
        current.unwrap_or(u64::MAX)
    })
}

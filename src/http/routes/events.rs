//! The catalogue: creating, reading and listing events, and what is left of them.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, ETAG, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::draft::EventDraft;
use crate::actors::{Answer, EventEntry, NewEvent, Published};
use crate::domain::idempotency::{Fingerprint, KeyDigest, RememberedKey};
use crate::domain::ids::{EventId, OrganizerId};
use crate::http::gateway::{By, Caller, audited};
use crate::http::page::Page;
use crate::http::problem::{Code, FieldError, Problem};
use crate::http::state::Front;
use crate::http::{body, cache, refusal, views};
use crate::metrics;

/// The catalogue's tag of an event: its number and revision, so that no two states share it.
pub(super) fn tag(entry: &EventEntry, state: &Published) -> String {
    format!("{}-{}", entry.number.0, state.terms.revision)
}

/// Puts an event on the books.
#[utoipa::path(
    post, path = "/v1/events", request_body = EventDraft,
    params(("Idempotency-Key" = Option<String>, Header, description = "repeat safely, 24 h")),
    responses(
        (status = 201, body = views::Event), (status = 400), (status = 408), (status = 409),
        (status = 413), (status = 415), (status = 422), (status = 503),
    )
)]
pub async fn create(
    State(front): State<Arc<Front>>,
    Extension(caller): Extension<Caller>,
    by: By,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let router = front.router()?;
    let key = body::idempotency_key(&headers, &caller)?;
    let draft: EventDraft = body::json(&front, &headers, body).await?;
    let now = router.now();
    let made = draft.id.is_none().then(|| made_id(key));
    let id = draft.id.as_deref().or(made.as_deref()).unwrap_or_default();
    let organizer = organizer(&caller, draft.organizer.as_deref())?;
    let (terms, capacities) = draft.check(id, front.options.hold, now)?;
    let key = key.map(|digest| {
        // The time of creation is ours, not the request's.
        let meaning = format!("{:?}{:?}{:?}{capacities:?}", terms.name, terms.sale, terms.pools);
        let parts = [terms.id.as_str().as_bytes(), meaning.as_bytes()];
        // Fingerprints from before there were organizers have no part for them.
        let owner = organizer.as_ref().map(|organizer| organizer.as_str().as_bytes());
        RememberedKey { digest, fingerprint: Fingerprint::of(parts.into_iter().chain(owner)) }
    });
    let object = format!("events/{}", terms.id);
    let new = NewEvent { terms, capacities, key, organizer };
    let created = audited(&front, &by, "create_event", object, async {
        match router.create(new).await {
            Ok(Answer::Event { state, replayed }) => Ok((state, replayed)),
            Ok(_) => Err(Problem::new(Code::Internal, "")),
            Err(error) => Err(refusal::problem(error, now)),
        }
    });
    let (state, replayed) = created.await?;
    metrics::count_command("create_event", if replayed { "replayed" } else { "done" });
    let mut response = cache::json(StatusCode::CREATED, &views::Event::of(&state));
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::try_from(format!("/v1/events/{}", state.terms.id)) {
        headers.insert(LOCATION, location);
    }
    if let Some(entry) = router.find(state.terms.id.as_str())
        && let Some(tag) = cache::quoted(&tag(&entry, &state))
    {
        headers.insert(ETAG, tag);
    }
    super::reservations::mark_replayed(headers, replayed);
    Ok(response)
}

/// Whose the new event is: an organizer's own, or whose an operator says.
fn organizer(caller: &Caller, named: Option<&str>) -> Result<Option<OrganizerId>, Problem> {
    let named = named.map(OrganizerId::parse).transpose().map_err(|error| {
        let (field, reason) = ("organizer".to_owned(), error.to_string());
        Problem::invalid(&[FieldError { field, reason }])
    })?;
    match (caller.organizer(), named) {
        (None, named) => Ok(named),
        (Some(own), Some(named)) if named != *own => {
            Err(Problem::new(Code::Forbidden, "organizer: must be absent, or the one of your key"))
        }
        (Some(own), _) => Ok(Some(own.clone())),
    }
}

/// An id for an event without one: the same for a repeated request, random without a key.
fn made_id(key: Option<KeyDigest>) -> String {
    let number = key.map_or_else(rand::random, |key| key.table_hash());
    format!("event-{number:016x}")
}

/// The catalogue, in the order of ids. With the key of an organizer, its shop or its scanner: its own events.
#[utoipa::path(
    get, path = "/v1/events",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 when left out"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, body = views::EventList), (status = 304), (status = 400), (status = 503))
)]
pub async fn list(
    State(front): State<Arc<Front>>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let page = Page::parse(query.as_deref().unwrap_or_default(), |id| EventId::parse(id).ok())?;
    let after = page.cursor.as_ref().map(EventId::as_str);
    let (router, limit) = (front.router()?, page.limit + 1);
    let own = match &caller {
        Caller::Key(key) => key.organizer.as_ref(),
        Caller::Anyone | Caller::Stranger | Caller::Customer(_) => None,
    };
    let mut events = match own {
        None => router.list(after, limit),
        Some(own) => router.list_where(after, limit, |entry| entry.organizer.as_ref() == Some(own)),
    };
    let more = page.limit < events.len();
    events.truncate(page.limit);
    let mut tag = blake3::Hasher::new();
    let states: Vec<_> = events.iter().map(|entry| entry.published()).collect();
    for (entry, state) in events.iter().zip(&states) {
        tag.update(self::tag(entry, state).as_bytes()).update(b" ");
    }
    let items = states.iter().map(|state| views::Event::of(state)).collect();
    let last = events.last().map(|entry| entry.id.to_string());
    let next_cursor = last.filter(|_| more);
    tag.update(if more { b"more" } else { b"last" });
    let tag = tag.finalize().to_hex();
    let list = views::EventList { items, next_cursor };
    let mut response = cache::public(&headers, &tag[..32], &list);
    if own.is_some() {
        // What one organizer sees is not the catalogue.
        response.headers_mut().insert(CACHE_CONTROL, cache::PRIVATE);
    }
    Ok(response)
}

/// One event.
#[utoipa::path(
    get, path = "/v1/events/{event}", params(("event" = String, Path)),
    responses((status = 200, body = views::Event), (status = 304), (status = 404), (status = 503))
)]
pub async fn read(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (_, entry) = front.event(&event)?;
    let state = entry.published();
    Ok(cache::public(&headers, &tag(&entry, &state), &views::Event::of(&state)).into_response())
}

/// What is left, by pool. Read without waking the shard.
#[utoipa::path(
    get, path = "/v1/events/{event}/availability", params(("event" = String, Path)),
    responses(
        (status = 200, body = views::Availability), (status = 304), (status = 404), (status = 503)
    )
)]
pub async fn availability(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (_, entry) = front.event(&event)?;
    let state = entry.published();
    let tag = format!("{}-{}-a", entry.number.0, state.version);
    Ok(cache::public(&headers, &tag, &views::Availability::of(&state)))
}

//! Asking for one's place. Touches no actor and takes no lock: a MAC, what is published, one cell.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::place::Look;
use super::{Found, find};
use crate::actors::{PlaceSeen, PollTurn, RoomAnswer};
use crate::domain::waiting_room::token::Token;
use crate::domain::waiting_room::{RoomCommand, State as FanState};
use crate::http::gateway::Caller;
use crate::http::problem::{Code, Problem};
use crate::http::state::Front;
use crate::http::{cache, refusal, views};

/// My place, the people ahead, the wait, the chance, and my pass when it is my turn.
#[utoipa::path(
    get, path = "/v1/events/{event}/waiting-room/places/me",
    params(
        ("event" = String, Path),
        ("Onsale-Place" = String, Header, description = "the token that joining gave"),
    ),
    responses(
        (status = 200, body = views::waiting_room::Place), (status = 400), (status = 404),
        (status = 410), (status = 429), (status = 503),
    )
)]
pub async fn me(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    at(&front, &event, &caller, &headers).await
}

/// The same, for the door that needs no table of routes.
pub(in crate::http) async fn at(
    front: &Front,
    event: &str,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let found = find(front, event)?;
    let token = found.holder(headers, caller)?;
    let now = found.router.now();
    if let PollTurn::Early { wait_ms } = found.view.poll(token.number, now) {
        return Err(early(wait_ms));
    }
    let seen = found.view.snapshot();
    let place = found.view.place(token.number, &seen, now);
    let place = settle(&found, &token, place).await?;
    // Whoever came back is told of what is published now.
    let seen = if place.state == FanState::Returning { found.view.snapshot() } else { seen };
    let look = Look {
        entry: &found.entry,
        view: &found.view,
        seen: &seen,
        number: token.number,
        fingerprint: token.fingerprint,
        now,
    };
    let told = look.tell(place);
    found.view.expect_poll(token.number, now, u64::from(told.poll_after_ms));
    let mut response = cache::json(StatusCode::OK, &told);
    response.headers_mut().insert(CACHE_CONTROL, cache::PRIVATE);
    Ok(response)
}

pub(super) fn early(wait_ms: u64) -> Problem {
    let detail = "ask again when you were told to";
    Problem::new(Code::RateLimited, detail)
        .with("poll_after_ms", wait_ms)
        .retry_after(wait_ms.div_ceil(1_000).max(1))
}

/// A place that can be told of; one who missed their turn comes back by asking.
pub(super) async fn settle(
    found: &Found<'_>,
    token: &Token,
    place: Option<PlaceSeen>,
) -> Result<PlaceSeen, Problem> {
    let place = place.ok_or_else(|| Problem::new(Code::NotFound, "no such place"))?;
    match place.state {
        FanState::Expired => Err(Problem::new(Code::PlaceExpired, "the place has expired")),
        // Rare, and apart: a poll is small.
        FanState::Skipped => Box::pin(come_back(found, token.number)).await,
        FanState::Waiting
        | FanState::Ready
        | FanState::Used
        | FanState::Returning
        | FanState::Left => Ok(place),
    }
}

async fn come_back(found: &Found<'_>, number: u32) -> Result<PlaceSeen, Problem> {
    let command = RoomCommand::Return { number };
    match found.router.room_submit(&found.entry, command).await {
        Ok(RoomAnswer::Place(place)) => Ok(PlaceSeen { state: place.state, slot: place.slot }),
        Ok(_) => Err(Problem::new(Code::Internal, "")),
        Err(error) => Err(refusal::of_room(error)),
    }
}

//! Taking a place, giving it back, and the pass in its other form.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::place::Look;
use super::{Found, Peer, find, poll, terms_draft};
use crate::actors::{PlaceAnswer, PlaceSeen, RoomAnswer};
use crate::domain::ids::is_printable_name;
use crate::domain::ticket::PassToken;
use crate::domain::waiting_room::token::{Token, Who};
use crate::domain::waiting_room::{Join, RoomCommand, State as FanState};
use crate::http::gateway::Caller;
use crate::http::problem::{Code, FieldErrors, Problem};
use crate::http::state::Front;
use crate::http::waiting_room::{ChallengeError, Source};
use crate::http::{body, cache, refusal, views};
use crate::metrics;

/// Who wants a place: exactly one of `customer` and `device`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceDraft<'a> {
    /// As in the reservation that will be made: 1 to 255 printable characters. A customer who asks with their
    /// token may leave it out.
    #[serde(borrow, default)]
    customer: Option<Cow<'a, str>>,
    /// Of whoever has no name yet: something that stays the same on this device, 1 to 255 printable
    /// characters, which nobody can guess.
    #[serde(borrow, default)]
    device: Option<Cow<'a, str>>,
    /// An invitation.
    #[serde(borrow, default)]
    code: Option<Cow<'a, str>>,
    /// The solved challenge, as the ALTCHA widget gives it.
    #[serde(borrow, default)]
    altcha: Option<Cow<'a, str>>,
}

/// Takes a place. Whoever has one already gets the same again, with 200.
#[utoipa::path(
    post, path = "/v1/events/{event}/waiting-room/places", request_body = PlaceDraft,
    params(("event" = String, Path)),
    responses(
        (status = 201, body = views::waiting_room::Place),
        (status = 200, body = views::waiting_room::Place, description = "the place there was"),
        (status = 400), (status = 403), (status = 404), (status = 408), (status = 409),
        (status = 410), (status = 413), (status = 415), (status = 503),
    )
)]
pub async fn join(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    Extension(peer): Extension<Peer>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    at(&front, &event, (peer, &caller), &headers, body).await
}

/// The same, for the door that needs no table of routes.
pub(in crate::http) async fn at(
    front: &Front,
    event: &str,
    (peer, caller): (Peer, &Caller),
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let found = find(front, event)?;
    let bytes = body::json_bytes(front, headers, body).await?;
    let draft: PlaceDraft<'_> = body::parse(&bytes)?;
    let (who, code) = check(&draft, &found, caller)?;
    let fingerprint = found.view.keys().fingerprint(who);
    if found.view.snapshot().terms.challenge {
        solved(front, &found, draft.altcha.as_deref())?;
    }
    let source = Source::of(peer.0);
    let suspect = front.waiting.sources.is_suspect(found.entry.number, source);
    let command = RoomCommand::Join(Join { fingerprint, code, suspect });
    let answer = found.router.room_submit(&found.entry, command).await;
    let place = told("join_room", answer)?;
    if !place.replayed {
        front.waiting.sources.count(found.entry.number, source);
    }
    render_joined(&found, &place).await
}

async fn render_joined(found: &Found<'_>, place: &PlaceAnswer) -> Result<Response, Problem> {
    let now = found.router.now();
    let (number, fingerprint) = (place.number, place.fingerprint);
    let token = Token { event: found.entry.number, number, fingerprint, at: now };
    let seen = Some(PlaceSeen { state: place.state, slot: place.slot });
    let seen = poll::settle(found, &token, seen).await?;
    let snapshot = found.view.snapshot();
    let look =
        Look { entry: &found.entry, view: &found.view, seen: &snapshot, number, fingerprint, now };
    let mut body = look.tell(seen);
    body.tier = Some(place.tier.as_str());
    body.token = Some(found.view.place_token(number, fingerprint, now));
    let after_ms = u64::from(body.poll_after_ms);
    let status = if place.replayed {
        found.view.expect_poll_too(number, now, after_ms);
        StatusCode::OK
    } else {
        found.view.expect_poll(number, now, after_ms);
        StatusCode::CREATED
    };
    let mut response = cache::json(status, &body);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, cache::PRIVATE);
    let location = format!("/v1/events/{}/waiting-room/places/me", found.entry.id);
    if let Ok(location) = HeaderValue::try_from(location) {
        headers.insert(LOCATION, location);
    }
    Ok(response)
}

fn check<'a>(
    draft: &'a PlaceDraft<'_>,
    found: &Found<'_>,
    caller: &'a Caller,
) -> Result<(Who<'a>, Option<[u8; 16]>), Problem> {
    let mut errors = FieldErrors::default();
    let (who, field, name) = match (draft.customer.as_deref(), draft.device.as_deref()) {
        (Some(_), None) if matches!(caller, Caller::Stranger) => {
            // Who has a place already is told it again, with its token: nobody may ask for another's.
            let detail =
                "customer: name one with their token, or with a shop's key; or send a device";
            return Err(Problem::new(Code::Unauthorized, detail));
        }
        (None, Some(device)) => (Who::Device(device), "device", device),
        (customer, None) if customer.is_some() || caller.customer().is_some() => {
            let customer = caller.act_for(customer)?;
            (Who::Customer(customer), "customer", customer)
        }
        (None | Some(_), None | Some(_)) => {
            errors.add("customer", "send exactly one of customer and device");
            return errors.finish(None);
        }
    };
    if !is_printable_name(name) {
        errors.add(field, "must have 1 to 255 printable characters");
    }
    let code = draft.code.as_deref().map(|code| terms_draft::code(&found.entry.id, code));
    let code = errors.check("code", code.transpose()).flatten();
    errors.finish(Some((who, code)))
}

/// Takes the solution of a challenge, which is used up by it.
fn solved(front: &Front, found: &Found<'_>, altcha: Option<&str>) -> Result<(), Problem> {
    let taken = altcha.ok_or(ChallengeError::Missing).and_then(|payload| {
        front.waiting.challenges.take(&found.entry.id, payload, found.router.now())
    });
    taken.map_err(|error| {
        if error == ChallengeError::Full {
            return Problem::new(Code::Busy, error.to_string());
        }
        let path = format!("/v1/events/{}/waiting-room/challenge", found.entry.id);
        Problem::new(Code::ChallengeFailed, error.to_string())
            .with("reason", error.reason())
            .with("challenge", path)
    })
}

/// Gives the place back, with whatever pass there is.
#[utoipa::path(
    delete, path = "/v1/events/{event}/waiting-room/places/me",
    params(("event" = String, Path), ("Onsale-Place" = String, Header)),
    responses(
        (status = 200, body = views::waiting_room::Place), (status = 400), (status = 404),
        (status = 410), (status = 503),
    )
)]
pub async fn leave(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = find(&front, &event)?;
    let token = found.holder(&headers, &caller)?;
    let in_flight_ms = front.waiting.in_flight_ms;
    let command = RoomCommand::Leave { number: token.number, in_flight_ms };
    let place = match found.router.room_submit(&found.entry, command).await {
        Ok(RoomAnswer::Done) => PlaceSeen { state: FanState::Left, slot: 0 },
        answer => {
            let place = told("leave_room", answer)?;
            PlaceSeen { state: place.state, slot: place.slot }
        }
    };
    let (snapshot, now) = (found.view.snapshot(), found.router.now());
    let look = Look {
        entry: &found.entry,
        view: &found.view,
        seen: &snapshot,
        number: token.number,
        fingerprint: token.fingerprint,
        now,
    };
    let mut response = cache::json(StatusCode::OK, &look.tell(place));
    response.headers_mut().insert(CACHE_CONTROL, cache::PRIVATE);
    Ok(response)
}

/// The pass as a token that a CDN or a shop verifies offline.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct SignedPass {
    /// A JSON Web Token, EdDSA; its keys are at `/v1/events/{event}/keys`.
    token: String,
    expires_at: String,
}

/// My pass as a JSON Web Token, signed with Ed25519. `Onsale-Pass` takes it too.
#[utoipa::path(
    get, path = "/v1/events/{event}/waiting-room/places/me/pass",
    params(("event" = String, Path), ("Onsale-Place" = String, Header)),
    responses(
        (status = 200, body = SignedPass), (status = 400), (status = 404), (status = 409),
        (status = 410), (status = 503),
    )
)]
pub async fn pass(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = find(&front, &event)?;
    let token = found.holder(&headers, &caller)?;
    let Some((_, ends_at)) = found.view.pass_token(token.number, token.fingerprint) else {
        let now = found.router.now();
        let place = found.view.place(token.number, &found.view.snapshot(), now);
        let state = place.map_or(FanState::Expired, |place| place.state);
        if state == FanState::Expired {
            return Err(Problem::new(Code::PlaceExpired, "the place has expired"));
        }
        let detail = format!("no pass now: the place is {}", state.as_str());
        return Err(Problem::new(Code::InvalidState, detail).with("state", state.as_str()));
    };
    let pass = PassToken {
        event: found.entry.id.clone(),
        event_number: found.entry.number,
        number: token.number,
        fingerprint: token.fingerprint,
        until_s: ends_at.0 / 1_000,
    };
    let token = pass.sign(front.desk()?.keys.signing());
    let body = SignedPass { token, expires_at: views::time(ends_at) };
    let mut response = cache::json(StatusCode::OK, &body);
    response.headers_mut().insert(CACHE_CONTROL, cache::PRIVATE);
    Ok(response)
}

fn told(
    command: &'static str,
    answer: Result<RoomAnswer, crate::actors::RoomError>,
) -> Result<PlaceAnswer, Problem> {
    match answer {
        Ok(RoomAnswer::Place(place)) => {
            metrics::count_command(command, if place.replayed { "replayed" } else { "done" });
            Ok(place)
        }
        Ok(_) => Err(Problem::new(Code::Internal, "")),
        Err(error) => {
            let problem = refusal::of_room(error);
            metrics::count_command(command, problem.code().as_str());
            Err(problem)
        }
    }
}

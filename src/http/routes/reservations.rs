//! Reserving, reading and giving back.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::waiting_room::gate;
use crate::actors::{Answer, EventEntry, Router, SubmitError};
use crate::domain::idempotency::{Fingerprint, KeyDigest, RememberedKey};
use crate::domain::ids::{CustomerId, PoolId, ReservationId};
use crate::domain::inventory::{Command, EventTerms, Line, Lines, Receipt, Refusal, Reserve};
use crate::domain::quantity::{LINES_MAX, Quantity};
use crate::domain::time::UnixMillis;
use crate::http::gateway::Caller;
use crate::http::problem::{Code, FieldErrors, Problem};
use crate::http::state::Front;
use crate::http::{body, cache, refusal, views};
use crate::metrics;

/// What somebody wants: all lines or none.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReservationDraft<'a> {
    /// 1 to 255 printable characters. A customer who asks for themselves may leave it out.
    #[serde(borrow, default)]
    customer: Option<Cow<'a, str>>,
    /// 1 to 100 lines, each pool once.
    #[serde(borrow)]
    lines: Vec<LineDraft<'a>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineDraft<'a> {
    #[serde(borrow)]
    pool: Cow<'a, str>,
    /// 1 to 10,000.
    quantity: u32,
}

/// Reserves units. A 201 is durable.
#[utoipa::path(
    post, path = "/v1/events/{event}/reservations", request_body = ReservationDraft,
    params(
        ("event" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "repeat safely, 24 h"),
        ("Onsale-Pass" = Option<String>, Header, description = "of the waiting room, if it asks"),
        ("Onsale-Device" = Option<String>, Header, description = "of a pass given to a device"),
    ),
    responses(
        (status = 201, body = views::Reservation), (status = 400), (status = 403), (status = 404),
        (status = 408), (status = 409), (status = 413), (status = 415), (status = 422),
        (status = 503),
    )
)]
pub async fn reserve(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (router, entry) = front.event(&event)?;
    let key = body::idempotency_key(&headers, &caller)?;
    let bytes = body::json_bytes(&front, &headers, body).await?;
    let draft: ReservationDraft<'_> = body::parse(&bytes)?;
    let customer = caller.act_for(draft.customer.as_deref())?;
    let mut ask = check(customer, &draft.lines, &entry.published().terms, key)?;
    ask.pass = gate::admit(&front, &entry, &headers, customer)?;
    let answer = router.submit(&entry, Command::Reserve(ask)).await;
    let told = told("reserve", answer, router.now());
    let (receipt, replayed) = told.map_err(|problem| gate::point_to_room(problem, &entry))?;
    let mut response = answer_with(StatusCode::CREATED, &receipt);
    let headers = response.headers_mut();
    let location = format!("/v1/events/{}/reservations/{}", receipt.terms.id, receipt.id);
    if let Ok(location) = HeaderValue::try_from(location) {
        headers.insert(LOCATION, location);
    }
    mark_replayed(headers, replayed);
    Ok(response)
}

/// Reads a reservation.
#[utoipa::path(
    get, path = "/v1/events/{event}/reservations/{id}",
    params(("event" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = views::Reservation), (status = 404), (status = 503))
)]
pub async fn read(
    State(front): State<Arc<Front>>,
    Path((event, id)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let (router, entry) = front.event(&event)?;
    let receipt = find(router, &entry, &caller, reservation_id(&id)?).await?;
    Ok(answer_with(StatusCode::OK, &receipt))
}

/// A reservation that the caller may see. Somebody else's and none are the same, in the answer and on the way
/// to it.
pub(super) async fn find(
    router: &Router,
    entry: &EventEntry,
    caller: &Caller,
    id: ReservationId,
) -> Result<Receipt, Problem> {
    let answer = router.read(entry, id).await.and_then(|answer| match answer {
        Answer::Reservation { receipt, .. } if !caller.owns(&receipt.customer) => {
            Err(SubmitError::Refused(Refusal::NoSuchReservation))
        }
        answer => Ok(answer),
    });
    Ok(told("read_reservation", answer, router.now())?.0)
}

/// Gives a reservation back. Repeating it changes nothing and answers the same.
#[utoipa::path(
    delete, path = "/v1/events/{event}/reservations/{id}",
    params(("event" = String, Path), ("id" = String, Path)),
    responses(
        (status = 200, body = views::Reservation), (status = 404), (status = 409), (status = 410),
        (status = 503),
    )
)]
pub async fn release(
    State(front): State<Arc<Front>>,
    Path((event, id)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let (router, entry) = front.event(&event)?;
    let reservation = reservation_id(&id)?;
    if caller.customer().is_some() {
        // Whose it is never changes, so that it may be asked before.
        find(router, &entry, &caller, reservation).await?;
    }
    let command = Command::Release { reservation };
    let (receipt, _) = told("release", router.submit(&entry, command).await, router.now())?;
    Ok(answer_with(StatusCode::OK, &receipt))
}

pub(super) fn mark_replayed(headers: &mut HeaderMap, replayed: bool) {
    if replayed {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
}

fn reservation_id(text: &str) -> Result<ReservationId, Problem> {
    let none = || Problem::new(Code::NotFound, "no such reservation");
    ReservationId::parse(text).ok_or_else(none)
}

fn told(
    command: &'static str,
    answer: Result<Answer, SubmitError>,
    now: UnixMillis,
) -> Result<(Receipt, bool), Problem> {
    match answer {
        Ok(Answer::Reservation { receipt, replayed }) => {
            metrics::count_command(command, if replayed { "replayed" } else { "done" });
            Ok((receipt, replayed))
        }
        Ok(_) => Err(Problem::new(Code::Internal, "")),
        Err(error) => {
            let problem = refusal::problem(error, now);
            metrics::count_command(command, problem.code().as_str());
            Err(problem)
        }
    }
}

fn answer_with(status: StatusCode, receipt: &Receipt) -> Response {
    let mut response = cache::json(status, &views::Reservation::of(receipt));
    response.headers_mut().insert(CACHE_CONTROL, cache::PRIVATE);
    response
}

/// A draft in the words of the domain, or everything that is wrong with it.
pub(super) fn check(
    customer: &str,
    drafts: &[LineDraft<'_>],
    terms: &EventTerms,
    key: Option<KeyDigest>,
) -> Result<Reserve, Problem> {
    let mut errors = FieldErrors::default();
    let customer = CustomerId::parse(customer).map_err(|error| error.to_string());
    let customer = errors.check("customer", customer);
    if drafts.is_empty() || LINES_MAX < drafts.len() {
        errors.add("lines", format!("must have 1 to {LINES_MAX} lines"));
        return errors.finish(None);
    }
    let mut lines: Vec<Line> = Vec::with_capacity(drafts.len());
    let mut unknown = None;
    for (at, draft) in drafts.iter().enumerate() {
        let quantity = Quantity::new(draft.quantity);
        if quantity.is_none() {
            let reason = format!("must be 1 to {}", Quantity::MAX);
            errors.add(format!("lines[{at}].quantity"), reason);
        }
        // The name of a pool that exists needs no look at its characters.
        let Some(pool) = terms.pool_index(&draft.pool) else {
            match PoolId::parse(&draft.pool) {
                Ok(_) => unknown = unknown.or(Some(at)),
                Err(error) => errors.add(format!("lines[{at}].pool"), error.to_string()),
            }
            continue;
        };
        if lines.iter().any(|line| line.pool == pool) {
            errors.add(format!("lines[{at}].pool"), "stands twice");
        }
        if let Some(quantity) = quantity {
            lines.push(Line { pool, quantity });
        }
    }
    let customer = errors.finish(customer)?;
    if let Some(at) = unknown {
        let detail = format!("no such pool: lines[{at}].pool");
        return Err(Problem::new(Code::NotFound, detail));
    }
    let key = key.map(|digest| RememberedKey { digest, fingerprint: meaning(&customer, &lines) });
    let lines: Lines = lines.into_iter().collect();
    Ok(Reserve { customer, lines, key, salt: rand::random(), pass: None })
}

/// What the request asks for, whatever the order of its lines.
fn meaning(customer: &CustomerId, lines: &[Line]) -> Fingerprint {
    let mut lines: Vec<(u16, u32)> =
        lines.iter().map(|line| (line.pool, line.quantity.units())).collect();
    lines.sort_unstable();
    let lines: Vec<u8> = lines
        .iter()
        .flat_map(|(pool, units)| pool.to_le_bytes().into_iter().chain(units.to_le_bytes()))
        .collect();
    Fingerprint::of([customer.as_str().as_bytes(), &lines])
}

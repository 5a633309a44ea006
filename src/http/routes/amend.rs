//! Changing an event: open, pause, close; capacity, limits, texts.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::draft::{self, EventChange};
use super::events::tag;
use crate::actors::{Answer, EventEntry};
use crate::domain::inventory::{Amend, Change, Command, EventTerms, SaleState};
use crate::http::gateway::{By, audited};
use crate::http::problem::{Code, FieldErrors, Problem};
use crate::http::state::Front;
use crate::http::{body, cache, refusal, views};
use crate::metrics;

/// Changes an event.
#[utoipa::path(
    patch, path = "/v1/events/{event}", request_body = EventChange,
    params(
        ("event" = String, Path),
        ("If-Match" = Option<String>, Header, description = "the ETag that was read"),
    ),
    responses(
        (status = 200, body = views::Event), (status = 400), (status = 404), (status = 408),
        (status = 409), (status = 412), (status = 413), (status = 415), (status = 503),
    )
)]
pub async fn amend(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    by: By,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (router, entry) = front.event(&event)?;
    let change: EventChange = body::json(&front, &headers, body).await?;
    let ask = parse(&change, &entry, &headers)?;
    let now = router.now();
    let object = format!("events/{}", entry.id);
    let amended = audited(&front, &by, "amend_event", object, async {
        match router.submit(&entry, Command::Amend(ask)).await {
            Ok(Answer::Event { state, .. }) => Ok(state),
            Ok(_) => Err(Problem::new(Code::Internal, "")),
            Err(error) => Err(refusal::problem(error, now)),
        }
    });
    let state = amended.await?;
    metrics::count_command("amend_event", "done");
    let mut response = cache::json(StatusCode::OK, &views::Event::of(&state));
    if let Some(tag) = cache::quoted(&tag(&entry, &state)) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

fn parse(change: &EventChange, entry: &EventEntry, headers: &HeaderMap) -> Result<Amend, Problem> {
    let state = entry.published();
    let mut errors = FieldErrors::default();
    let mut ask = Amend::default();
    if headers.contains_key(axum::http::header::IF_MATCH) {
        // A tag that is not today's can only be an older one.
        let current = cache::if_match(headers, &tag(entry, &state));
        ask.expected_revision = Some(if current { state.terms.revision } else { 0 });
    }
    if let Some(name) = &change.name {
        ask.name = errors.check("name", draft::name(name));
    }
    ask.starts_at = time(&mut errors, "starts_at", change.starts_at.as_ref());
    ask.venue = match &change.venue {
        None => None,
        Some(None) => Some(Change::Clear),
        Some(Some(venue)) => errors.check("venue", draft::name(venue)).map(Change::To),
    };
    parse_sale(change, &mut errors, &mut ask);
    parse_pools(change, &state.terms, &mut errors, &mut ask)?;
    errors.finish(Some(ask))
}

fn parse_sale(change: &EventChange, errors: &mut FieldErrors, ask: &mut Amend) {
    let sale = &change.sale;
    if let Some(state) = &sale.state {
        let states = [SaleState::Open, SaleState::Paused, SaleState::Closed];
        let found = states.into_iter().find(|known| known.as_str() == state);
        let found = found.ok_or_else(|| "must be open, paused or closed".to_owned());
        ask.state = errors.check("sale.state", found);
    }
    ask.opens_at = time(errors, "sale.opens_at", sale.opens_at.as_ref());
    ask.closes_at = time(errors, "sale.closes_at", sale.closes_at.as_ref());
    if let Some(seconds) = sale.hold_seconds {
        ask.hold = errors.check("sale.hold_seconds", draft::hold_length(seconds));
    }
    if let Some(seconds) = sale.payment_seconds {
        ask.pay_seconds = errors.check("sale.payment_seconds", draft::pay_seconds(seconds));
    }
    if let Some(word) = &sale.late_payment {
        ask.late_payment = errors.check("sale.late_payment", draft::late_payment(word));
    }
    ask.customer_limit = match sale.per_customer_limit {
        None => None,
        Some(None) => Some(Change::Clear),
        Some(Some(limit)) => {
            errors.check("sale.per_customer_limit", draft::customer_limit(limit)).map(Change::To)
        }
    };
}

fn parse_pools(
    change: &EventChange,
    terms: &EventTerms,
    errors: &mut FieldErrors,
    ask: &mut Amend,
) -> Result<(), Problem> {
    let mut seen: Vec<u16> = Vec::new();
    for (at, pool) in change.pools.iter().enumerate() {
        let Some(index) = terms.pool_index(&pool.id) else {
            let detail = format!("no such pool: pools[{at}].id");
            return Err(Problem::new(Code::NotFound, detail));
        };
        if seen.contains(&index) {
            errors.add(format!("pools[{at}].id"), "stands twice");
        }
        seen.push(index);
        if let Some(name) = &pool.name
            && let Some(name) = errors.check(format!("pools[{at}].name"), draft::name(name))
        {
            ask.pool_names.push((index, name));
        }
        if let Some(units) = pool.capacity
            && let Some(units) =
                errors.check(format!("pools[{at}].capacity"), draft::capacity(units))
        {
            ask.capacities.push((index, units));
        }
    }
    Ok(())
}

fn time(
    errors: &mut FieldErrors,
    field: &str,
    change: Option<&Option<String>>,
) -> Option<Change<crate::domain::time::UnixMillis>> {
    match change? {
        None => Some(Change::Clear),
        Some(text) => errors.check(field, draft::instant(text)).map(Change::To),
    }
}

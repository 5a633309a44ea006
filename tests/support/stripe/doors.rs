//! The stand-in's routes: what is done for a request, once for each idempotency key, and what goes wrong.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::requests::{check_headers, check_intent, parse_form, parse_query, text};
use super::{Fault, Form, Intent, Seen, Shared};

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/payment_intents", post(make_intent))
        .route("/v1/payment_intents/search", get(search))
        .route("/v1/payment_intents/{id}", get(read_intent))
        .route("/v1/refunds", post(make_refund).get(list_refunds))
        .with_state(shared)
}

/// What a card does: status and decline code. What follows a hyphen only tells cards apart.
fn fate(token: &str) -> (&'static str, Option<&'static str>) {
    let declined = |code| ("requires_payment_method", Some(code));
    match token.split('-').next().unwrap_or_default() {
        "pm_card_chargeDeclined" | "tok_chargeDeclined" => declined("generic_decline"),
        "pm_card_chargeDeclinedInsufficientFunds" => declined("insufficient_funds"),
        "pm_card_authenticationRequired" => declined("authentication_required"),
        "pm_card_slow" => ("processing", None),
        _ => ("succeeded", None),
    }
}

type Outcome = Result<(u16, Value), String>;

async fn make_intent(state: State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    post_once(&state, "/v1/payment_intents", &headers, &body, |shared, key, form| {
        let token = check_intent(form)?;
        if token.split('-').next().is_some_and(|kind| kind.ends_with("_unknown")) {
            let message = format!("No such PaymentMethod: '{token}'");
            let error = json!({"type": "invalid_request_error", "code": "resource_missing",
                "param": "payment_method", "message": message});
            return Ok((400, json!({"error": error})));
        }
        let amount: u64 = form["amount"].parse().map_err(|_| "amount is no number".to_owned())?;
        let (status, decline_code) = fate(&token);
        let intent = {
            let mut books = shared.books();
            let metadata = ["event", "booking", "attempt"]
                .map(|name| (name.to_owned(), form[&format!("metadata[{name}]")].clone()));
            let intent = Intent {
                id: format!("pi_{}", books.intents.len() + 1),
                token,
                key: key.to_owned(),
                amount,
                currency: form["currency"].clone(),
                status,
                decline_code,
                metadata: metadata.into(),
                refunded: 0,
            };
            books.intents.push(intent.clone());
            intent
        };
        shared.announce(&intent);
        Ok(match decline_code {
            None => (200, intent.to_json()),
            Some(code) => (
                402,
                json!({"error": {"type": "card_error", "code": "card_declined",
                "decline_code": code, "message": "Your card was declined.",
                "payment_intent": intent.to_json()}}),
            ),
        })
    })
    .await
}

async fn make_refund(state: State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    post_once(&state, "/v1/refunds", &headers, &body, |shared, _, form| {
        let names: Vec<&str> = form.keys().map(String::as_str).collect();
        let expected = [
            "amount",
            "metadata[attempt]",
            "metadata[booking]",
            "metadata[event]",
            "payment_intent",
        ];
        if names != expected {
            return Err(format!("a refund has {names:?}"));
        }
        let refused = |code: &str, param: &str| {
            let error = json!({"type": "invalid_request_error", "code": code, "param": param});
            Ok((400, json!({"error": error})))
        };
        let amount: u64 = form["amount"].parse().map_err(|_| "amount is no number".to_owned())?;
        let mut books = shared.books();
        let id = &form["payment_intent"];
        let Some(intent) = books.intents.iter_mut().find(|intent| intent.id == *id) else {
            return refused("resource_missing", "payment_intent");
        };
        if intent.status != "succeeded" {
            return refused("payment_intent_unexpected_state", "payment_intent");
        }
        if intent.refunded == intent.amount {
            return refused("charge_already_refunded", "");
        }
        if intent.amount < intent.refunded + amount {
            return refused("parameter_invalid_integer", "amount");
        }
        let status = match intent.token.split('-').next().unwrap_or_default() {
            "pm_card_refundFail" => "failed",
            "pm_card_pendingRefund" => "pending",
            _ => "succeeded",
        };
        if status != "failed" {
            intent.refunded += amount;
        }
        let (metadata, is_whole) = (intent.metadata.clone(), intent.refunded == intent.amount);
        let currency = intent.currency.clone();
        let number = books.refunds.len() + 1;
        let refund = json!({"id": format!("re_{number}"), "object": "refund", "amount": amount,
            "currency": currency, "status": status, "payment_intent": id, "metadata": metadata,
            "reason": null});
        books.refunds.push(refund.clone());
        drop(books);
        shared.send_event(
            "charge.refunded",
            json!({"id": "ch_1", "object": "charge", "refunded": is_whole, "metadata": metadata}),
        );
        shared.send_event("refund.updated", refund.clone());
        Ok((200, refund))
    })
    .await
}

/// Refunds of one payment, the newest first, as Stripe lists them.
async fn list_refunds(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = check_headers(&shared, &headers, false) {
        return refusal;
    }
    let form = parse_form(query.unwrap_or_default().as_bytes());
    let limit = form.get("limit").map_or(Ok(10), |limit| limit.parse::<usize>());
    let known = form.keys().all(|name| matches!(name.as_str(), "payment_intent" | "limit"));
    let mut books = shared.books();
    let (Some(id), Ok(limit @ 1..=100), true) = (form.get("payment_intent"), limit, known) else {
        books.complaints.push(format!("refunds: {form:?}"));
        return error(400, "invalid_request_error", "parameter_unknown");
    };
    if !books.intents.iter().any(|intent| intent.id == *id) {
        return error(404, "invalid_request_error", "resource_missing");
    }
    let of_it = books.refunds.iter().rev().filter(|refund| refund["payment_intent"] == id.as_str());
    let found: Vec<Value> = of_it.cloned().collect();
    let has_more = limit < found.len();
    let page = &found[..found.len().min(limit)];
    let list = json!({"object": "list", "url": "/v1/refunds", "has_more": has_more, "data": page});
    replayed(200, &list)
}

/// A POST with an idempotency key and what may go wrong with it.
async fn post_once(
    shared: &Arc<Shared>,
    path: &str,
    headers: &HeaderMap,
    body: &Bytes,
    work: impl FnOnce(&Shared, &str, &Form) -> Outcome,
) -> Response {
    if let Some(refusal) = check_headers(shared, headers, true) {
        return refusal;
    }
    let key = text(headers, "idempotency-key");
    let form = parse_form(body);
    let fault = match begin(shared, path, &key, &form) {
        Ok(fault) => fault,
        Err(answer) => return *answer,
    };
    if fault == Some(Fault::HangBefore) {
        shared.books().keys.remove(&key);
        std::future::pending::<()>().await;
    }
    let (status, answer) = match work(shared, &key, &form) {
        Ok(_) if fault == Some(Fault::StoredErrorAfter) => {
            (500, json!({"error": {"type": "api_error"}}))
        }
        Ok(answer) => answer,
        Err(complaint) => {
            let mut books = shared.books();
            books.keys.remove(&key);
            books.complaints.push(format!("{path}: {complaint}"));
            return error(400, "invalid_request_error", "parameter_unknown");
        }
    };
    if let Some(seen) = shared.books().keys.get_mut(&key) {
        seen.answer = Some((status, answer.clone()));
    }
    match fault {
        Some(Fault::HangAfter) => std::future::pending().await,
        Some(Fault::CutAfter) => {
            // A body shorter than announced: the connection ends within it.
            let mut cut = Response::new(axum::body::Body::from("{\"id\":"));
            cut.headers_mut()
                .insert(header::CONTENT_LENGTH, header::HeaderValue::from_static("999"));
            cut
        }
        Some(Fault::GarbageAfter) => (StatusCode::OK, "<html>hello</html>").into_response(),
        Some(Fault::Slow(length)) => {
            tokio::time::sleep(length).await;
            replayed(status, &answer)
        }
        _ => replayed(status, &answer),
    }
}

/// Takes the key, with what shall go wrong, or has an answer without doing anything.
fn begin(
    shared: &Shared,
    path: &str,
    key: &str,
    form: &Form,
) -> Result<Option<Fault>, Box<Response>> {
    let mut books = shared.books();
    *books.posts.entry(path.to_owned()).or_default() += 1;
    match books.keys.get(key) {
        Some(seen) if seen.path != path || seen.form != *form => {
            return Err(Box::new(key_reused()));
        }
        Some(Seen { answer: Some((status, answer)), .. }) => {
            return Err(Box::new(replayed(*status, answer)));
        }
        Some(Seen { answer: None, .. }) => {
            return Err(Box::new(error(409, "invalid_request_error", "idempotency_key_in_use")));
        }
        None => {}
    }
    let names = ["payment_method", "payment_method_data[card][token]"];
    let card = names.iter().find_map(|name| form.get(*name));
    let of_card = card.and_then(|card| books.card_faults.get_mut(card)?.pop_front());
    let fault = of_card.or_else(|| books.faults.pop_front());
    match fault {
        Some(Fault::Status(500)) => {
            let answer = json!({"error": {"type": "api_error"}});
            let seen = Seen {
                path: path.to_owned(),
                form: form.clone(),
                answer: Some((500, answer.clone())),
            };
            books.keys.insert(key.to_owned(), seen);
            return Err(Box::new(replayed(500, &answer)));
        }
        Some(Fault::Status(429)) => {
            let mut answer = error(429, "invalid_request_error", "rate_limit");
            answer.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("7"));
            return Err(Box::new(answer));
        }
        Some(Fault::Status(status)) => {
            return Err(Box::new(error(status, "invalid_request_error", "scripted")));
        }
        Some(Fault::BadGateway) => {
            let page = (StatusCode::BAD_GATEWAY, "<html>bad gateway</html>");
            return Err(Box::new(page.into_response()));
        }
        _ => {}
    }
    let seen = Seen { path: path.to_owned(), form: form.clone(), answer: None };
    books.keys.insert(key.to_owned(), seen);
    Ok(fault)
}

async fn read_intent(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = check_headers(&shared, &headers, false) {
        return refusal;
    }
    let intents = shared.books().intents.clone();
    match intents.iter().find(|intent| intent.id == id) {
        Some(intent) => replayed(200, &intent.to_json()),
        None => error(404, "invalid_request_error", "resource_missing"),
    }
}

async fn search(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = check_headers(&shared, &headers, false) {
        return refusal;
    }
    let form = parse_form(query.unwrap_or_default().as_bytes());
    let wanted = form.get("query").and_then(|query| parse_query(query));
    let Some(wanted) = wanted else {
        shared.books().complaints.push(format!("search: {form:?}"));
        return error(400, "invalid_request_error", "query");
    };
    let (intents, is_blind) = {
        let books = shared.books();
        (books.intents.clone(), books.is_search_blind)
    };
    let found: Vec<Value> = intents
        .iter()
        .filter(|intent| {
            !is_blind && wanted.iter().all(|(name, value)| intent.metadata.get(name) == Some(value))
        })
        .map(Intent::to_json)
        .collect();
    replayed(200, &json!({"object": "search_result", "has_more": false, "data": found}))
}

fn replayed(status: u16, answer: &Value) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, axum::Json(answer.clone())).into_response()
}

pub(super) fn error(status: u16, kind: &str, code: &str) -> Response {
    replayed(status, &json!({"error": {"type": kind, "code": code, "message": code}}))
}

fn key_reused() -> Response {
    error(400, "idempotency_error", "idempotency_key_reused")
}

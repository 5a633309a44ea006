//! The HTTP front: stock `axum::serve`, the engine's request and the engine's answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;

use crate::backend::{Ask, Backend, Outcome};

const HOLD: Duration = Duration::from_secs(600);
const PRICE: Money = Money { amount: 4_500, currency: "EUR" };

#[derive(Deserialize)]
struct NewEvent {
    id: String,
    pools: Vec<NewPool>,
}

#[derive(Deserialize)]
struct NewPool {
    id: String,
    capacity: u64,
}

#[derive(Deserialize)]
struct Draft {
    customer: String,
    lines: Vec<LineDraft>,
}

#[derive(Deserialize)]
struct LineDraft {
    pool: String,
    quantity: u32,
}

#[derive(Serialize, Clone, Copy)]
struct Money {
    amount: u64,
    currency: &'static str,
}

#[derive(Serialize)]
struct Reservation {
    id: String,
    event: String,
    customer: String,
    status: &'static str,
    lines: [Line; 1],
    total: Money,
    created_at: Timestamp,
    expires_at: Timestamp,
}

#[derive(Serialize)]
struct Line {
    pool: String,
    quantity: u32,
    unit_price: Money,
}

struct Failure(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let detail = format!("{:#}", self.0);
        problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", &detail)
    }
}

/// Serves until the process is told to end; prints the ready line.
pub async fn serve<B: Backend>(listen: SocketAddr, backend: B) -> anyhow::Result<()> {
    let routes = Router::new()
        .route("/v1/events", post(create::<B>))
        .route("/v1/events/{event}/reservations", post(reserve::<B>))
        .route("/v1/events/{event}/availability", get(availability::<B>))
        .with_state(Arc::new(backend));
    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, routes).with_graceful_shutdown(end()).await?;
    Ok(())
}

async fn end() {
    drop(tokio::signal::ctrl_c().await);
}

async fn create<B: Backend>(
    State(backend): State<Arc<B>>,
    Json(event): Json<NewEvent>,
) -> Result<Response, Failure> {
    let Some(pool) = event.pools.first() else {
        return Ok(problem(StatusCode::BAD_REQUEST, "invalid_request", "one pool, please"));
    };
    backend.create(&event.id, &pool.id, pool.capacity).await?;
    Ok((StatusCode::CREATED, Json(json!({"id": event.id}))).into_response())
}

async fn reserve<B: Backend>(
    State(backend): State<Arc<B>>,
    Path(event): Path<String>,
    headers: HeaderMap,
    Json(draft): Json<Draft>,
) -> Result<Response, Failure> {
    let mut lines = draft.lines;
    let (Some(line), true) = (lines.pop(), lines.is_empty()) else {
        return Ok(problem(StatusCode::BAD_REQUEST, "invalid_request", "one line, please"));
    };
    let id = format!("{:024x}", rand::random::<u64>());
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let key = key.map_or_else(|| id.clone(), str::to_owned);
    let ask = Ask {
        id,
        event: event.clone(),
        pool: line.pool.clone(),
        customer: draft.customer.clone(),
        quantity: line.quantity,
        key,
    };
    let id = match backend.reserve(ask).await? {
        Outcome::Held(id) => id,
        Outcome::SoldOut => return Ok(problem(StatusCode::CONFLICT, "sold_out", "")),
        Outcome::Busy => return Ok(problem(StatusCode::SERVICE_UNAVAILABLE, "busy", "")),
    };
    let location = format!("/v1/events/{event}/reservations/{id}");
    let now = Timestamp::now();
    let reservation = Reservation {
        id,
        event,
        customer: draft.customer,
        status: "HELD",
        total: Money { amount: PRICE.amount * u64::from(line.quantity), ..PRICE },
        lines: [Line { pool: line.pool, quantity: line.quantity, unit_price: PRICE }],
        created_at: now,
        expires_at: now + HOLD,
    };
    let headers = [(header::LOCATION, location)];
    Ok((StatusCode::CREATED, headers, Json(reservation)).into_response())
}

async fn availability<B: Backend>(
    State(backend): State<Arc<B>>,
    Path(event): Path<String>,
) -> Result<Response, Failure> {
    let counts = backend.counts(&event).await?;
    let pool = json!({
        "capacity": counts.capacity, "available": counts.available, "held": counts.held,
        "sold": 0, "blocked": 0,
    });
    Ok(Json(json!({"pools": [pool]})).into_response())
}

fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    let retry = (status == StatusCode::SERVICE_UNAVAILABLE).then_some([(header::RETRY_AFTER, "1")]);
    (status, retry, Json(json!({"code": code, "detail": detail}))).into_response()
}

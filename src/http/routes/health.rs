//! Whether the server lives, whether it should get traffic, and what it measures.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use crate::http::problem::{Code, Problem};
use crate::http::state::{Front, Phase};

/// The process runs.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = String)))]
pub async fn live() -> &'static str {
    "alive\n"
}

/// The server is recovered, every shard is up, and it is not draining.
#[utoipa::path(get, path = "/readyz", responses((status = 200, body = String), (status = 503)))]
pub async fn ready(State(front): State<Arc<Front>>) -> Response {
    let why = match front.phase() {
        Phase::Recovering => "recovering",
        Phase::Draining => "draining",
        Phase::Ready if front.router().is_ok_and(|router| router.all_up()) => {
            return "ready\n".into_response();
        }
        Phase::Ready => "a shard is down",
    };
    Problem::new(Code::ShardDown, why).into_response()
}

/// Prometheus text.
pub async fn metrics(State(front): State<Arc<Front>>) -> Response {
    let scrape = front.options.scrape.clone();
    match tokio::task::spawn_blocking(move || scrape.render()).await {
        Ok(text) => ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

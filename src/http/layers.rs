//! What happens around every request: its id, its measurement, the form of its errors.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::problem::Problem;
use super::state::Front;
use crate::metrics;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(super) async fn around(
    State(front): State<Arc<Front>>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = request_id(&front, &request);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    front.in_flight.fetch_add(1, Ordering::Relaxed);
    let in_flight = InFlight(&front);
    let mut response = next.run(request).await;
    drop(in_flight);
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        metrics::count_refusals(problem.code().as_str(), 1);
        response = problem.render(&id, response);
    }
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let route = route.as_ref().map(MatchedPath::as_str);
    front.metrics().record(method.as_str(), route, response.status().as_u16(), started.elapsed());
    response
}

/// Counts down also when the client hangs up and the future is dropped.
struct InFlight<'a>(&'a Front);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The caller's id when it is harmless in logs and headers, else our own.
fn request_id(front: &Front, request: &Request) -> String {
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let harmless = |id: &&str| {
        (1..=128).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    given.filter(harmless).map_or_else(|| front.next_request_id(), str::to_owned)
}

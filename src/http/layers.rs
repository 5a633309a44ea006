//! What happens around every request: its id, its measurement, the form of its errors.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::gateway::{self, By, Line};
use super::problem::{Code, Problem};
use super::routes::waiting_room::Peer;
use super::state::Front;
use crate::domain::ids::ReservationId;
use crate::metrics;
use crate::telemetry::TraceContext;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(super) async fn around(
    State(front): State<Arc<Front>>,
    request: Request,
    next: Next,
) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let around =
        Around::begin(&front, request.headers()).look(request.uri(), request.headers(), peer);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let asked =
        gateway::check_query(route.as_ref().map(MatchedPath::as_str), request.uri().query());
    let mut response = match asked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let problem = response.extensions_mut().remove::<Problem>().or_else(|| foreign(&response));
    let answer = match problem {
        Some(problem) => Err((problem, response)),
        None => Ok(response),
    };
    around.end_with(&method, route.as_ref().map(MatchedPath::as_str), answer)
}

/// What the table of routes refuses by itself, in plain text: a path that no decoding makes UTF-8.
fn foreign(response: &Response) -> Option<Problem> {
    let refused = || Problem::new(Code::InvalidRequest, "the path is not valid");
    (response.status() == StatusCode::BAD_REQUEST).then(refused)
}

/// A request under way.
pub(super) struct Around<'a> {
    started: Instant,
    id: String,
    edge: gateway::Request,
    in_flight: InFlight<'a>,
}

impl<'a> Around<'a> {
    pub fn begin(front: &'a Front, headers: &HeaderMap) -> Self {
        front.in_flight.fetch_add(1, Ordering::Relaxed);
        let in_flight = InFlight(front);
        let edge = front.edge.begin(headers);
        Self { started: Instant::now(), id: request_id(front, headers), edge, in_flight }
    }

    /// What the access log may want to tell.
    pub fn look(mut self, uri: &Uri, headers: &HeaderMap, peer: Option<Peer>) -> Self {
        let by = || By::new("development", peer.map(|peer| peer.0));
        self.in_flight.0.edge.look(&mut self.edge, uri, headers, by);
        self
    }

    pub fn end(
        self,
        method: &Method,
        route: Option<&str>,
        answer: Result<Response, Problem>,
    ) -> Response {
        let answer = answer.map_err(|problem| {
            let status = problem.code().status();
            (problem, status.into_response())
        });
        self.end_with(method, route, answer)
    }

    /// A problem comes with a response that has its status and perhaps headers.
    fn end_with(
        self,
        method: &Method,
        route: Option<&str>,
        answer: Result<Response, (Problem, Response)>,
    ) -> Response {
        let front = self.in_flight.0;
        drop(self.in_flight);
        let mut response = answer.unwrap_or_else(|(problem, response)| {
            metrics::count_refusals(problem.code().as_str(), 1);
            problem.render(&self.id, response)
        });
        if let Ok(id) = HeaderValue::try_from(&self.id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        let (status, took) = (response.status().as_u16(), self.started.elapsed());
        let line = Line { method: method.as_str(), route, status, id: &self.id, took };
        if let Some(trace) = front.edge.end(self.edge, &line, &mut response) {
            remember(front, trace, &response);
        }
        front.metrics().record(method.as_str(), route, status, took);
        response
    }
}

/// The purchase that an answer names by its `Location` belongs to this trace, and so will the webhooks that
/// tell of it.
fn remember(front: &Front, trace: TraceContext, response: &Response) {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let id = location.and_then(|location| ReservationId::parse(location.rsplit('/').next()?));
    if let (Some(id), Ok(router)) = (id, front.router()) {
        router.traces().remember(id, trace);
    }
}

/// Counts down also when the client hangs up and the future is dropped.
struct InFlight<'a>(&'a Front);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The caller's id when it is harmless in logs and headers, else our own.
fn request_id(front: &Front, headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let harmless = |id: &&str| {
        (1..=128).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    given.filter(harmless).map_or_else(|| front.next_request_id(), str::to_owned)
}

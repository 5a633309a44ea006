//! What happens around every request: its id, its measurement, the form of its errors.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::gateway::{Asked, Identity, Kind, Told};
use super::problem::Problem;
use super::routes::waiting_room::Peer;
use super::state::Front;
use crate::metrics;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(super) async fn around(
    State(front): State<Arc<Front>>,
    request: Request,
    next: Next,
) -> Response {
    let around = Around::begin(&front, request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    let problem = response.extensions_mut().remove::<Problem>();
    let answer = match problem {
        Some(problem) => Err((problem, response)),
        None => Ok(response),
    };
    around.end_with(&method, route.as_ref().map(MatchedPath::as_str), answer)
}

/// What comes by the table of routes is bounded here; what comes in a rush, at the door.
pub(super) async fn bounded(
    State(front): State<Arc<Front>>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let asked = Asked {
        kind: Kind::of(request.method(), route.as_ref().map(MatchedPath::as_str)),
        event: event_of(request.uri().path()),
        headers: request.headers(),
    };
    // Whoever comes without a peer did not come by a listener.
    let peer = request.extensions().get::<Peer>().map_or(NOWHERE, |peer| peer.0);
    let (admitted, told) = front.bounds.admit(&front, asked, peer, Identity::default());
    let mut response = match admitted {
        Ok(address) => {
            request.extensions_mut().insert(Peer(address));
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    if let Some(told) = told {
        told.write(&mut response);
    }
    response
}

const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

fn event_of(path: &str) -> Option<&str> {
    path.strip_prefix("/v1/events/")?.split('/').next()
}

/// A request under way.
pub(super) struct Around<'a> {
    started: Instant,
    id: String,
    in_flight: InFlight<'a>,
    told: Option<Told>,
}

impl<'a> Around<'a> {
    pub fn begin(front: &'a Front, headers: &HeaderMap) -> Self {
        front.in_flight.fetch_add(1, Ordering::Relaxed);
        let in_flight = InFlight(front);
        Self { started: Instant::now(), id: request_id(front, headers), in_flight, told: None }
    }

    /// For the answer, whatever it will be.
    pub fn tell(&mut self, told: Option<Told>) {
        self.told = told;
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
        if let Ok(id) = HeaderValue::try_from(self.id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        if let Some(told) = self.told {
            told.write(&mut response);
        }
        let status = response.status().as_u16();
        front.metrics().record(method.as_str(), route, status, self.started.elapsed());
        response
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

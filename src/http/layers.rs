//! What happens around every request: its id, its measurement, the form of its errors.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::gateway::{self, Admitted, Asked, By, Line, Told};
use super::problem::{Code, Problem};
use super::routes::waiting_room::Peer;
use super::state::Front;
use crate::domain::ids::ReservationId;
use crate::metrics;
use crate::telemetry::TraceContext;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Of the listener for buyers, shops and organizers: what comes by the table of routes.
pub(super) async fn around(
    State(front): State<Arc<Front>>,
    request: Request,
    next: Next,
) -> Response {
    pass(Around::begin(&front, request.headers()), request, next).await
}

/// Of the listener for operators, where nothing is limited.
pub(super) async fn around_operators(
    State(front): State<Arc<Front>>,
    request: Request,
    next: Next,
) -> Response {
    let around = Around::begin(&front, request.headers());
    pass(Around { is_limited: false, ..around }, request, next).await
}

async fn pass(around: Around<'_>, mut request: Request, next: Next) -> Response {
    // Whoever comes without a peer did not come by a listener.
    let peer = request.extensions().get::<Peer>().map_or(NOWHERE, |peer| peer.0);
    let mut around = around.look(request.uri(), request.headers(), peer);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let template = route.as_ref().map(MatchedPath::as_str);
    let (path, headers) = (request.uri().path(), request.headers());
    let admitted = around.admit(Asked { method: &method, template, path, headers }, peer);
    let admitted = admitted.and_then(|admitted| {
        gateway::check_query(template, request.uri().query()).map(|()| admitted)
    });
    let mut response = match admitted {
        Ok(Admitted { caller, address }) => {
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(Peer(address));
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    let problem = response.extensions_mut().remove::<Problem>().or_else(|| foreign(&response));
    let answer = match problem {
        Some(problem) => Err((problem, response)),
        None => Ok(response),
    };
    around.end_with(&method, template, answer)
}

/// What the table of routes refuses by itself, in plain text: a path that no decoding makes UTF-8.
fn foreign(response: &Response) -> Option<Problem> {
    let refused = || Problem::new(Code::InvalidRequest, "the path is not valid");
    (response.status() == StatusCode::BAD_REQUEST).then(refused)
}

const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// A request under way.
pub(super) struct Around<'a> {
    started: Instant,
    id: String,
    edge: gateway::Request,
    in_flight: InFlight<'a>,
    is_limited: bool,
    told: Option<Told>,
}

impl<'a> Around<'a> {
    pub fn begin(front: &'a Front, headers: &HeaderMap) -> Self {
        front.in_flight.fetch_add(1, Ordering::Relaxed);
        let in_flight = InFlight(front);
        let (edge, id) = (front.edge.begin(headers), request_id(front, headers));
        Self { started: Instant::now(), id, edge, in_flight, is_limited: true, told: None }
    }

    /// What the access log may want to tell.
    pub fn look(mut self, uri: &Uri, headers: &HeaderMap, peer: IpAddr) -> Self {
        let by = || By::new("unknown", Some(peer));
        self.in_flight.0.edge.look(&mut self.edge, uri, headers, by);
        self
    }

    /// Whether the request may go on; the answer tells of its limits either way.
    ///
    /// # Errors
    /// See [`gateway::admit`].
    pub fn admit(&mut self, asked: Asked<'_>, peer: IpAddr) -> Result<Admitted, Problem> {
        let front = self.in_flight.0;
        let admitted = if self.is_limited {
            let (admitted, told) = gateway::admit(front, asked, peer);
            self.told = told;
            admitted
        } else {
            let caller = front.identity().admit(front, asked);
            caller.map(|caller| Admitted { caller, address: peer })
        };
        if let Ok(Admitted { caller, address }) = &admitted {
            self.edge.by(|| By::new(caller.label(), Some(*address)));
        }
        admitted
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
        if let Some(told) = self.told {
            told.write(&mut response);
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

//! What happens around every request: its id, its measurement, the form of its errors.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::gateway::{self, Admitted, Asked, Told};
use super::problem::Problem;
use super::routes::waiting_room::Peer;
use super::state::Front;
use crate::metrics;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Of the listener for buyers, shops and organizers: what comes by the table of routes.
pub(super) async fn around(
    State(front): State<Arc<Front>>,
    request: Request,
    next: Next,
) -> Response {
    pass(&front, request, next, Around::admit).await
}

/// Of the listener for operators, where nothing is limited.
pub(super) async fn around_operators(
    State(front): State<Arc<Front>>,
    request: Request,
    next: Next,
) -> Response {
    let admit = |around: &mut Around<'_>, asked: Asked<'_>, address| {
        let caller = around.in_flight.0.identity().admit(around.in_flight.0, asked)?;
        Ok(Admitted { caller, address })
    };
    pass(&front, request, next, admit).await
}

async fn pass(
    front: &Front,
    mut request: Request,
    next: Next,
    admit: impl FnOnce(&mut Around<'_>, Asked<'_>, IpAddr) -> Result<Admitted, Problem>,
) -> Response {
    let mut around = Around::begin(front, request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let template = route.as_ref().map(MatchedPath::as_str);
    // Whoever comes without a peer did not come by a listener.
    let peer = request.extensions().get::<Peer>().map_or(NOWHERE, |peer| peer.0);
    let (path, headers) = (request.uri().path(), request.headers());
    let asked = Asked { method: &method, template, path, headers };
    let mut response = match admit(&mut around, asked, peer) {
        Ok(Admitted { caller, address }) => {
            request.extensions_mut().insert(caller);
            request.extensions_mut().insert(Peer(address));
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    let problem = response.extensions_mut().remove::<Problem>();
    let answer = match problem {
        Some(problem) => Err((problem, response)),
        None => Ok(response),
    };
    around.end_with(&method, template, answer)
}

const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

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

    /// Whether the request may go on; the answer tells of its limits either way.
    ///
    /// # Errors
    /// See [`gateway::admit`].
    pub fn admit(&mut self, asked: Asked<'_>, peer: IpAddr) -> Result<Admitted, Problem> {
        let (admitted, told) = gateway::admit(self.in_flight.0, asked, peer);
        self.told = told;
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

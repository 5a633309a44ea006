//! The way in: what comes in a rush directly, everything else through the table of routes.
//!
//! A rush consists of three routes: reserve, join, poll. The table would match its path by a tree, keep what matched, and box
//! the handler and each layer around it anew for every request; that costs as much as the reservation.
//! The handler and what happens around it are the same both ways.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Request, Uri};
use axum::response::Response;
use axum::{Extension, Router};
use hyper::body::Incoming;
use tower::ServiceExt;

use super::gateway::{Admitted, Asked};
use super::layers::Around;
use super::routes::reservations;
use super::routes::waiting_room::{Peer, places, poll};
use super::state::Front;

const RESERVE: &str = "/v1/events/{event}/reservations";
const JOIN: &str = "/v1/events/{event}/waiting-room/places";
const POLL: &str = "/v1/events/{event}/waiting-room/places/me";

/// What a listener serves.
pub struct Door {
    routes: Router,
    /// For what comes in a rush; `None`: this listener has none of it.
    direct: Option<Arc<Front>>,
}

/// What a rush consists of, with its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rush<'a> {
    Reserve(&'a str),
    Join(&'a str),
    Poll(&'a str),
}

impl Door {
    pub(super) fn new(routes: Router, direct: Option<Arc<Front>>) -> Self {
        Self { routes, direct }
    }

    /// Whether connections from there are bounded by address.
    pub(super) fn counts_connections(&self, peer: IpAddr) -> bool {
        self.direct.as_ref().is_some_and(|front| front.bounds.counts_connections(peer))
    }

    pub(super) async fn answer(&self, mut request: Request<Incoming>, peer: IpAddr) -> Response {
        if let Some(front) = &self.direct
            && front.edge.is_preflight(request.method(), request.headers())
        {
            let around = Around::begin(front, request.headers());
            let answer = front.edge.preflight(request.headers());
            return around.end(&Method::OPTIONS, None, Ok(answer));
        }
        if let Some(front) = &self.direct
            && let Some(rush) = Rush::of(request.method(), request.uri())
        {
            return match rush {
                Rush::Reserve(event) => {
                    let event = Path(event.to_owned());
                    reserve(front, event, peer, request).await
                }
                Rush::Join(event) => {
                    let event = event.to_owned();
                    // Apart, since each connection keeps room for the largest answer under way.
                    Box::pin(join(front, &event, peer, request)).await
                }
                Rush::Poll(event) => poll(front, event, peer, &request).await,
            };
        }
        request.extensions_mut().insert(Peer(peer));
        let response = self.routes.clone().oneshot(request.map(Body::new)).await;
        response.unwrap_or_else(|never| match never {})
    }
}

async fn reserve(
    front: &Arc<Front>,
    event: Path<String>,
    peer: IpAddr,
    request: Request<Incoming>,
) -> Response {
    let (parts, body) = request.into_parts();
    let mut around = Around::begin(front, &parts.headers).look(&parts.uri, &parts.headers, peer);
    let asked = asked(&Method::POST, RESERVE, parts.uri.path(), &parts.headers);
    let answer = match around.admit(asked, peer) {
        Ok(Admitted { caller, .. }) => {
            let state = State(Arc::clone(front));
            let (caller, body) = (Extension(caller), Body::new(body));
            reservations::reserve(state, event, caller, parts.headers, body).await
        }
        Err(problem) => Err(problem),
    };
    around.end(&Method::POST, Some(RESERVE), answer)
}

async fn join(front: &Front, event: &str, peer: IpAddr, request: Request<Incoming>) -> Response {
    let (parts, body) = request.into_parts();
    let mut around = Around::begin(front, &parts.headers).look(&parts.uri, &parts.headers, peer);
    let asked = asked(&Method::POST, JOIN, parts.uri.path(), &parts.headers);
    let answer = match around.admit(asked, peer) {
        Ok(Admitted { caller, address }) => {
            let who = (Peer(address), &caller);
            places::at(front, event, who, &parts.headers, Body::new(body)).await
        }
        Err(problem) => Err(problem),
    };
    around.end(&Method::POST, Some(JOIN), answer)
}

async fn poll(front: &Front, event: &str, peer: IpAddr, request: &Request<Incoming>) -> Response {
    let (headers, path) = (request.headers(), request.uri().path());
    let mut around = Around::begin(front, headers).look(request.uri(), headers, peer);
    let answer = match around.admit(asked(&Method::GET, POLL, path, headers), peer) {
        Ok(Admitted { caller, .. }) => poll::at(front, event, &caller, headers).await,
        Err(problem) => Err(problem),
    };
    around.end(&Method::GET, Some(POLL), answer)
}

fn asked<'a>(
    method: &'a Method,
    template: &'a str,
    path: &'a str,
    headers: &'a HeaderMap,
) -> Asked<'a> {
    Asked { method, template: Some(template), path, headers }
}

impl<'a> Rush<'a> {
    /// Of a path that is surely the route's: an id's characters need no decoding. With a query it is for the
    /// table, which refuses it.
    fn of(method: &Method, uri: &'a Uri) -> Option<Self> {
        if uri.query().is_some() {
            return None;
        }
        let (event, rest) = uri.path().strip_prefix("/v1/events/")?.split_once('/')?;
        let plain = event.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !plain || event.is_empty() {
            return None;
        }
        match rest {
            "reservations" if method == Method::POST => Some(Self::Reserve(event)),
            "waiting-room/places" if method == Method::POST => Some(Self::Join(event)),
            "waiting-room/places/me" if method == Method::GET => Some(Self::Poll(event)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_surely_of_a_rush_goes_directly() {
        let path = &Uri::from_static("/v1/events/concert-a/reservations");
        assert_eq!(Rush::of(&Method::POST, path), Some(Rush::Reserve("concert-a")));
        assert_eq!(Rush::of(&Method::GET, path), None);
        let path = &Uri::from_static("/v1/events/concert-a/waiting-room/places");
        assert_eq!(Rush::of(&Method::POST, path), Some(Rush::Join("concert-a")));
        assert_eq!(Rush::of(&Method::GET, path), None);
        let path = &Uri::from_static("/v1/events/concert-a/waiting-room/places/me");
        assert_eq!(Rush::of(&Method::GET, path), Some(Rush::Poll("concert-a")));
        assert_eq!(Rush::of(&Method::DELETE, path), None);
        for path in [
            "/v1/events//reservations",
            "/v1/events/a/b/reservations",
            "/v1/events/a%2Fb/reservations",
            "/v1/events/reservations",
            "/v1/events/a/reservations/",
            "/v1/events/a/reservations/bulk",
            "/v1/events/a%2Fb/waiting-room/places",
            "/v1/events/a/reservations?a",
            "/v1/events/waiting-room/places",
            "/v1/events/a/waiting-room/places/",
        ] {
            assert_eq!(Rush::of(&Method::POST, &Uri::from_static(path)), None, "{path}");
        }
    }
}

//! The way in: reservations directly, everything else through the table of routes.
//!
//! A rush consists of one route. The table would match its path by a tree, keep what matched, and box
//! the handler and each layer around it anew for every request; that costs as much as the reservation.
//! The handler and what happens around it are the same both ways.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Method, Request};
use axum::response::Response;
use hyper::body::Incoming;
use tower::ServiceExt;

use super::layers::Around;
use super::routes::reservations;
use super::state::Front;

const RESERVE: &str = "/v1/events/{event}/reservations";

/// What a listener serves.
pub struct Door {
    routes: Router,
    /// For reservations; `None`: this listener has none.
    direct: Option<Arc<Front>>,
}

impl Door {
    pub(super) fn new(routes: Router, direct: Option<Arc<Front>>) -> Self {
        Self { routes, direct }
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response {
        if let Some(front) = &self.direct
            && let Some(event) = reserved_event(request.method(), request.uri().path())
        {
            let event = Path(event.to_owned());
            return reserve(front, event, request).await;
        }
        let response = self.routes.clone().oneshot(request.map(Body::new)).await;
        response.unwrap_or_else(|never| match never {})
    }
}

async fn reserve(front: &Arc<Front>, event: Path<String>, request: Request<Incoming>) -> Response {
    let (parts, body) = request.into_parts();
    let around = Around::begin(front, &parts.headers);
    let state = State(Arc::clone(front));
    let answer = reservations::reserve(state, event, parts.headers, Body::new(body)).await;
    around.end(&Method::POST, Some(RESERVE), answer)
}

/// The event of a path that is surely the route's: an id's characters need no decoding.
fn reserved_event<'a>(method: &Method, path: &'a str) -> Option<&'a str> {
    let event = path.strip_prefix("/v1/events/")?.strip_suffix("/reservations")?;
    let plain = event.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (method == Method::POST && plain && !event.is_empty()).then_some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_surely_a_reservation_goes_directly() {
        let path = "/v1/events/concert-a/reservations";
        assert_eq!(reserved_event(&Method::POST, path), Some("concert-a"));
        assert_eq!(reserved_event(&Method::GET, path), None);
        for path in [
            "/v1/events//reservations",
            "/v1/events/a/b/reservations",
            "/v1/events/a%2Fb/reservations",
            "/v1/events/reservations",
            "/v1/events/a/reservations/",
            "/v1/events/a/reservations/bulk",
        ] {
            assert_eq!(reserved_event(&Method::POST, path), None, "{path}");
        }
    }
}

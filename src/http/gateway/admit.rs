//! The way of a request to its handler: everything that is decided before its body.

use std::net::IpAddr;

use axum::http::{HeaderMap, Method};

use super::Caller;
use super::class::Kind;
use super::limits::Told;
use crate::domain::limits::Class;
use crate::http::problem::Problem;
use crate::http::routes::waiting_room::gate;
use crate::http::state::Front;

/// What is known of a request before its body.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    pub method: &'a Method,
    /// Of the route that matched.
    pub template: Option<&'a str>,
    pub path: &'a str,
    pub headers: &'a HeaderMap,
}

/// A request that may go on.
pub struct Admitted {
    pub caller: Caller,
    /// The client, however many proxies of ours are between.
    pub address: IpAddr,
}

/// Whether a request may go on; and what its answer tells of limits, either way.
///
/// # Errors
/// 503 `busy`, 401, 403, 404 of an event that is not theirs, 429 `rate_limited`. Guessing credentials is limited
/// as everything is that comes from one address.
pub fn admit(
    front: &Front,
    asked: Asked<'_>,
    peer: IpAddr,
) -> (Result<Admitted, Problem>, Option<Told>) {
    let client = match front.bounds.enter(front, asked, peer) {
        Ok(client) => client,
        Err(busy) => return (Err(busy), None),
    };
    let found = front.identity().admit(front, asked);
    let caller = found.as_ref().unwrap_or(&Caller::Stranger);
    let (checked, told) = front.bounds.check(front, asked, client, caller);
    let admitted = checked.and(found).map(|caller| Admitted { caller, address: client.address });
    (admitted, told)
}

impl<'a> Asked<'a> {
    pub fn kind(self) -> Kind {
        Kind::of(self.method, self.template)
    }

    /// The event that the path names. One whose name would first have to be decoded is none: ids need no encoding.
    pub fn event(self) -> Option<&'a str> {
        self.path.strip_prefix("/v1/events/")?.split('/').next()
    }

    /// Whether a pass of the event's waiting room comes along that was given out. Whose it is, and whether it was
    /// used, is decided later.
    pub fn has_pass(self, front: &Front) -> bool {
        self.header("onsale-pass").is_some_and(|pass| gate::is_pass(front, self.event(), pass))
    }

    /// Whether somebody asks for a place that they have.
    pub fn has_place(self, front: &Front, class: Class) -> bool {
        let place = self.header("onsale-place").filter(|_| class == Class::Poll);
        place.is_some_and(|place| gate::is_place(front, self.event(), place))
    }

    fn header(self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }
}

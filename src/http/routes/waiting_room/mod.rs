//! The waiting room: the line in front of an event.
//!
//! | method and path below `/v1/events/{event}/waiting-room` | handler |
//! |---|---|
//! | `GET`, `PATCH` (none) | `room::read`, `terms::arrange` |
//! | `GET`, `POST /challenge` | `challenge` |
//! | `POST /places` | `places::join` |
//! | `GET`, `DELETE /places/me` | `poll::me`, `places::leave` |
//! | `GET /places/me/stream`, `/pass`, `/proof` | `stream::me`, `places::pass`, `draw::proof` |
//! | `GET /draw`, `/draw/entries` | `draw::read`, `draw::entries` |
//!
//! Only joining, leaving and coming back ask the room's host; everything else reads what is published.

pub(in crate::http) mod challenge;
pub(in crate::http) mod draw;
pub(in crate::http) mod gate;
pub(in crate::http) mod place;
pub(in crate::http) mod places;
pub(in crate::http) mod poll;
pub(in crate::http) mod room;
pub(in crate::http) mod stream;
pub(in crate::http) mod terms;
mod terms_draft;

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::HeaderMap;

use crate::actors::{EventEntry, RoomView, Router};
use crate::domain::waiting_room::token::{Token, Who};
use crate::faults;
use crate::http::gateway::Caller;
use crate::http::problem::{Code, FieldError, Problem};
use crate::http::state::Front;

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Peer(pub IpAddr);

/// The header that carries a fan's token. Never a URL: those are logged and shared.
const PLACE: &str = "Onsale-Place";

/// An event with a waiting room.
struct Found<'a> {
    router: &'a Arc<Router>,
    entry: Arc<EventEntry>,
    view: Arc<RoomView>,
}

fn find<'a>(front: &'a Front, event: &str) -> Result<Found<'a>, Problem> {
    let (router, entry) = front.event(event)?;
    let none = || Problem::new(Code::NotFound, "this event has no waiting room");
    let view = Arc::clone(entry.room().ok_or_else(none)?);
    Ok(Found { router, entry, view })
}

impl Found<'_> {
    fn belongs(&self, token: &Token, headers: &HeaderMap, caller: &Caller) -> bool {
        let Some(customer) = caller.customer() else { return true };
        let is_of = |who| self.view.keys().fingerprint(who) == token.fingerprint;
        let device = headers.get(gate::DEVICE).and_then(|device| device.to_str().ok());
        is_of(Who::Customer(customer.as_str()))
            || device.is_some_and(|device| is_of(Who::Device(device)))
            || faults::planted("show_to_anybody")
    }

    /// The fan whose token came along. A customer's own, or that of the device they came with; somebody
    /// else's is no place.
    fn holder(&self, headers: &HeaderMap, caller: &Caller) -> Result<Token, Problem> {
        let mut given = headers.get_all(PLACE).iter();
        let (Some(text), None) = (given.next(), given.next()) else {
            let reason = "must be sent once, with the token that joining gave".to_owned();
            return Err(Problem::invalid(&[FieldError { field: PLACE.to_owned(), reason }]));
        };
        let token = text.to_str().ok().and_then(|text| self.view.open_place(text).ok());
        let token = token.filter(|token| self.belongs(token, headers, caller));
        // Whether it was forged, cut or another event's is for nobody to learn.
        token.ok_or_else(|| Problem::new(Code::NotFound, "no such place"))
    }
}

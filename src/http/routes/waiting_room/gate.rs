//! The gate: reservations of an event whose waiting room asks for passes need one.

use std::sync::Arc;

use axum::http::HeaderMap;

use crate::actors::{EventEntry, Gate, PassError, RoomView};
use crate::domain::inventory::Pass;
use crate::domain::ticket::PassToken;
use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::token::{Token, Who};
use crate::http::problem::{Code, Problem};
use crate::http::state::Front;

/// The pass, in the fast form or as an Ed25519 token.
const PASS: &str = "Onsale-Pass";
/// Of those who joined without a name: the device that they joined with.
pub(super) const DEVICE: &str = "Onsale-Device";

/// The pass of a single reservation; `None` when none is needed.
pub(in crate::http) fn admit(
    front: &Front,
    entry: &Arc<EventEntry>,
    headers: &HeaderMap,
    customer: &str,
) -> Result<Option<Pass>, Problem> {
    let Gate::NeedsPass(view) = entry.gate() else { return Ok(None) };
    let mut given = headers.get_all(PASS).iter();
    let (Some(text), None) = (given.next(), given.next()) else {
        return Err(missing(entry));
    };
    let device = headers.get(DEVICE).and_then(|device| device.to_str().ok());
    let who = device.map_or(Who::Customer(customer), Who::Device);
    // What is no ASCII is no pass either.
    check(front, entry, &view, text.to_str().unwrap_or_default(), who).map(Some)
}

/// The pass of a line of many.
pub(in crate::http) fn admit_line(
    front: &Front,
    entry: &Arc<EventEntry>,
    pass: Option<&str>,
    customer: &str,
) -> Result<Option<Pass>, Problem> {
    let Gate::NeedsPass(view) = entry.gate() else { return Ok(None) };
    let text = pass.ok_or_else(|| missing(entry))?;
    check(front, entry, &view, text, Who::Customer(customer)).map(Some)
}

/// Whether somebody comes with a pass that was given out, whoever they are. Costs a MAC; a signature is only
/// looked at when its number and end are those of a pass that is out.
pub(in crate::http) fn is_pass(front: &Front, event: Option<&str>, text: &str) -> bool {
    let Some((_, entry)) = event.and_then(|event| front.event(event).ok()) else { return false };
    let Some(view) = entry.room() else { return false };
    if !PassToken::is_meant_by(text) {
        return view.is_pass(text);
    }
    let ends_at = |token: &PassToken| UnixMillis(token.until_s.saturating_mul(1_000));
    PassToken::claimed(text)
        .is_some_and(|token| token.event == entry.id && view.is_out(token.number, ends_at(&token)))
        && front.desk().is_ok_and(|desk| PassToken::verify(text, &desk.ring).is_some())
}

/// Whether somebody comes with the token of a place.
pub(in crate::http) fn is_place(front: &Front, event: Option<&str>, text: &str) -> bool {
    let Some((_, entry)) = event.and_then(|event| front.event(event).ok()) else { return false };
    entry.room().is_some_and(|view| view.open_place(text).is_ok())
}

/// Says where to queue, in every answer that turns somebody away.
pub(in crate::http) fn point_to_room(problem: Problem, entry: &EventEntry) -> Problem {
    if problem.code() == Code::NotAdmitted || problem.code() == Code::PassUsed {
        problem.with("waiting_room", format!("/v1/events/{}/waiting-room/places", entry.id))
    } else {
        problem
    }
}

fn check(
    front: &Front,
    entry: &EventEntry,
    view: &RoomView,
    text: &str,
    who: Who<'_>,
) -> Result<Pass, Problem> {
    let pass = if PassToken::is_meant_by(text) {
        match PassToken::verify(text, &front.desk()?.ring) {
            Some(token) if token.event == entry.id => view.admit(&told_by(&token), who),
            Some(_) => Err(PassError::OtherEvent),
            None => Err(PassError::Invalid),
        }
    } else {
        view.check_pass(text, who)
    };
    pass.map_err(|error| refused(entry, error.to_string(), error.reason()))
}

fn told_by(token: &PassToken) -> Token {
    Token {
        event: token.event_number,
        number: token.number,
        fingerprint: token.fingerprint,
        at: UnixMillis(token.until_s.saturating_mul(1_000)),
    }
}

fn missing(entry: &EventEntry) -> Problem {
    let detail = format!("send `{PASS}` with a pass of this event's waiting room, once");
    refused(entry, detail, "missing")
}

fn refused(entry: &EventEntry, detail: String, reason: &str) -> Problem {
    point_to_room(Problem::new(Code::NotAdmitted, detail).with("reason", reason), entry)
}

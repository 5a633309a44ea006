//! The draw as anybody can check it: what was promised before the doors, what was sealed at them, every
//! entry with its place, and for each fan how their entry stands in the sealed root. The two answers, one
//! after the other in a file, are what `onsale verify-draw` reads.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use hyper::body::Frame;
use serde_json::json;

use super::{Found, find};
use crate::actors::{OpenDraw, RoomSnapshot};
use crate::domain::waiting_room::Method;
use crate::domain::waiting_room::draw::proof::{FORMAT, Head};
use crate::domain::waiting_room::draw::{self, Method as Order};
use crate::http::cache::Life;
use crate::http::gateway::Caller;
use crate::http::problem::{Code, Problem};
use crate::http::state::Front;
use crate::http::views::waiting_room as view;
use crate::http::waiting_room::Book;
use crate::http::{cache, refusal, views};

/// Bytes of one piece of the entries.
const PIECE: usize = 32 << 10;

/// The proof of the draw, one line of JSON; before the doors, what is promised.
#[utoipa::path(
    get, path = "/v1/events/{event}/waiting-room/draw", params(("event" = String, Path)),
    responses(
        (status = 200, content_type = "application/json",
            description = "The head of docs/waiting-room-draw.md; `secret`, `root` and `seed` are null before the seal."),
        (status = 304), (status = 404), (status = 409), (status = 503),
    )
)]
pub async fn read(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = find(&front, &event)?;
    let seen = found.view.snapshot();
    let mut line = match seen.draw.as_deref() {
        Some(open) => {
            let method = order(open.sealed.method)?;
            let book = book(&front, &found, open).await?;
            head(&found, &seen, open, method, &book).to_json()
        }
        None => promised(&found, &seen, order(seen.terms.method)?),
    };
    line.push('\n');
    let tag = cache::digest(line.as_bytes());
    Ok(cache::public_bytes(&headers, &tag, "application/json", line))
}

/// Every entry with its place, a line each: `NUMBER TIER FINGERPRINT PLACE`, in order of numbers.
#[utoipa::path(
    get, path = "/v1/events/{event}/waiting-room/draw/entries", params(("event" = String, Path)),
    responses(
        (status = 200, content_type = "text/plain"), (status = 304), (status = 404), (status = 409),
        (status = 503),
    )
)]
pub async fn entries(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = find(&front, &event)?;
    let seen = found.view.snapshot();
    let open = sealed(&seen)?;
    order(open.sealed.method)?;
    // The seal fixes every entry and its place, and is the only one that the event ever has.
    let tag = hex::encode(&open.sealed.root[..16]);
    let book = book(&front, &found, open).await?;
    Ok(cache::public_as(&headers, &tag, Life::Minute, || {
        cache::typed("text/plain; charset=utf-8", Body::new(Written { book, next: 0 }))
    }))
}

/// How my entry stands in the sealed root.
#[utoipa::path(
    get, path = "/v1/events/{event}/waiting-room/places/me/proof",
    params(("event" = String, Path), ("Onsale-Place" = String, Header)),
    responses(
        (status = 200, body = views::waiting_room::Proof), (status = 400), (status = 404),
        (status = 409), (status = 503),
    )
)]
pub async fn proof(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = find(&front, &event)?;
    let token = found.holder(&headers, &caller)?;
    let seen = found.view.snapshot();
    let open = sealed(&seen)?;
    order(open.sealed.method)?;
    let book = book(&front, &found, open).await?;
    let later = || {
        let detail = "you came after the doors, or left before: you are not in the draw";
        Problem::new(Code::InvalidState, detail).with("state", "not_an_entrant")
    };
    let index = book.index_of(token.number).ok_or_else(later)?;
    let path = book.path(index).ok_or_else(later)?;
    let placed = book.placed(index);
    let body = view::Proof {
        number: placed.entry.number,
        tier: placed.entry.tier,
        fingerprint: format!("{:016x}", placed.entry.fingerprint),
        place: placed.place,
        index: index as u64,
        count: book.len() as u64,
        root: hex::encode(open.sealed.root),
        path: path.iter().map(hex::encode).collect(),
    };
    let mut response = cache::json(StatusCode::OK, &body);
    response.headers_mut().insert(CACHE_CONTROL, cache::PRIVATE);
    Ok(response)
}

fn sealed(seen: &RoomSnapshot) -> Result<&OpenDraw, Problem> {
    let shut = || {
        let detail = "the doors have not opened yet: nothing is sealed";
        Problem::new(Code::InvalidState, detail).with("state", view::phase(seen))
    };
    seen.draw.as_deref().ok_or_else(shut)
}

/// How entrants were put in order, if there is anything to prove about it.
fn order(method: Method) -> Result<Order, Problem> {
    match method {
        Method::Draw => Ok(Order::Draw),
        Method::Fifo => Ok(Order::Fifo),
        Method::Random | Method::Passthrough | Method::Reject => {
            let detail = format!("the method {} settles no order before", method.as_str());
            Err(Problem::new(Code::InvalidState, detail).with("state", method.as_str()))
        }
    }
}

async fn book(front: &Front, found: &Found<'_>, open: &OpenDraw) -> Result<Arc<Book>, Problem> {
    let book = front.waiting.books.of(found.router, &found.entry, &open.sealed).await;
    book.map_err(refusal::of_room)
}

fn head(
    found: &Found<'_>,
    seen: &RoomSnapshot,
    open: &OpenDraw,
    method: Order,
    book: &Book,
) -> Head {
    let (sealed, secret) = (&open.sealed, open.secret);
    let (beacon, count) = (sealed.beacon.as_deref(), u64::from(sealed.count));
    Head {
        event: found.entry.id.clone(),
        method,
        commitment: draw::commitment(&secret),
        beacon_announced: seen.terms.beacon.as_deref().map(str::to_owned),
        beacon: beacon.map(str::to_owned),
        count,
        tiers: book.tiers(),
        root: sealed.root,
        secret,
        seed: draw::seed(&secret, beacon, &sealed.root, count),
    }
}

/// The head while there is no draw yet: the commitment, and the rest null.
fn promised(found: &Found<'_>, seen: &RoomSnapshot, method: Order) -> String {
    let head = json!({
        "format": FORMAT,
        "event": found.entry.id.as_str(),
        "method": method.word(),
        "commitment": hex::encode(seen.commitment),
        "beacon_announced": seen.terms.beacon.as_deref(),
        "beacon": seen.terms.beacon_value.as_deref(),
        "count": null,
        "tiers": null,
        "root": null,
        "secret": null,
        "seed": null,
    });
    head.to_string()
}

/// Entries as lines, written when the reader wants them.
struct Written {
    book: Arc<Book>,
    next: usize,
}

impl hyper::body::Body for Written {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.book.len() <= self.next {
            return Poll::Ready(None);
        }
        let mut piece = BytesMut::with_capacity(PIECE + 64);
        while piece.len() < PIECE && self.next < self.book.len() {
            piece.put_slice(self.book.placed(self.next).to_string().as_bytes());
            piece.put_u8(b'\n');
            self.next += 1;
        }
        Poll::Ready(Some(Ok(Frame::data(piece.freeze()))))
    }
}

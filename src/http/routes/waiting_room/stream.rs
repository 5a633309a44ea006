//! A place as it changes, pushed as server-sent events to those near the front. A stream is a body that its
//! task asks once a second: no channel, no buffer of its own.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, UNIX_EPOCH};

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, DATE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use hyper::body::Frame;
use tokio::time::{Instant, Sleep};

use super::place::Look;
use super::{find, poll};
use crate::actors::{EventEntry, PlaceSeen, RoomView};
use crate::domain::waiting_room::State as FanState;
use crate::domain::waiting_room::token::Token;
use crate::http::gateway::Caller;
use crate::http::held::StaysOpen;
use crate::http::problem::{Code, Problem};
use crate::http::state::{Front, Phase};
use crate::http::waiting_room::Held;
use crate::http::{cache, views};

/// Who waits for longer than this polls. Unit: seconds.
const NEAR_S: u32 = 120;
/// Between two looks at the place.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A comment after so much silence, so that proxies keep the connection.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// Longest life of a stream; the client asks again.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// What a stream that was cut off may do at once. Unit: milliseconds.
const NEXT_POLL_MS: u64 = 1_000;

/// My place, each second in which it changed, and my pass when it is my turn; then the stream ends.
#[utoipa::path(
    get, path = "/v1/events/{event}/waiting-room/places/me/stream",
    params(("event" = String, Path), ("Onsale-Place" = String, Header)),
    responses(
        (status = 200, content_type = "text/event-stream",
            description = "Events named `place` and `admitted`; `data` is the place."),
        (status = 400), (status = 404), (status = 409), (status = 410), (status = 503),
    )
)]
pub async fn me(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = find(&front, &event)?;
    let token = found.holder(&headers, &caller)?;
    let now = found.router.now();
    let seen = found.view.snapshot();
    let place = found.view.place(token.number, &seen, now);
    let place = poll::settle(&found, &token, place).await?;
    let look = Look {
        entry: &found.entry,
        view: &found.view,
        seen: &seen,
        number: token.number,
        fingerprint: token.fingerprint,
        now,
    };
    let far = |state: &str| {
        let told = look.tell(place);
        found.view.expect_poll(token.number, now, u64::from(told.poll_after_ms));
        Problem::new(Code::InvalidState, "poll instead of holding a stream")
            .with("state", state)
            .with("poll_after_ms", told.poll_after_ms)
    };
    let near = match place.state {
        FanState::Ready | FanState::Returning => true,
        FanState::Waiting => look.ahead(place).eta.is_some_and(|eta| eta.mid < NEAR_S),
        FanState::Used | FanState::Skipped | FanState::Left | FanState::Expired => false,
    };
    if !near {
        return Err(far("not_near"));
    }
    let held = front.waiting.streams.hold(found.entry.number, token.number);
    let held = held.ok_or_else(|| far("streams_taken"))?;
    let pushed = Pushed {
        entry: Arc::clone(&found.entry),
        view: Arc::clone(&found.view),
        front: Arc::clone(&front),
        token,
        told: None,
        began: Instant::now(),
        told_at: Instant::now(),
        // The first look is now.
        next: Box::pin(tokio::time::sleep(Duration::ZERO)),
        ended: false,
        _held: held,
    };
    let mut response = Response::new(Body::new(pushed));
    response.extensions_mut().insert(StaysOpen);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, cache::PRIVATE);
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(now.0));
    if let Ok(date) = HeaderValue::try_from(date) {
        headers.insert(DATE, date);
    }
    Ok(response)
}

/// What tells one look from the next; the time of it does not.
type Told = (&'static str, Option<u32>, Option<u32>, Option<u32>);

/// A stream. Whoever drops it, the reader or the server, ends it.
struct Pushed {
    entry: Arc<EventEntry>,
    view: Arc<RoomView>,
    front: Arc<Front>,
    token: Token,
    told: Option<Told>,
    began: Instant,
    told_at: Instant,
    next: Pin<Box<Sleep>>,
    ended: bool,
    _held: Held,
}

impl Pushed {
    /// What there is to say now.
    fn look(&mut self) -> Option<Bytes> {
        let Ok(router) = self.front.router() else {
            self.ended = true;
            return None;
        };
        let now = router.now();
        let seen = self.view.snapshot();
        let place = self.view.place(self.token.number, &seen, now);
        let place = place.unwrap_or(PlaceSeen { state: FanState::Expired, slot: 0 });
        self.view.expect_poll(self.token.number, now, NEXT_POLL_MS);
        let waits = matches!(place.state, FanState::Waiting | FanState::Returning);
        let over = self.front.phase() == Phase::Draining || LONGEST < self.began.elapsed();
        self.ended = !waits || over;
        let look = Look {
            entry: &self.entry,
            view: &self.view,
            seen: &seen,
            number: self.token.number,
            fingerprint: self.token.fingerprint,
            now,
        };
        let told = look.tell(place);
        let wait = told.expected_wait_seconds.as_ref().map(|wait| wait.mid);
        let essence = (told.status, told.place, told.ahead, wait);
        if self.told == Some(essence) {
            let silent = COMMENT_EVERY <= self.told_at.elapsed();
            return silent.then(|| self.say(Bytes::from_static(b": still waiting\n\n")));
        }
        self.told = Some(essence);
        let name = if told.pass.is_some() { "admitted" } else { "place" };
        let written = written(name, &told);
        Some(self.say(written))
    }

    fn say(&mut self, piece: Bytes) -> Bytes {
        self.told_at = Instant::now();
        piece
    }
}

impl hyper::body::Body for Pushed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        loop {
            if this.ended {
                return Poll::Ready(None);
            }
            if this.next.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            this.next.as_mut().reset(Instant::now() + LOOK_EVERY);
            if let Some(piece) = this.look() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
        }
    }
}

fn written(name: &str, place: &views::waiting_room::Place<'_>) -> Bytes {
    // Names are strings and values are ours: nothing here that JSON cannot say.
    let place = serde_json::to_string(place).unwrap_or_default();
    format!("event: {name}\ndata: {place}\n\n").into()
}

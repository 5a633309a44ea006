//! A booking as it changes, pushed as server-sent events, so that a page that waits for its payment need
//! not poll.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};

use super::bookings;
use crate::domain::booking::BookingStatus;
use crate::domain::inventory::BookingReceipt;
use crate::http::gateway::Caller;
use crate::http::problem::Problem;
use crate::http::state::{Front, Phase};
use crate::http::{cache, views};

/// Between two looks at the booking.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A comment after so much silence, so that proxies keep the connection.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// Longest life of a stream; the client connects again by itself.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// Events that wait for the reader.
const UNREAD: usize = 2;

/// The booking at once, and again with each change, until its payment is decided.
#[utoipa::path(
    get, path = "/v1/events/{event}/bookings/{id}/stream",
    params(("event" = String, Path), ("id" = String, Path)),
    responses(
        (status = 200, content_type = "text/event-stream",
            description = "Events named `booking`; `data` is the booking."),
        (status = 404), (status = 503),
    )
)]
pub async fn booking(
    State(front): State<Arc<Front>>,
    Path((event, id)): Path<(String, String)>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Problem> {
    let first = bookings::find(&front, &caller, &event, &id).await?;
    let (events, answer) = Channel::new(UNREAD);
    tokio::spawn(push(front, caller, (event, id), first, events));
    let mut response = Response::new(Body::new(answer));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, cache::PRIVATE);
    Ok(response)
}

/// Until the booking is decided, the reader has gone, or the server stops.
async fn push(
    front: Arc<Front>,
    caller: Caller,
    (event, id): (String, String),
    first: BookingReceipt,
    mut events: Sender<Bytes>,
) {
    let (started, mut told_at) = (Instant::now(), Instant::now());
    let mut shown = first.booking.clone();
    let mut next = Some(written(&first));
    loop {
        if let Some(piece) = next.take() {
            told_at = Instant::now();
            if events.send_data(piece).await.is_err() {
                return;
            }
        }
        let pending = shown.status == BookingStatus::PendingPayment;
        if !pending || front.phase() == Phase::Draining || LONGEST < started.elapsed() {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
        // A shard that restarts is no reason to hang up.
        if let Ok(receipt) = bookings::find(&front, &caller, &event, &id).await
            && receipt.booking != shown
        {
            next = Some(written(&receipt));
            shown = receipt.booking;
        } else if COMMENT_EVERY < told_at.elapsed() {
            next = Some(Bytes::from_static(b": still pending\n\n"));
        }
    }
}

fn written(receipt: &BookingReceipt) -> Bytes {
    // Names are strings and values are ours: nothing here that JSON cannot say.
    let booking = serde_json::to_string(&views::Booking::of(receipt)).unwrap_or_default();
    format!("event: booking\ndata: {booking}\n\n").into()
}

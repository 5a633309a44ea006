//! The bulk door: many reservations over one request, one JSON object a line, for shops whose own
//! backend or queue feeds the engine.
//!
//! Lines are read, checked and submitted in chunks; outcomes leave in the order of the lines. Both
//! directions stream, and little is kept in between: when the engine or the reader of the outcomes is
//! slow, the server stops reading lines. So whoever sends must read at the same time.

mod lines;
mod outcome;

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::channel::{Channel, Sender};
use tokio::sync::mpsc;

use self::lines::{End, Lines};
use self::outcome::{Asked, Outcomes};
use super::waiting_room::gate;
use crate::actors::{Answers, EventEntry, Router, SubmitError};
use crate::http::gateway::Caller;
use crate::http::problem::Problem;
use crate::http::state::Front;
use crate::http::{body, cache};

/// Lines submitted together.
const CHUNK_LINES: usize = 512;
/// Chunks of one request between reading and answering.
const CHUNKS_UNDER_WAY: usize = 8;
/// Pieces of the answer that wait for the reader.
const PIECES_UNREAD: usize = 4;

/// A chunk under way: what was asked, and what comes of it.
struct Chunk {
    asked: Vec<Asked>,
    answers: Result<Answers, SubmitError>,
}

/// Reserves once for each line; each line has its own key and its own outcome.
#[utoipa::path(
    post, path = "/v1/events/{event}/reservations/bulk",
    request_body(
        content = lines::BulkLine, content_type = "application/x-ndjson",
        description = "One object a line, at most 16 KiB each.",
    ),
    params(("event" = String, Path)),
    responses(
        (status = 200, body = outcome::Outcome, content_type = "application/x-ndjson",
            description = "One object a line, in the order of the lines. A 201 is durable."),
        (status = 404), (status = 415), (status = 503),
    )
)]
pub async fn reserve_many(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    body::is_json_lines(&headers)?;
    let (router, entry) = front.event(&event)?;
    let (pieces, answer) = Channel::new(PIECES_UNREAD);
    let (chunks, under_way) = mpsc::channel(CHUNKS_UNDER_WAY);
    let lines = Lines::new(body, front.options.idle_timeout);
    tokio::spawn(answer_in_order(under_way, Arc::clone(router), Arc::clone(&entry), pieces));
    tokio::spawn(read(lines, (Arc::clone(&front), caller), Arc::clone(router), entry, chunks));
    let mut response = Response::new(Body::new(answer));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    headers.insert(CACHE_CONTROL, cache::PRIVATE);
    Ok(response)
}

/// Until the body ends, breaks off or falls silent, or nobody wants the outcomes any more.
async fn read(
    mut lines: Lines,
    (front, caller): (Arc<Front>, Caller),
    router: Arc<Router>,
    entry: Arc<EventEntry>,
    chunks: mpsc::Sender<Chunk>,
) {
    loop {
        let mut asked = Vec::new();
        let mut asks = Vec::new();
        let terms = Arc::clone(&entry.published().terms);
        let end = lines.next_chunk(CHUNK_LINES.min(router.many_max()), |number, line| {
            let admit = |pass: Option<&str>, customer: &str| {
                gate::admit_line(&front, &entry, pass, customer)
            };
            let (line, ask) = Asked::parse((number, line), &caller, &terms, admit);
            asked.push(line);
            asks.extend(ask);
        });
        let end = end.await;
        if !asked.is_empty() {
            let answers = router.reserve_many(&entry, asks).await;
            if chunks.send(Chunk { asked, answers }).await.is_err() {
                return;
            }
        }
        match end {
            None => {}
            Some(End::Whole) => return,
            Some(End::Broken(code, detail)) => {
                let asked = vec![Asked::refused(lines.number() + 1, Problem::new(code, detail))];
                drop(chunks.send(Chunk { asked, answers: Err(SubmitError::Busy) }).await);
                return;
            }
        }
    }
}

async fn answer_in_order(
    mut under_way: mpsc::Receiver<Chunk>,
    router: Arc<Router>,
    entry: Arc<EventEntry>,
    mut pieces: Sender<Bytes>,
) {
    let mut outcomes = Outcomes::default();
    while let Some(Chunk { asked, answers }) = under_way.recv().await {
        let answers = match answers {
            Ok(answers) => answers.wait().await,
            Err(error) => Err(error),
        };
        let piece = outcomes.render(asked, answers, &entry, router.now());
        if pieces.send_data(piece).await.is_err() {
            return;
        }
    }
}

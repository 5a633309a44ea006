//! An event's log: everything that happened to it, in order, for shops that keep a database of their own
//! in step. A page at a time, or pushed as server-sent events.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use tokio::sync::OwnedSemaphorePermit;

use crate::actors::EventEntry;
use crate::documents::entry::Told;
use crate::domain::inventory::Entry;
use crate::http::problem::{Code, FieldErrors, Problem};
use crate::http::state::{Front, Phase};
use crate::http::{cache, views};
use crate::storage::event_log::LogError;

/// Entries of a page at the most.
const LIMIT_MAX: usize = 1_000;
const LIMIT: usize = 100;
/// Entries that a stream reads at once.
const STREAM_PAGE: usize = 100;
/// Between two looks whether something has happened.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A comment after so much silence, so that proxies keep the connection.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// Longest life of a stream; the client connects again by itself.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// Pieces that wait for the reader, and their length at which the next begins. Unit: bytes.
const UNREAD: usize = 2;
const PIECE_BYTES: usize = 64 << 10;
/// How long a request waits for its turn to read.
const PATIENCE: Duration = Duration::from_secs(5);

/// What happened to the event after entry `after`. With `Accept: text/event-stream` it is pushed as it
/// happens: `id` is the number, `event` the type, `data` the entry.
#[utoipa::path(
    get, path = "/v1/events/{event}/log",
    params(
        ("event" = String, Path),
        ("after" = Option<u64>, Query, description = "`next` of the answer before; 0 when left out"),
        ("limit" = Option<u32>, Query, description = "1 to 1,000; 100 when left out"),
        ("Last-Event-ID" = Option<u64>, Header, description = "of streams: wins over `after`"),
    ),
    responses(
        (status = 200, content(
            (views::LogPage = "application/json"),
            (String = "text/event-stream"),
        )),
        (status = 400), (status = 404), (status = 410), (status = 503),
    )
)]
pub async fn read(
    State(front): State<Arc<Front>>,
    Path(event): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let ask = Ask::parse(query.as_deref().unwrap_or_default(), &headers)?;
    let (_, entry) = front.event(&event)?;
    if ask.streams {
        return stream(front, entry, ask.after).await;
    }
    let items = told(&front, &entry, ask.after, ask.limit).await?;
    let next = items.last().map_or(ask.after, Told::number);
    let mut response = cache::json(StatusCode::OK, &views::LogPage { items, next });
    response.headers_mut().insert(CACHE_CONTROL, cache::PRIVATE);
    Ok(response)
}

#[derive(Debug, PartialEq, Eq)]
struct Ask {
    after: u64,
    limit: usize,
    streams: bool,
}

impl Ask {
    fn parse(query: &str, headers: &HeaderMap) -> Result<Self, Problem> {
        let mut errors = FieldErrors::default();
        let mut ask = Self { after: 0, limit: LIMIT, streams: wants_stream(headers) };
        let mut seen = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if seen.contains(&name) {
                errors.add(name, "must be sent once");
                continue;
            }
            // No more than there are.
            if matches!(name, "after" | "limit") {
                seen.push(name);
            }
            match (name, number(value)) {
                ("after", Some(after)) => ask.after = after,
                ("after", None) => errors.add(name, "must be the number of an entry, or 0"),
                ("limit", limit) => match limit.and_then(|limit| usize::try_from(limit).ok()) {
                    Some(limit) if (1..=LIMIT_MAX).contains(&limit) => ask.limit = limit,
                    Some(_) | None => errors.add(name, format!("must be 1 to {LIMIT_MAX}")),
                },
                _ => errors.add(name, "is not a parameter of this list"),
            }
        }
        let mut last = headers.get_all(LAST_EVENT_ID).iter().filter(|_| ask.streams);
        match (last.next(), last.next()) {
            (None, _) => {}
            (Some(id), None) if id.to_str().ok().and_then(number).is_some() => {
                ask.after = id.to_str().ok().and_then(number).unwrap_or_default();
            }
            (Some(_), _) => errors.add("Last-Event-ID", "must be the number of an entry"),
        }
        errors.finish(Some(ask))
    }
}

const LAST_EVENT_ID: &str = "last-event-id";

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = accepted.flat_map(|value| value.split(','));
    types.any(|range| {
        let essence = range.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("text/event-stream")
    })
}

/// Digits and nothing else.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
}

/// The entries after `after`, read off the runtime. None is newer than what is published, so each is
/// durable (P8).
async fn told(
    front: &Front,
    entry: &Arc<EventEntry>,
    after: u64,
    limit: usize,
) -> Result<Vec<Told>, Problem> {
    let state = entry.published();
    if state.version <= after {
        return Ok(Vec::new());
    }
    let log = Arc::clone(&front.desk()?.log);
    // Reading takes the processor from those who sell, so only a few do at a time.
    let turn = tokio::time::timeout(PATIENCE, Arc::clone(&front.log_turns).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        return Err(Problem::new(Code::Busy, "too many read the logs of events"));
    };
    let event = entry.number;
    let read = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let entries = log.page(event, after, state.version, limit)?;
        let told = |entry: &Entry| Told::of(&state.terms.id, &state.terms, entry);
        Ok(entries.iter().map(told).collect::<Option<Vec<_>>>())
    });
    let read: Result<_, LogError> = read.await.map_err(|_| Problem::new(Code::Internal, ""))?;
    match read {
        Ok(Some(told)) => Ok(told),
        Ok(None) => {
            tracing::error!(event = %entry.id, after, "an entry of the log makes no sense");
            Err(Problem::new(Code::Internal, "an entry of the log makes no sense"))
        }
        Err(LogError::Gone { oldest }) => {
            let asked = after + 1;
            let detail =
                format!("entry {asked} is not kept any more; {oldest} is the next that is");
            Err(Problem::new(Code::LogGone, detail).with("oldest", oldest))
        }
        Err(error) => {
            let error = format!("{:#}", anyhow::Error::new(error));
            tracing::error!(event = %entry.id, after, error, "a log cannot be read");
            Err(Problem::new(Code::Internal, "the log cannot be read"))
        }
    }
}

/// Refused at once when too many are open, or the entry to begin with is gone.
async fn stream(
    front: Arc<Front>,
    entry: Arc<EventEntry>,
    after: u64,
) -> Result<Response, Problem> {
    let place = Arc::clone(&front.log_streams).try_acquire_owned();
    let many = |_| Problem::new(Code::Busy, "too many streams of logs are open");
    let place = Arc::new(place.map_err(many)?);
    let first = told(&front, &entry, after, STREAM_PAGE).await?;
    let (events, answer) = Channel::new(UNREAD);
    let held = Arc::clone(&place);
    let answer = answer.map_frame(move |frame| {
        // The body keeps the place: it goes when the reader hangs up.
        let _held = &held;
        frame
    });
    let follower = Follower { front, entry, after, place };
    tokio::spawn(follower.push(first, events));
    let mut response = Response::new(Body::new(answer));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, cache::PRIVATE);
    Ok(response)
}

/// One stream: at entry `after`.
struct Follower {
    front: Arc<Front>,
    entry: Arc<EventEntry>,
    after: u64,
    place: Arc<OwnedSemaphorePermit>,
}

impl Follower {
    /// Until the reader has gone or is too far behind, the time is over, or the server stops. The next
    /// page is read when the reader has taken the one before, so a slow one costs no more memory, and
    /// never keeps the journal from being folded.
    async fn push(mut self, first: Vec<Told>, mut events: Sender<Bytes>) {
        let (started, mut told_at) = (Instant::now(), Instant::now());
        let mut page = first;
        loop {
            if !page.is_empty() {
                for piece in pieces(&page) {
                    if events.send_data(piece).await.is_err() {
                        return;
                    }
                }
                told_at = Instant::now();
                self.after = page.last().map_or(self.after, Told::number);
            }
            if self.front.phase() == Phase::Draining || LONGEST < started.elapsed() {
                return;
            }
            if self.entry.published().version <= self.after {
                if COMMENT_EVERY < told_at.elapsed() {
                    told_at = Instant::now();
                    let comment = Bytes::from_static(b": nothing new\n\n");
                    if events.send_data(comment).await.is_err() {
                        return;
                    }
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
            if Arc::strong_count(&self.place) == 1 {
                return;
            }
            match told(&self.front, &self.entry, self.after, STREAM_PAGE).await {
                Ok(next) => page = next,
                Err(problem) if problem.code() == Code::Busy => page.clear(),
                // It was told in the log of the server; the reader hears why when it comes again.
                Err(_) => return,
            }
        }
    }
}

fn pieces(page: &[Told]) -> Vec<Bytes> {
    let (mut pieces, mut piece) = (Vec::new(), String::new());
    for told in page {
        // Names are strings and values are ours: nothing here that JSON cannot say, and JSON has no
        // line breaks.
        let body = serde_json::to_string(told).unwrap_or_default();
        let (number, kind) = (told.number(), told.kind());
        piece.push_str(&format!("id: {number}\nevent: {kind}\ndata: {body}\n\n"));
        if PIECE_BYTES <= piece.len() {
            pieces.push(std::mem::take(&mut piece).into());
        }
    }
    if !piece.is_empty() {
        pieces.push(piece.into());
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str, headers: &[(&'static str, &'static str)]) -> Result<Ask, String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        Ask::parse(query, &map).map_err(|problem| problem.members().1["detail"].to_string())
    }

    #[test]
    fn a_question_has_defaults_and_bounds() {
        let ask = |after, limit, streams| Ok(Ask { after, limit, streams });
        assert_eq!(parse("", &[]), ask(0, 100, false));
        assert_eq!(parse("after=17&limit=1000", &[]), ask(17, 1_000, false));
        for bad in ["after=", "after=-1", "after=%2B1", "after=+1", "after=1.5", "after=1e3"] {
            assert!(parse(bad, &[]).is_err_and(|detail| detail.contains("after")), "{bad}");
        }
        for bad in ["limit=0", "limit=1001", "limit=x", "limit", "limit=99999999999999999999"] {
            assert!(parse(bad, &[]).is_err_and(|detail| detail.contains("limit")), "{bad}");
        }
        let detail = parse("from=1&after=x", &[]).expect_err("two mistakes");
        assert!(detail.contains("from") && detail.contains("after"), "{detail}");
    }

    #[test]
    fn a_stream_is_asked_for_by_its_type_and_resumed_by_its_last_id() {
        let stream = ("accept", "text/html;q=0.1, Text/Event-Stream ; q=1");
        let after = |headers: &[_]| parse("after=5", headers).map(|ask| (ask.after, ask.streams));
        assert_eq!(after(&[stream]), Ok((5, true)));
        assert_eq!(after(&[stream, ("last-event-id", "9")]), Ok((9, true)));
        assert_eq!(after(&[("last-event-id", "x")]), Ok((5, false)), "not asked as a stream");
        for bad in ["", "x", "-1", "9 "] {
            assert!(after(&[stream, ("last-event-id", bad)]).is_err(), "{bad:?}");
        }
        assert!(after(&[stream, ("last-event-id", "1"), ("last-event-id", "2")]).is_err());
    }
}

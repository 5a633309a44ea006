//! Who may keep an answer and for how long, strong ETags, and conditional requests.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// How long a CDN and a browser may serve an answer without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// What changes with each sale. A hundred thousand readers become one request a second, and while a CDN
    /// asks anew all others get what it has, hardly old.
    Second,
    /// What changes when somebody changes it, or never.
    Minute,
}

impl Life {
    const fn value(self) -> HeaderValue {
        match self {
            Self::Second => {
                HeaderValue::from_static("public, max-age=1, s-maxage=1, stale-while-revalidate=5")
            }
            Self::Minute => HeaderValue::from_static(
                "public, max-age=60, s-maxage=60, stale-while-revalidate=600",
            ),
        }
    }
}

/// Nothing here depends on who asks. A proxy that compresses makes two forms of it.
const BY_ENCODING: HeaderValue = HeaderValue::from_static("Accept-Encoding");
/// What belongs to one buyer is nobody else's to keep.
pub(super) const PRIVATE: HeaderValue = HeaderValue::from_static("no-store");

/// The body, or 304 when the reader has it already. `tag` is the ETag without its quotes; it must
/// change whenever the body does.
pub(super) fn public<T: Serialize>(headers: &HeaderMap, tag: &str, body: &T) -> Response {
    public_as(headers, tag, Life::Second, || json(StatusCode::OK, body))
}

/// The same of a body that is written already.
pub(super) fn public_bytes(
    headers: &HeaderMap,
    tag: &str,
    media_type: &'static str,
    body: impl Into<Body>,
) -> Response {
    public_as(headers, tag, Life::Second, || typed(media_type, body.into()))
}

pub(super) fn typed(media_type: &'static str, body: Body) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// The body, or 304 when the reader has it already, to be kept as long as `life` says.
pub(super) fn public_as(
    headers: &HeaderMap,
    tag: &str,
    life: Life,
    body: impl FnOnce() -> Response,
) -> Response {
    let known = matches_any(headers, IF_NONE_MATCH.as_str(), |given| given == tag);
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { body() };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, life.value());
    headers.insert(VARY, BY_ENCODING);
    if let Some(tag) = quoted(tag) {
        headers.insert(ETAG, tag);
    }
    response
}

/// A tag for bytes.
pub(super) fn digest(body: &[u8]) -> String {
    blake3::hash(body).to_hex()[..32].to_owned()
}

pub(super) fn quoted(tag: &str) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("\"{tag}\"")).ok()
}

/// Whether `If-Match` allows a change of what has this tag; absent, it does.
pub(super) fn if_match(headers: &HeaderMap, tag: &str) -> bool {
    !headers.contains_key(IF_MATCH) || if_match_by(headers, |given| given == tag)
}

/// Whether `If-Match` is there and has a tag, without its quotes, that `fits`.
pub(super) fn if_match_by(headers: &HeaderMap, fits: impl Fn(&str) -> bool) -> bool {
    matches_any(headers, IF_MATCH.as_str(), fits)
}

fn matches_any(headers: &HeaderMap, name: &str, fits: impl Fn(&str) -> bool) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|given| {
        let given = given.strip_prefix("W/").unwrap_or(given);
        let plain = given.strip_prefix('"').and_then(|given| given.strip_suffix('"'));
        given == "*" || plain.is_some_and(&fits)
    })
}

/// A reservation of one line fits without growing.
const TYPICAL_BYTES: usize = 512;

pub(super) fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    let mut bytes = Vec::with_capacity(TYPICAL_BYTES);
    match serde_json::to_writer(&mut bytes, body) {
        Ok(()) => {
            let mut response = (status, Body::from(bytes)).into_response();
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
            response
        }
        Err(error) => {
            tracing::error!(%error, "a view did not render");
            super::problem::Problem::new(super::problem::Code::Internal, "").into_response()
        }
    }
}

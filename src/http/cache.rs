//! Strong ETags and conditional requests.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// How long a CDN and a browser may serve it without asking. One second: a hundred thousand readers
/// become one request, and what they see is hardly old.
const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=1");
/// What belongs to one buyer is nobody else's to keep.
pub(super) const PRIVATE: HeaderValue = HeaderValue::from_static("no-store");

/// The body, or 304 when the reader has it already. `tag` is the ETag without its quotes; it must
/// change whenever the body does.
pub(super) fn public<T: Serialize>(headers: &HeaderMap, tag: &str, body: &T) -> Response {
    public_or(headers, tag, || json(StatusCode::OK, body))
}

/// The same of a body that is written already.
pub(super) fn public_bytes(
    headers: &HeaderMap,
    tag: &str,
    media_type: &'static str,
    body: Vec<u8>,
) -> Response {
    public_or(headers, tag, || {
        let mut response = Body::from(body).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        response
    })
}

fn public_or(headers: &HeaderMap, tag: &str, body: impl FnOnce() -> Response) -> Response {
    let known = matches_any(headers, IF_NONE_MATCH.as_str(), |given| given == tag);
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { body() };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, PUBLIC);
    if let Some(tag) = quoted(tag) {
        headers.insert(ETAG, tag);
    }
    response
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

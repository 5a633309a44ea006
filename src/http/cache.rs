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
    let mut response = if matches_any(headers, IF_NONE_MATCH.as_str(), tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        json(StatusCode::OK, body)
    };
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
    !headers.contains_key(IF_MATCH) || matches_any(headers, IF_MATCH.as_str(), tag)
}

fn matches_any(headers: &HeaderMap, name: &str, tag: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|given| {
        let given = given.strip_prefix("W/").unwrap_or(given);
        given == "*" || given.strip_prefix('"').and_then(|g| g.strip_suffix('"')) == Some(tag)
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

//! Headers that tell browsers and caches what they may do with an answer. On every answer, refusals too.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use crate::http::cache;

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const DENY: HeaderValue = HeaderValue::from_static("DENY");
/// An answer for programs loads nothing, whatever a browser takes it for.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// The page of the API loads what this server has, and styles that its library writes into the page.
const PAGE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);
/// A browser's own viewer of PDFs is an object with styles.
const PDF: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'; \
     base-uri 'none'; form-action 'none'",
);
/// See [`SecurityHeaders::vary`].
const BY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
const BY_ENCODING_AND_ORIGIN: HeaderValue = HeaderValue::from_static("Accept-Encoding, Origin");

pub(super) struct SecurityHeaders {
    hsts: Option<HeaderValue>,
    by_origin: bool,
}

impl SecurityHeaders {
    /// `by_origin`: answers differ by the origin of the caller.
    pub fn new(hsts_seconds: u32, by_origin: bool) -> Self {
        let hsts = (0 < hsts_seconds).then(|| format!("max-age={hsts_seconds}"));
        Self { hsts: hsts.and_then(|text| HeaderValue::try_from(text).ok()), by_origin }
    }

    pub fn put(&self, response: &mut Response) {
        let headers = response.headers_mut();
        // Once, instead of growing twice.
        headers.reserve(6);
        headers.insert(CONTENT_SECURITY_POLICY, policy(headers));
        headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        headers.insert(X_FRAME_OPTIONS, DENY);
        headers.insert(REFERRER_POLICY, NO_REFERRER);
        // What no route has called public is nobody's to keep.
        headers.entry(CACHE_CONTROL).or_insert(cache::PRIVATE);
        if self.by_origin {
            self.vary(headers);
        }
        if let Some(hsts) = &self.hsts {
            headers.insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
    }

    /// One line: some caches read only the first.
    fn vary(&self, headers: &mut HeaderMap) {
        let value = if headers.contains_key(VARY) { BY_ENCODING_AND_ORIGIN } else { BY_ORIGIN };
        headers.insert(VARY, value);
    }
}

fn policy(headers: &HeaderMap) -> HeaderValue {
    let media_type = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if media_type.starts_with(b"text/html") {
        PAGE
    } else if media_type == b"application/pdf" {
        PDF
    } else {
        NOTHING
    }
}

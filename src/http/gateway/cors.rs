//! Which other origins a browser lets read our answers. Exact origins only.
//!
//! Not tower-http's layer: it answers preflights outside of what happens around every request (ids,
//! measurement, limits), a rush does not come by the table of routes that it would wrap, and its list of
//! what answers vary by would split a CDN's copies.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// What `[cors]` says, checked.
#[derive(Debug, Clone)]
pub struct CorsOptions {
    /// As browsers send them: `https://shop.example`.
    pub origins: Vec<String>,
    /// Whether cookies may come along.
    pub credentials: bool,
}

pub(in crate::http) struct Cors {
    origins: Vec<HeaderValue>,
    credentials: bool,
}

const TRUE: HeaderValue = HeaderValue::from_static("true");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const ASKED: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, \
     Onsale-Device, Onsale-Pass, Onsale-Place, Traceparent, X-API-Key, X-Request-Id",
);
const SHOWN: HeaderValue = HeaderValue::from_static(
    "ETag, Idempotent-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id",
);
/// Ten minutes: a change of the settings is heeded soon, and a sale asks but once.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

impl Cors {
    pub fn new(options: CorsOptions) -> Self {
        let origins = options.origins.into_iter();
        let origins = origins.filter_map(|origin| HeaderValue::try_from(origin).ok()).collect();
        Self { origins, credentials: options.credentials }
    }

    /// The origin, when it is one of ours to the letter.
    pub(super) fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        self.origins.iter().find(|known| *known == origin).cloned()
    }

    pub(super) fn is_preflight(headers: &HeaderMap) -> bool {
        headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Lets this origin read the answer.
    pub(super) fn mark(&self, origin: HeaderValue, headers: &mut HeaderMap) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN);
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
    }

    /// The same for all paths, so that it tells nothing of what there is. Who is not allowed hears so by
    /// what is missing.
    pub fn preflight(&self, headers: &HeaderMap) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        if headers.get(ORIGIN).is_some_and(|origin| self.allowed(origin).is_some()) {
            let headers = response.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ASKED);
            headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
        response
    }
}

//! What every request passes on its way in and out, whichever way it takes: headers that browsers and
//! caches heed, traces, the access log, and the note of every privileged change.

use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use axum::response::Response;

use super::access_log::{AccessLog, Line, Seen};
use super::audited::By;
use super::cors::{Cors, CorsOptions};
use super::headers::SecurityHeaders;
use crate::providers::spans::{SpanNote, Spans};
use crate::telemetry::TraceContext;

/// How it is set up.
#[derive(Default)]
pub struct EdgeOptions {
    /// How long browsers are to come by https only; 0: nothing is said. Unit: seconds.
    pub hsts_seconds: u32,
    /// Absent: browsers of other origins read nothing.
    pub cors: Option<CorsOptions>,
    /// Of a thousand requests, so many are told in the log.
    pub access_permille: u32,
    /// Absent: no spans are sent.
    pub spans: Option<Spans>,
}

/// The gateway's outer edge.
pub(in crate::http) struct Edge {
    headers: SecurityHeaders,
    pub cors: Option<Cors>,
    access: AccessLog,
    spans: Option<Spans>,
}

/// What is kept of a request until its answer.
#[derive(Default)]
pub(in crate::http) struct Request {
    /// The caller's origin, if it may read the answer.
    origin: Option<HeaderValue>,
    trace: Option<TraceContext>,
    has_span: bool,
    seen: Option<Box<Seen>>,
}

impl Request {
    /// It is known who asks.
    pub fn by(&mut self, by: impl FnOnce() -> By) {
        if let Some(seen) = &mut self.seen {
            seen.by = by();
        }
    }
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

impl Edge {
    pub fn new(options: EdgeOptions) -> Self {
        let cors = options.cors.map(Cors::new);
        Self {
            headers: SecurityHeaders::new(options.hsts_seconds, cors.is_some()),
            cors,
            access: AccessLog::new(options.access_permille),
            spans: options.spans,
        }
    }

    /// Costs two look-ups when nothing is switched on.
    pub fn begin(&self, headers: &HeaderMap) -> Request {
        let origin = match &self.cors {
            Some(cors) => headers.get(ORIGIN).and_then(|origin| cors.allowed(origin)),
            None => None,
        };
        let trace = trace(headers);
        let has_span = self.spans.as_ref().is_some_and(|spans| spans.chooses(trace.as_ref()));
        Request { origin, trace, has_span, seen: None }
    }

    /// Remembers of the request what the log will tell, if it will.
    pub fn look(
        &self,
        request: &mut Request,
        uri: &Uri,
        headers: &HeaderMap,
        by: impl FnOnce() -> By,
    ) {
        if self.access.chooses() {
            request.seen = Some(Box::new(Seen::of(uri, headers, by())));
        }
    }

    /// Completes an answer, tells of it, and gives the trace that it belongs to.
    pub fn end(
        &self,
        request: Request,
        line: &Line<'_>,
        response: &mut Response,
    ) -> Option<TraceContext> {
        self.headers.put(response);
        if let (Some(cors), Some(origin)) = (&self.cors, request.origin) {
            cors.mark(origin, response.headers_mut());
        }
        let mut trace = request.trace;
        if request.has_span
            && let Some(spans) = &self.spans
        {
            trace = Some(spans.record(&SpanNote {
                parent: request.trace,
                method: line.method,
                route: line.route,
                status: line.status,
                request_id: line.id,
                took: line.took,
            }));
        }
        if let Some(seen) = request.seen {
            AccessLog::write(&seen, line, trace.as_ref());
        }
        trace
    }

    /// Whether a browser asks what it may ask.
    pub fn is_preflight(&self, method: &Method, headers: &HeaderMap) -> bool {
        self.cors.is_some() && *method == Method::OPTIONS && Cors::is_preflight(headers)
    }

    /// What a browser may ask from where it is.
    pub fn preflight(&self, headers: &HeaderMap) -> Response {
        let cors = self.cors.as_ref().map(|cors| cors.preflight(headers));
        cors.unwrap_or_default()
    }
}

/// One that came once and is one.
fn trace(headers: &HeaderMap) -> Option<TraceContext> {
    let mut given = headers.get_all(TRACEPARENT).iter();
    let (Some(text), None) = (given.next(), given.next()) else { return None };
    TraceContext::parse(text.to_str().ok()?)
}

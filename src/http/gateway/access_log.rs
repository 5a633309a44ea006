//! The access log: a sample of all requests, one event each, target `access`. Every value that a client
//! chose is bounded here, and escaped by whoever writes the event.

use std::time::Duration;

use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, Uri};

use super::audited::By;
use crate::telemetry::TraceContext;

pub(in crate::http) struct AccessLog {
    permille: u32,
}

/// What a request was.
pub(in crate::http) struct Seen {
    path: String,
    agent: String,
    pub(super) by: By,
}

/// What became of it.
pub(in crate::http) struct Line<'a> {
    pub method: &'a str,
    /// The template that matched.
    pub route: Option<&'a str>,
    pub status: u16,
    pub id: &'a str,
    pub took: Duration,
}

/// Of a path or an agent, so much is told. Unit: characters.
const TEXT_MAX: usize = 200;

impl AccessLog {
    /// Bounds: 0 to 1,000.
    pub fn new(permille: u32) -> Self {
        Self { permille }
    }

    /// By chance, so that no client can tell which of its requests are told.
    pub fn chooses(&self) -> bool {
        0 < self.permille && rand::random_range(0..1_000) < self.permille
    }

    pub fn write(seen: &Seen, line: &Line<'_>, trace: Option<&TraceContext>) {
        tracing::info!(
            target: "access",
            method = line.method,
            route = line.route.unwrap_or("other"),
            path = seen.path,
            status = line.status,
            took_us = u64::try_from(line.took.as_micros()).unwrap_or(u64::MAX),
            id = line.id,
            trace = trace.map(TraceContext::trace_id),
            who = seen.by.who(),
            from = seen.by.from(),
            agent = seen.agent,
        );
    }
}

impl Seen {
    /// Without the query, in which clients put what should not be there.
    pub fn of(uri: &Uri, headers: &HeaderMap, by: By) -> Self {
        let agent = headers.get(USER_AGENT).map_or(&b""[..], |agent| agent.as_bytes());
        let agent = String::from_utf8_lossy(agent);
        Self { path: bounded(uri.path()), agent: bounded(&agent), by }
    }
}

fn bounded(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}

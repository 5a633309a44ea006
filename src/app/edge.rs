//! Joins the edge with its settings: headers, origins, the access log, and the collector of spans.

use anyhow::Context;

use crate::config::{Config, TelemetryConfig};
use crate::http::{CorsOptions, EdgeOptions};
use crate::providers::spans::{SpanOptions, Spans};

pub(super) fn options(config: &Config, spans: Option<Spans>) -> EdgeOptions {
    let cors = config
        .cors
        .as_ref()
        .map(|cors| CorsOptions { origins: cors.origins.clone(), credentials: cors.credentials });
    EdgeOptions {
        hsts_seconds: config.server.hsts_seconds,
        cors,
        access_permille: config.log.access_permille,
        spans,
    }
}

/// Inside of the runtime.
pub(super) fn spans(config: Option<&TelemetryConfig>) -> anyhow::Result<Option<Spans>> {
    let start = |config: &TelemetryConfig| {
        Spans::start(&SpanOptions {
            endpoint: config.otlp_endpoint.clone(),
            permille: config.sample_permille,
            follow_callers: config.follow_callers,
        })
    };
    config.map(start).transpose().context("starting to send spans")
}

/// Sends what waits. Blocks apart from the runtime, on which the call itself is made.
pub(super) async fn stop(spans: Option<Spans>) {
    if let Some(spans) = spans
        && let Err(error) = tokio::task::spawn_blocking(move || spans.stop()).await
    {
        tracing::warn!(%error, "the last spans were not sent");
    }
}

//! Spans of requests, sent to a collector by OTLP over HTTP. Those that wait are bounded, and dropped when
//! the collector does not keep up: no request ever waits for it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::trace::{
    Span, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, TraceFlags, TraceState,
    TracerProvider,
};
use opentelemetry::{Context, KeyValue, SpanId, TraceId};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};
use reqwest::{Client, Url};
use rustls::RootCertStore;
use tokio::runtime::Handle;

use super::client::{self, Patience};
use super::outbound;
use super::send::OptionError;
use super::tls;
use crate::clock::{Clock, SystemClock};
use crate::telemetry::TraceContext;

/// Where spans go, and how many.
#[derive(Debug, Clone)]
pub struct SpanOptions {
    /// `http://collector:4318`; `/v1/traces` is added.
    pub endpoint: String,
    /// Of a thousand requests without a trace of their own, so many get a span. Bounds: 0 to 1,000.
    pub permille: u32,
    /// Whether a caller's word that its trace is sampled is followed. For servers behind a proxy of one's
    /// own that sets it: others could have everything sampled.
    pub follow_callers: bool,
}

/// Spans that wait to be sent, of some 500 bytes each.
const WAITING_MAX: usize = 4_096;
/// Spans of one call.
const BATCH: usize = 512;
/// Between two calls, while fewer wait.
const EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Patience =
    Patience { connect: Duration::from_secs(2), total: Duration::from_secs(5) };
/// What is read of a collector's answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Sends spans. Cheap to clone.
#[derive(Clone)]
pub struct Spans {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    permille: u32,
    follow_callers: bool,
    clock: Arc<dyn Clock>,
}

/// One answered request.
#[derive(Debug)]
pub struct SpanNote<'a> {
    pub parent: Option<TraceContext>,
    pub method: &'a str,
    pub route: Option<&'a str>,
    pub status: u16,
    pub request_id: &'a str,
    pub took: Duration,
}

impl Spans {
    /// Inside of a runtime, on which the calls are made.
    ///
    /// # Errors
    /// The endpoint is no URL, or https and the machine has no root certificates.
    pub fn start(options: &SpanOptions) -> Result<Self, OptionError> {
        let unfit = |reason: String| OptionError::new("otlp_endpoint", &options.endpoint, reason);
        let url = Url::parse(&options.endpoint).map_err(|error| unfit(error.to_string()))?;
        let is_https = url.scheme() == "https";
        let roots = if is_https { tls::roots(None)? } else { RootCertStore::empty() };
        let client = client::builder(tls::client_config(roots), PATIENCE).build();
        let client = client.map_err(|error| unfit(error.to_string()))?;
        let call = Call { client, runtime: Handle::current(), is_down: Arc::default() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(call)
            .with_endpoint(format!("{}/v1/traces", options.endpoint.trim_end_matches('/')))
            .with_timeout(PATIENCE.total)
            .build()
            .map_err(|error| unfit(error.to_string()))?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(WAITING_MAX)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(EVERY)
            .build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource =
            Resource::builder().with_service_name("onsale").with_attribute(version).build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            // Who gets a span is decided before, where a request begins.
            .with_sampler(Sampler::AlwaysOn)
            .with_resource(resource)
            .build();
        Ok(Self {
            tracer: provider.tracer("onsale"),
            provider,
            permille: options.permille,
            follow_callers: options.follow_callers,
            clock: Arc::new(SystemClock::start()),
        })
    }

    /// Whether the request gets a span.
    #[must_use]
    pub fn chooses(&self, caller: Option<&TraceContext>) -> bool {
        if self.follow_callers
            && let Some(caller) = caller
        {
            return caller.sampled;
        }
        0 < self.permille && rand::random_range(0..1_000) < self.permille
    }

    /// Tells of an answered request. Gives its own place in the trace.
    #[must_use]
    pub fn record(&self, note: &SpanNote<'_>) -> TraceContext {
        let ended = UNIX_EPOCH + Duration::from_millis(self.clock.now().0);
        let started = ended.checked_sub(note.took).unwrap_or(UNIX_EPOCH);
        let route = note.route.unwrap_or("other");
        let mut attributes = vec![
            KeyValue::new("http.request.method", note.method.to_owned()),
            KeyValue::new("http.response.status_code", i64::from(note.status)),
            KeyValue::new("onsale.request_id", note.request_id.to_owned()),
        ];
        attributes.extend(note.route.map(|route| KeyValue::new("http.route", route.to_owned())));
        let context = match note.parent {
            Some(parent) => Context::new().with_remote_span_context(remote(&parent)),
            None => Context::new(),
        };
        let mut span = SpanBuilder::from_name(format!("{} {route}", note.method))
            .with_kind(SpanKind::Server)
            .with_start_time(started)
            .with_attributes(attributes)
            .start_with_context(&self.tracer, &context);
        if 500 <= note.status {
            span.set_status(Status::error(""));
        }
        let own = span.span_context().clone();
        span.end_with_timestamp(ended);
        TraceContext {
            trace: own.trace_id().to_bytes(),
            span: own.span_id().to_bytes(),
            sampled: own.is_sampled(),
        }
    }

    /// Sends what waits, then nothing more. Blocks for some seconds at the most.
    pub fn stop(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(PATIENCE.total) {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

fn remote(parent: &TraceContext) -> SpanContext {
    let (trace, span) = (TraceId::from_bytes(parent.trace), SpanId::from_bytes(parent.span));
    let flags = if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    SpanContext::new(trace, span, flags, true, TraceState::default())
}

/// Our own client as the exporter's: no proxies of the environment, no redirects, bounded in time and bytes.
#[derive(Debug)]
struct Call {
    client: Client,
    runtime: Handle,
    is_down: Arc<AtomicBool>,
}

impl HttpClient for Call {
    /// As `async_trait` would write it.
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        // The exporter has a thread of its own, outside of the runtime that the client needs.
        let call = self.runtime.spawn(post(self.client.clone(), request));
        let is_down = Arc::clone(&self.is_down);
        Box::pin(async move {
            let answer = call.await?;
            let failed = match &answer {
                Ok(answer) if answer.status().is_success() => None,
                Ok(answer) => Some(format!("answered {}", answer.status())),
                Err(error) => Some(error.to_string()),
            };
            // Once for each time that it goes away or comes back.
            if is_down.swap(failed.is_some(), Ordering::Relaxed) != failed.is_some() {
                match failed {
                    Some(reason) => tracing::warn!(reason, "the collector takes no spans"),
                    None => tracing::info!("the collector takes spans again"),
                }
            }
            answer
        })
    }
}

async fn post(client: Client, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let answer = client.execute(request.try_into()?).await?;
    let status = answer.status();
    let body = outbound::body(answer, ANSWER_BYTES_MAX).await?;
    Ok(Response::builder().status(status).body(body.into())?)
}

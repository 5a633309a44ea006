//! What every route may use.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;

use super::desk::Desk;
use super::gateway::{BoundOptions, Bounds, Edge, EdgeOptions, Identity};
use super::problem::{Code, Problem};
use super::waiting_room::{Waiting, WaitingOptions};
use crate::actors::{EventEntry, Router};
use crate::domain::time::HoldLength;
use crate::metrics::HttpMetrics;

/// Where the server is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Recovering = 0,
    Ready = 1,
    Draining = 2,
}

pub struct FrontOptions {
    /// Unit: bytes of one body.
    pub body_bytes_max: usize,
    /// Longest silence inside a body.
    pub idle_timeout: Duration,
    /// Until a body must be complete.
    pub body_timeout: Duration,
    /// Hold of events that do not say.
    pub hold: HoldLength,
    /// Told apart from other starts in request ids.
    pub start: u32,
    /// Streams of events' logs at once.
    pub log_streams_max: NonZeroU32,
    pub waiting: WaitingOptions,
    pub edge: EdgeOptions,
    pub metrics: HttpMetrics,
    pub scrape: PrometheusHandle,
    pub identity: Identity,
}

/// The state behind all routes. Exists before the engine does, so that a recovering server answers.
pub struct Front {
    router: OnceLock<Arc<Router>>,
    desk: OnceLock<Desk>,
    phase: AtomicU8,
    requests: AtomicU64,
    pub(super) in_flight: AtomicU64,
    /// Places for streams of events' logs.
    pub(super) log_streams: Arc<Semaphore>,
    /// Turns to read the logs of events.
    pub(super) log_turns: Arc<Semaphore>,
    pub(super) waiting: Waiting,
    pub(super) bounds: Bounds,
    pub(super) edge: Edge,
    pub(super) options: FrontOptions,
}

/// Who may read logs from the disk at the same time.
const LOG_TURNS: usize = 2;

impl Front {
    #[must_use]
    pub fn new(mut options: FrontOptions, bounds: BoundOptions) -> Self {
        let edge = Edge::new(std::mem::take(&mut options.edge));
        Self {
            router: OnceLock::new(),
            desk: OnceLock::new(),
            phase: AtomicU8::new(Phase::Recovering as u8),
            requests: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            log_streams: Arc::new(Semaphore::new(options.log_streams_max.get() as usize)),
            log_turns: Arc::new(Semaphore::new(LOG_TURNS)),
            waiting: Waiting::new(&options.waiting),
            bounds: Bounds::new(bounds),
            edge,
            options,
        }
    }

    /// The engine is up: answer for it.
    pub fn open(&self, router: Arc<Router>, desk: Desk) {
        if self.desk.set(desk).is_ok() && self.router.set(router).is_ok() {
            self.phase.store(Phase::Ready as u8, Ordering::Release);
        }
    }

    /// Tell load balancers to send nothing more.
    pub fn start_draining(&self) {
        self.phase.store(Phase::Draining as u8, Ordering::Release);
    }

    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Recovering,
            1 => Phase::Ready,
            _ => Phase::Draining,
        }
    }

    /// Open connections and requests being answered, for the sampler.
    #[must_use]
    pub fn requests_in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.options.identity
    }

    /// Notes on the disk who owes what under the limits: once a second, and `whole` at the end.
    pub fn keep_limits(&self, whole: bool) {
        self.bounds.limits.keep(whole);
    }

    #[must_use]
    pub fn metrics(&self) -> &HttpMetrics {
        &self.options.metrics
    }

    pub(super) fn router(&self) -> Result<&Arc<Router>, Problem> {
        let recovering = || Problem::new(Code::ShardDown, "the server is recovering");
        self.router.get().ok_or_else(recovering)
    }

    pub(super) fn desk(&self) -> Result<&Desk, Problem> {
        let recovering = || Problem::new(Code::ShardDown, "the server is recovering");
        self.desk.get().ok_or_else(recovering)
    }

    pub(super) fn event(&self, id: &str) -> Result<(&Arc<Router>, Arc<EventEntry>), Problem> {
        let router = self.router()?;
        let event = router.find(id).ok_or_else(|| Problem::new(Code::NotFound, "no such event"))?;
        Ok((router, event))
    }

    pub(super) fn next_request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        format!("{:08x}-{number:x}", self.options.start)
    }
}

//! The one place where the parts are joined: what starts after what, and what ends before what.

mod bounds;
mod edge;
mod identity;
mod key_changes;
mod keys;
mod purchases;
mod webhooks;

pub use identity::check as check_identity;
pub use keys::{create_key, list_keys, revoke_key};
pub use purchases::rotate_ticket_keys;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::actors::{
    CommitterOptions, Engine, EngineOptions, NewEvent, Router, count_living, sample_rooms,
    state_words,
};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, StorageConfig};
use crate::domain::ids::{EventId, PoolId};
use crate::domain::inventory::{BookingTerms, EventTerms, PoolTerms, SaleState, SaleTerms};
use crate::domain::money::{Currency, Money};
use crate::faults;
use crate::http::{self, Front, FrontOptions, Limits, WaitingOptions};
use crate::metrics::{self, HttpMetrics, JournalMetrics, RoomMetrics, ShardMetrics, UnitMetrics};
use crate::storage::access_keys::AccessKeys;
use crate::storage::books::Books;
use crate::storage::event_log::EventLog;
use crate::storage::free_space::free_bytes;
use crate::storage::journal::{Journal, JournalReader};
use crate::storage::recovery::recover;
use crate::storage::sled_journal::SledJournal;

/// Exit code after a journal error: the disk is not to be trusted, look before starting again.
const EXIT_STORAGE: i32 = 74;

/// Runs the server until SIGTERM or SIGINT.
///
/// # Errors
/// One that names what could not start; nothing is served then.
pub async fn run(config: Config) -> anyhow::Result<()> {
    stop_when_the_store_panics();
    let scrape = metrics::install()?;
    let public = http::listen(config.server.listen)
        .with_context(|| format!("cannot listen on {}", config.server.listen))?;
    let admin = http::listen(config.admin.listen)
        .with_context(|| format!("cannot listen on {}", config.admin.listen))?;
    let addresses = (public.local_addr()?, admin.local_addr()?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let spans = edge::spans(config.telemetry.as_ref())?;
    let (identity, _identity_tasks) = identity::join(&config, &clock).await?;
    let options = FrontOptions {
        body_bytes_max: config.server.body_bytes_max,
        idle_timeout: config.server.idle_timeout,
        body_timeout: config.server.body_timeout,
        hold: config.sale.hold,
        start: rand::random(),
        log_streams_max: config.server.log_streams_max,
        waiting: waiting(&config),
        edge: edge::options(&config, spans.clone()),
        metrics: HttpMetrics::new(http::route_templates()),
        scrape: scrape.clone(),
        identity,
    };
    let front = Arc::new(Front::new(options, bounds::of(&config, &clock)));
    let (stop, stopped) = watch::channel(false);
    // The listeners answer before recovery, so that a load balancer sees "not ready", not "dead".
    let servers = start_servers(&config, (public, admin), &front, &stopped);
    let (journal, books) = open(config.storage.clone()).await?;
    let is_new = books.events.is_empty();
    let log = open_log(&config.storage, &journal)?;
    let mut purchases = purchases::prepare(&config, Arc::clone(&log), is_new)?;
    let webhooks = webhooks::prepare(config.webhooks.as_ref(), &journal)?;
    let engine = start_engine(&config, journal, books, (log, clock)).await?;
    let announcer = webhooks::start(webhooks, engine.engine.router(), &engine.log).await?;
    purchases.desk.announcer.clone_from(&announcer);
    if is_new && config.demo.event {
        put_demo_on_sale(engine.engine.router(), &config).await?;
    }
    let workers = purchases.open(engine.engine.router(), &front).await?;
    let keys = AccessKeys::of(&config.storage.data_dir);
    let key_changes = key_changes::watch(keys, engine.engine.router());
    let sampler = tokio::spawn(sample(engine.sampled(&config), Arc::clone(&front), scrape));
    // Whoever reads the ready line may end us the next moment, and in order.
    let signals = Signals::watch()?;
    announce(addresses);
    signals.wait().await;
    tracing::info!("draining");
    front.start_draining();
    stop.send_replace(true);
    for server in servers {
        server.await.context("a listener failed")?;
    }
    front.keep_limits(true);
    workers.stop();
    if let Some(announcer) = announcer {
        announcer.stop().await;
    }
    for task in [sampler, key_changes] {
        task.abort();
        drop(task.await);
    }
    drop((engine.reader, engine.log));
    engine.engine.drain().await;
    edge::stop(spans).await;
    tracing::info!("drained");
    Ok(())
}

fn waiting(config: &Config) -> WaitingOptions {
    WaitingOptions {
        config: config.waiting_room.clone(),
        streams_max: config.server.place_streams_max,
        patience: config.shards.deadline,
    }
}

fn start_servers(
    config: &Config,
    (public, admin): (TcpListener, TcpListener),
    front: &Arc<Front>,
    stopped: &watch::Receiver<bool>,
) -> [JoinHandle<()>; 2] {
    let limits = Limits {
        connections_max: config.server.connections_max.get(),
        header_timeout: config.server.header_timeout,
        idle_timeout: config.server.idle_timeout,
        drain: config.server.drain,
        per_address_max: config.server.connections_per_address_max,
    };
    let open = front.metrics().connections.clone();
    let app = http::public(Arc::clone(front));
    let public = tokio::spawn(http::serve(public, app, limits, Some(open), stopped.clone()));
    let app = http::admin(Arc::clone(front));
    let admin = tokio::spawn(http::serve(admin, app, limits, None, stopped.clone()));
    [public, admin]
}

/// Opens the journal and reads it, off the runtime.
async fn open(storage: StorageConfig) -> anyhow::Result<(SledJournal, Books)> {
    let opened = tokio::task::spawn_blocking(move || {
        let started = Instant::now();
        let (journal, report) = SledJournal::open(&storage.data_dir)?;
        if report.torn_values_dropped > 0 {
            tracing::warn!(?report, "a torn record that nobody was told of was dropped");
        }
        let books = recover(&*journal.reader())
            .with_context(|| format!("data directory {}", storage.data_dir.display()))?;
        let took = started.elapsed();
        JournalMetrics::new().recovery_duration_seconds.set(took.as_secs_f64());
        let (events, reservations) = (books.events.len(), books.reservations());
        tracing::info!(events, reservations, records = books.records, ?took, "recovered");
        anyhow::Ok((journal, books))
    });
    opened.await.context("recovery failed")?
}

fn open_log(storage: &StorageConfig, journal: &SledJournal) -> anyhow::Result<Arc<EventLog>> {
    let dir = storage.data_dir.join("log");
    let log = EventLog::open(journal.reader(), dir.clone(), storage.log_bytes_max);
    Ok(Arc::new(log.with_context(|| format!("events' logs in {}", dir.display()))?))
}

/// The engine, and what the sampler needs of it.
struct Running {
    engine: Engine,
    reader: Arc<dyn JournalReader>,
    log: Arc<EventLog>,
}

async fn start_engine(
    config: &Config,
    journal: SledJournal,
    books: Books,
    (log, clock): (Arc<EventLog>, Arc<dyn Clock>),
) -> anyhow::Result<Running> {
    let reader = journal.reader();
    let options = EngineOptions {
        shards: config.shards.count,
        queue_depth_max: config.shards.queue_depth_max.get(),
        batch_records_max: config.shards.batch_records_max.get(),
        patience: config.shards.deadline,
        committer: CommitterOptions {
            epoch_bytes_max: config.storage.epoch_bytes_max,
            on_fault: Box::new(|error| end_process(&anyhow::Error::new(error))),
        },
        log: Arc::clone(&log),
        on_compactor_fault: Box::new(|error| end_process(&anyhow::Error::new(error))),
    };
    let engine = Engine::start(Box::new(journal), books, clock, options).await?;
    Ok(Running { engine, reader, log })
}

/// What is in memory is ahead of the disk and must not be served: no drain, no destructors.
fn end_process(error: &anyhow::Error) {
    tracing::error!(error = format!("{error:#}"), "journal fault, ending the process");
    std::process::exit(EXIT_STORAGE);
}

/// sled's threads panic on some errors, and whoever waits for them then waits for ever.
fn stop_when_the_store_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        let thread = std::thread::current();
        let name = thread.name().unwrap_or_default();
        if ["sled-io", "log flusher", "committer", "compactor"].iter().any(|n| name.starts_with(n))
        {
            std::process::exit(EXIT_STORAGE);
        }
    }));
}

async fn put_demo_on_sale(router: &Router, config: &Config) -> anyhow::Result<()> {
    const UNITS: u32 = 10_000;
    let sale = SaleTerms {
        state: SaleState::Open,
        opens_at: None,
        closes_at: None,
        hold: config.sale.hold,
        customer_limit: None,
    };
    let price = Money { amount: 4_500, currency: Currency::parse("EUR").context("EUR")? };
    let pool = PoolTerms { id: PoolId::parse("standing")?, name: "Standing".into(), price };
    let terms = EventTerms {
        id: EventId::parse("concert-a")?,
        name: "Concert A".into(),
        starts_at: None,
        sale,
        booking: BookingTerms::default(),
        pools: vec![pool],
        created_at: router.now(),
        revision: 1,
    };
    let created = router
        .create(NewEvent { terms, capacities: vec![UNITS], key: None, organizer: None })
        .await;
    created.context("the demo event was refused")?;
    Ok(())
}

struct Sampled {
    router: Arc<Router>,
    reader: Arc<dyn JournalReader>,
    log: Arc<EventLog>,
    storage_full: Arc<AtomicBool>,
    storage: StorageConfig,
    shards: Vec<ShardMetrics>,
}

impl Running {
    fn sampled(&self, config: &Config) -> Sampled {
        Sampled {
            router: Arc::clone(self.engine.router()),
            reader: Arc::clone(&self.reader),
            log: Arc::clone(&self.log),
            storage_full: Arc::clone(self.engine.storage_full()),
            storage: config.storage.clone(),
            shards: (0..config.shards.count.get()).map(ShardMetrics::new).collect(),
        }
    }
}

/// The pulse: ends due holds, watches the disk's space, copies counters to gauges.
async fn sample(
    sampled: Sampled,
    front: Arc<Front>,
    scrape: metrics_exporter_prometheus::PrometheusHandle,
) {
    const PULSE: Duration = Duration::from_millis(50);
    const PULSES_PER_SECOND: u64 = 20;
    let (units, journal) = (UnitMetrics::new(), JournalMetrics::new());
    let (rooms, mut counting) = (RoomMetrics::new(&state_words()), None::<JoinHandle<()>>);
    let mut keeping = None::<JoinHandle<()>>;
    let mut pulse = tokio::time::interval(PULSE);
    pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut checkpoint: (Option<u64>, Instant) = (None, Instant::now());
    for beat in 0_u64.. {
        pulse.tick().await;
        sampled.watch_space();
        Engine::tick(&sampled.router);
        if beat.is_multiple_of(5) {
            Engine::sample(&sampled.router, &sampled.shards);
            let in_flight = u32::try_from(front.requests_in_flight()).unwrap_or(u32::MAX);
            front.metrics().in_flight.set(f64::from(in_flight));
        }
        if beat.is_multiple_of(PULSES_PER_SECOND) {
            scrape.run_upkeep();
            keeping = bounds::keep(&front, keeping);
            sample_rooms(&sampled.router, &rooms);
            // One that takes longer than a second is not joined by a second.
            if counting.as_ref().is_none_or(JoinHandle::is_finished) {
                let router = Arc::clone(&sampled.router);
                counting = Some(tokio::task::spawn_blocking(move || count_living(&router)));
            }
            sampled.count_units(&units);
            journal.bytes.set(sampled.reader.disk_bytes() as f64);
            journal.log_bytes.set(sampled.log.bytes() as f64);
            let newest = sampled.reader.checkpoint_epoch().ok().flatten();
            if newest != checkpoint.0 {
                checkpoint = (newest, Instant::now());
            }
            journal.checkpoint_age_seconds.set(checkpoint.1.elapsed().as_secs_f64());
        }
    }
}

impl Sampled {
    fn watch_space(&self) {
        let Ok(free) = free_bytes(&self.storage.data_dir) else { return };
        let full = free < self.storage.free_bytes_min && !faults::planted("ignore_full_disk");
        if self.storage_full.swap(full, Ordering::Relaxed) != full {
            let wanted = self.storage.free_bytes_min;
            if full {
                tracing::error!(free, wanted, "the disk is short of space, refusing to sell");
            } else {
                tracing::info!(free, "the disk has space again, selling");
            }
        }
    }

    fn count_units(&self, units: &UnitMetrics) {
        let (mut counts, mut after) = ([0_u64; 4], None::<EventId>);
        loop {
            let page = self.router.list(after.as_ref().map(EventId::as_str), 1_000);
            for pool in page.iter().flat_map(|entry| entry.published().pools.to_vec()) {
                let states = [pool.available, pool.held, pool.sold, pool.blocked];
                counts.iter_mut().zip(states).for_each(|(sum, n)| *sum += u64::from(n));
            }
            match page.last() {
                Some(last) => after = Some(last.id.clone()),
                None => break,
            }
        }
        let gauges = [&units.available, &units.held, &units.sold, &units.blocked];
        gauges.into_iter().zip(counts).for_each(|(gauge, sum)| gauge.set(sum as f64));
    }
}

/// The ready line, which scripts wait for.
#[expect(clippy::print_stdout, reason = "the one line that standard output is for")]
fn announce((public, admin): (SocketAddr, SocketAddr)) {
    println!("listening on http://{public} admin on http://{admin}");
}

/// What asks the process to end in order. Until it is watched, a signal ends it at once.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn watch() -> anyhow::Result<Self> {
        let terminate = signal(SignalKind::terminate()).context("watching SIGTERM")?;
        let interrupt = signal(SignalKind::interrupt()).context("watching SIGINT")?;
        Ok(Self { terminate, interrupt })
    }

    async fn wait(mut self) {
        tokio::select! { _ = self.terminate.recv() => {}, _ = self.interrupt.recv() => {} }
    }
}

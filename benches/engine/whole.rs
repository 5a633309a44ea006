//! The whole engine without HTTP: router, shard actor, committer, sled, fdatasync.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use onsale::actors::{CommitterOptions, Engine, EngineOptions, NewEvent};
use onsale::clock::{Clock, SystemClock};
use onsale::storage::event_log::EventLog;
use onsale::storage::journal::Journal;
use onsale::storage::memory_journal::MemoryStore;
use onsale::storage::recovery::recover;
use onsale::storage::sled_journal::SledJournal;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::ask;

pub fn engine(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(8));
    for in_flight in [1, 256, 8_192] {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let (journal, _) = SledJournal::open(dir.path()).expect("it opens");
        let engine = runtime.block_on(start(Box::new(journal)));
        group.bench_function(BenchmarkId::new("durable", in_flight), |bencher| {
            bencher.iter_custom(|times| runtime.block_on(rush(&engine, in_flight, times)));
        });
        runtime.block_on(engine.drain());
    }
    let engine = runtime.block_on(start(Box::new(MemoryStore::default().open())));
    group.bench_function(BenchmarkId::new("in memory", 8_192), |bencher| {
        bencher.iter_custom(|times| runtime.block_on(rush(&engine, 8_192, times)));
    });
    group.finish();
}

pub async fn start(journal: Box<dyn Journal>) -> Engine {
    let books = recover(&*journal.reader()).expect("an empty journal");
    let options = EngineOptions {
        shards: NonZeroU16::MIN,
        queue_depth_max: 16_384,
        batch_records_max: 4_096,
        patience: Duration::from_secs(60),
        committer: CommitterOptions {
            epoch_bytes_max: 64 << 20,
            on_fault: Box::new(|error| panic!("{error}")),
        },
        log: Arc::new(EventLog::of_journal(journal.reader())),
        on_compactor_fault: Box::new(|error| panic!("{error}")),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let engine = Engine::start(journal, books, clock, options).await.expect("it starts");
    let event =
        NewEvent { terms: ask::terms(), capacities: vec![ask::UNITS], key: None, organizer: None };
    engine.router().create(event).await.expect("the event");
    engine
}

/// So many reservations with so many always under way; how long that took.
async fn rush(engine: &Engine, in_flight: usize, times: u64) -> Duration {
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let mut buyers = JoinSet::new();
    for _ in 0..in_flight {
        let (router, next) = (Arc::clone(engine.router()), Arc::clone(&next));
        buyers.spawn(async move {
            let entry = router.find("concert-a").expect("the event");
            while next.fetch_add(1, Ordering::Relaxed) < times {
                let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
                router.submit(&entry, ask::reserve(number)).await.expect("it is sold");
            }
        });
    }
    while let Some(buyer) = buyers.join_next().await {
        buyer.expect("a buyer");
    }
    started.elapsed()
}

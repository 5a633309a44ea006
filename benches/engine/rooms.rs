//! A waiting room without HTTP: joins through router, host, committer, sled and fdatasync; and what a
//! million fans weigh.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use onsale::actors::{Engine, EventEntry, NewEvent, count_living};
use onsale::domain::ids::EventId;
use onsale::domain::inventory::EventTerms;
use onsale::domain::waiting_room::{Arrange, Join, RoomCommand};
use onsale::storage::sled_journal::SledJournal;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::ask;
use crate::whole::start;

const MILLION: u64 = 1_000_000;

pub fn rooms(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    // First, since memory that others gave back would not be seen to grow; and only when somebody asks for
    // rooms, since it takes a while.
    if std::env::args().any(|word| word.contains("room")) {
        runtime.block_on(weigh());
    }
    let mut group = criterion.benchmark_group("room");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(8));
    for in_flight in [1, 8_192] {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let (journal, _) = SledJournal::open(dir.path()).expect("it opens");
        let engine = runtime.block_on(start(Box::new(journal)));
        runtime.block_on(open(&engine));
        group.bench_function(BenchmarkId::new("join", in_flight), |bencher| {
            let entry = entry(&engine);
            bencher.iter_custom(|times| {
                runtime.block_on(join_many(&engine, &entry, in_flight, times))
            });
        });
        runtime.block_on(engine.drain());
    }
    group.finish();
}

/// Not a bench: prints what a million fans take, and how long their doors and one count do.
async fn weigh() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let (journal, _) = SledJournal::open(dir.path()).expect("it opens");
    let engine = start(Box::new(journal)).await;
    open(&engine).await;
    // Queues, buffers, the journal's cache and what the allocator keeps for them grow once, whoever comes; a fan
    // is charged with what grows by one more.
    let other = put_other_on_sale(&engine).await;
    join_many(&engine, &other, 8_192, MILLION / 4).await;
    let before = resident_bytes();
    let entry = entry(&engine);
    let took = join_many(&engine, &entry, 8_192, MILLION).await;
    let view = entry.room().expect("a room");
    let rate = MILLION as f64 / took.as_secs_f64();
    println!("a million joins in {took:?}: {rate:.0} a second, durable");
    let grown = resident_bytes().saturating_sub(before);
    println!("resident: {:.1} bytes for each fan more", grown as f64 / 1e6);
    let (started, mut longest) = (Instant::now(), Duration::ZERO);
    for fan in 0.. {
        Engine::tick(engine.router());
        let asked = Instant::now();
        let join = Join { fingerprint: fan, code: None, suspect: false };
        let joined = engine.router().room_submit(&other, RoomCommand::Join(join)).await;
        joined.expect("a place");
        longest = longest.max(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
        if 0 < view.snapshot().positions {
            break;
        }
    }
    println!("the doors of a million are open after {:?}", started.elapsed());
    println!("meanwhile a join of another room took {longest:?} at most");
    let started = Instant::now();
    let router = Arc::clone(engine.router());
    tokio::task::spawn_blocking(move || count_living(&router)).await.expect("it counts");
    println!("{} living counted in {:?}", view.living().all(), started.elapsed());
    engine.drain().await;
}

async fn open(engine: &Engine) {
    open_of(engine, &entry(engine)).await;
}

async fn open_of(engine: &Engine, event: &Arc<EventEntry>) {
    let arrange = RoomCommand::Arrange(Box::new(Arrange::nothing([7; 64])));
    engine.router().room_submit(event, arrange).await.expect("the room");
}

/// An event beside the first, of the same shard and host, with a room.
async fn put_other_on_sale(engine: &Engine) -> Arc<EventEntry> {
    let id = EventId::parse("concert-b").expect("a slug");
    let terms = EventTerms { id, ..ask::terms() };
    let new = NewEvent { terms, capacities: vec![ask::UNITS], key: None, organizer: None };
    engine.router().create(new).await.expect("the event");
    let other = engine.router().find("concert-b").expect("the event");
    open_of(engine, &other).await;
    other
}

fn entry(engine: &Engine) -> Arc<EventEntry> {
    engine.router().find("concert-a").expect("the event")
}

/// So many joins with so many always under way; how long that took.
async fn join_many(
    engine: &Engine,
    entry: &Arc<EventEntry>,
    in_flight: usize,
    times: u64,
) -> Duration {
    static FANS: AtomicU64 = AtomicU64::new(0);
    let next = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let mut fans = JoinSet::new();
    for _ in 0..in_flight {
        let (router, next) = (Arc::clone(engine.router()), Arc::clone(&next));
        let entry = Arc::clone(entry);
        fans.spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < times {
                let fan = FANS.fetch_add(1, Ordering::Relaxed);
                let fingerprint = fan.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let join = Join { fingerprint, code: None, suspect: false };
                let joined = router.room_submit(&entry, RoomCommand::Join(join)).await;
                joined.expect("a place");
            }
        });
    }
    while let Some(fan) = fans.join_next().await {
        fan.expect("a fan");
    }
    started.elapsed()
}

fn resident_bytes() -> u64 {
    const PAGE: u64 = 4_096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE
}

//! An engine with one event, and what fans do.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::{Duration, Instant};

use onsale::actors::{
    CommitterOptions, Engine, EngineOptions, EventEntry, NewEvent, PlaceAnswer, RoomAnswer,
    RoomError, RoomView, Router,
};
use onsale::clock::Clock;
use onsale::domain::ids::{EventId, PoolId};
use onsale::domain::inventory::{BookingTerms, EventTerms, PoolTerms, SaleState, SaleTerms};
use onsale::domain::money::{Currency, Money};
use onsale::domain::time::{HoldLength, UnixMillis};
use onsale::domain::waiting_room::{Arrange, Join, Phase, RoomCommand};
use onsale::storage::event_log::EventLog;
use onsale::storage::journal::Journal;
use onsale::storage::recovery::recover;
use tokio::task::JoinHandle;

/// A clock that runs faster than the machine's, so that passes lapse while a test looks.
pub struct FastClock {
    started: Instant,
    times: u64,
}

impl FastClock {
    pub fn new(times: u64) -> Self {
        Self { started: Instant::now(), times }
    }
}

impl Clock for FastClock {
    fn now(&self) -> UnixMillis {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).expect("a short test");
        UnixMillis(1_800_000_000_000 + elapsed * self.times)
    }
}

pub async fn start(journal: Box<dyn Journal>, clock: Arc<dyn Clock>) -> Engine {
    start_with(journal, clock, 64 << 10).await
}

/// The same with epochs of so many bytes.
pub async fn start_with(
    journal: Box<dyn Journal>,
    clock: Arc<dyn Clock>,
    epoch_bytes_max: u64,
) -> Engine {
    let books = recover(&*journal.reader()).expect("the journal reads");
    assert_eq!(books.audit(), []);
    let options = EngineOptions {
        log: Arc::new(EventLog::of_journal(journal.reader())),
        shards: NonZeroU16::MIN,
        queue_depth_max: 16_384,
        batch_records_max: 4_096,
        patience: Duration::from_secs(20),
        committer: CommitterOptions {
            epoch_bytes_max,
            on_fault: Box::new(|error| panic!("{error}")),
        },
        on_compactor_fault: Box::new(|error| panic!("{error}")),
    };
    Engine::start(journal, books, clock, options).await.expect("it starts")
}

/// As the program does, only more often.
pub fn pulse(engine: &Engine, every: Duration) -> JoinHandle<()> {
    let router = Arc::clone(engine.router());
    tokio::spawn(async move {
        loop {
            Engine::tick(&router);
            tokio::time::sleep(every).await;
        }
    })
}

pub async fn put_on_sale(
    router: &Router,
    id: &str,
    units: u32,
    hold_seconds: u32,
) -> Arc<EventEntry> {
    let price = Money { amount: 4_500, currency: Currency::parse("EUR").expect("valid") };
    let pool = PoolTerms { id: PoolId::parse("standing").expect("valid"), name: "S".into(), price };
    let terms = EventTerms {
        id: EventId::parse(id).expect("valid"),
        name: "Concert".into(),
        starts_at: None,
        sale: SaleTerms {
            state: SaleState::Open,
            opens_at: None,
            closes_at: None,
            hold: HoldLength::from_seconds(hold_seconds).expect("in bounds"),
            customer_limit: None,
        },
        booking: BookingTerms { pay_seconds: 10, ..BookingTerms::default() },
        pools: vec![pool],
        created_at: router.now(),
        revision: 1,
    };
    let new = NewEvent { terms, capacities: vec![units], key: None, organizer: None };
    router.create(new).await.expect("the event");
    router.find(id).expect("it is published when it is answered")
}

pub async fn open_room(
    router: &Router,
    entry: &Arc<EventEntry>,
    change: impl FnOnce(&mut Arrange),
) -> Arc<RoomView> {
    let mut ask = Arrange::nothing([7; 64]);
    change(&mut ask);
    let arranged = router.room_submit(entry, RoomCommand::Arrange(Box::new(ask))).await;
    assert!(matches!(arranged, Ok(RoomAnswer::Arranged { is_new: true, .. })), "{arranged:?}");
    Arc::clone(entry.room().expect("it is shown when it is answered"))
}

pub async fn join(
    router: &Router,
    entry: &Arc<EventEntry>,
    fingerprint: u64,
) -> Result<PlaceAnswer, RoomError> {
    let join = Join { fingerprint, code: None, suspect: false };
    match router.room_submit(entry, RoomCommand::Join(join)).await? {
        RoomAnswer::Place(place) => Ok(place),
        other => panic!("{other:?}"),
    }
}

/// Waits for what the clockwork brings about.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub async fn until_phase(view: &RoomView, phase: Phase) {
    until(phase.as_str(), || view.snapshot().phase == phase).await;
}

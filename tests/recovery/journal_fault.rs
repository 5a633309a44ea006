//! After a journal error nothing more is acknowledged (P5), and what was acknowledged is there again.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use onsale::actors::{Answer, CommitterOptions, Engine, EngineOptions, NewEvent, SubmitError};
use onsale::clock::{Clock, ManualClock};
use onsale::domain::ids::{CustomerId, EventId, PoolId};
use onsale::domain::inventory::{
    BookingTerms, Command, EventTerms, Line, Lines, PoolTerms, Receipt, Reserve, SaleState,
    SaleTerms,
};
use onsale::domain::money::{Currency, Money};
use onsale::domain::quantity::Quantity;
use onsale::domain::time::{HoldLength, UnixMillis};

use onsale::storage::event_log::EventLog;
use onsale::storage::journal::Journal;
use onsale::storage::memory_journal::MemoryStore;
use onsale::storage::recovery::recover;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_that_the_journal_refused() {
    for failing in 2..20 {
        let store = MemoryStore::default();
        let engine = start(&store).await;
        let created = engine.router().create(event()).await.expect("the event");
        assert!(matches!(created, Answer::Event { .. }));
        store.fail_from_append(failing);
        let told = rush(&engine).await;
        assert!(told.len() < BUYERS * TRIES, "append {failing} never failed");
        // The process would have ended here; the next one starts on the mended disk.
        store.mend();
        let books = recover(&*store.open().reader()).expect("the journal is whole");
        assert_eq!(books.audit(), []);
        let placed = books.events.into_values().next().expect("the event");
        for receipt in &told {
            let found = placed.inventory.receipt(receipt.id);
            assert!(found.is_some(), "append {failing} failed: {} is gone", receipt.id);
        }
    }
}

const BUYERS: usize = 8;
const TRIES: usize = 20;

/// Everybody tries a few times; what they were told.
async fn rush(engine: &Engine) -> Vec<Receipt> {
    let mut buyers = JoinSet::new();
    for buyer in 0..BUYERS {
        let router = Arc::clone(engine.router());
        buyers.spawn(async move {
            let mut told = Vec::new();
            for salt in 0..TRIES {
                let entry = router.find("concert-a").expect("the event");
                match router.submit(&entry, reserve(buyer, salt)).await {
                    Ok(Answer::Reservation { receipt, .. }) => told.push(receipt),
                    Err(SubmitError::OutcomeUnknown | SubmitError::ShardDown) => {}
                    other => panic!("{other:?}"),
                }
            }
            told
        });
    }
    buyers.join_all().await.concat()
}

async fn start(store: &MemoryStore) -> Engine {
    let journal = store.open();
    let books = recover(&*journal.reader()).expect("an empty journal");
    let options = EngineOptions {
        shards: NonZeroU16::MIN,
        queue_depth_max: 1_000,
        batch_records_max: 4,
        patience: Duration::from_secs(5),
        committer: CommitterOptions { epoch_bytes_max: 1 << 20, on_fault: Box::new(|_| {}) },
        log: Arc::new(EventLog::of_journal(journal.reader())),
        on_compactor_fault: Box::new(|error| panic!("{error}")),
    };
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(UnixMillis(1_000_000)));
    Engine::start(Box::new(journal), books, clock, options).await.expect("it starts")
}

fn reserve(buyer: usize, salt: usize) -> Command {
    let line = Line { pool: 0, quantity: Quantity::new(1).expect("in bounds") };
    Command::Reserve(Reserve {
        customer: CustomerId::parse(&format!("fan-{buyer}")).expect("valid"),
        lines: [line].into_iter().collect::<Lines>(),
        key: None,
        salt: u32::try_from(salt).expect("small"),
        pass: None,
    })
}

fn event() -> NewEvent {
    let sale = SaleTerms {
        state: SaleState::Open,
        opens_at: None,
        closes_at: None,
        hold: HoldLength::from_seconds(600).expect("in bounds"),
        customer_limit: None,
    };
    let price = Money { amount: 4_500, currency: Currency::parse("EUR").expect("valid") };
    let pool = PoolTerms { id: PoolId::parse("standing").expect("valid"), name: "S".into(), price };
    let terms = EventTerms {
        id: EventId::parse("concert-a").expect("valid"),
        name: "Concert A".into(),
        starts_at: None,
        sale,
        booking: BookingTerms::default(),
        pools: vec![pool],
        created_at: UnixMillis(1_000_000),
        revision: 1,
    };
    NewEvent { terms, capacities: vec![1_000_000], key: None, organizer: None }
}

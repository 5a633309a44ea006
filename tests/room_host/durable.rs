//! What a fan is told, and what others see of it, is on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use onsale::actors::{PollTurn, RoomError};
use onsale::clock::{Clock, SystemClock};
use onsale::domain::waiting_room::{Method, Phase, RoomCommand, RoomRefusal, State};
use onsale::storage::error::JournalError;
use onsale::storage::journal::{Journal, JournalReader, Position};
use onsale::storage::memory_journal::{MemoryJournal, MemoryStore};
use onsale::storage::recovery::recover;
use tokio::task::JoinSet;

use crate::world::{join, open_room, pulse, put_on_sale, start, until_phase};

/// A slow disk that says how many bytes are on it.
struct Slow {
    inner: MemoryJournal,
    durable: Arc<AtomicU64>,
}

impl Journal for Slow {
    fn append(&mut self, groups: &[&[u8]]) -> Result<Position, JournalError> {
        std::thread::sleep(Duration::from_millis(15));
        let position = self.inner.append(groups)?;
        self.durable.fetch_add(1, Ordering::SeqCst);
        Ok(position)
    }

    fn epoch_bytes(&self) -> u64 {
        self.inner.epoch_bytes()
    }

    fn rotate(&mut self) -> Result<u64, JournalError> {
        self.inner.rotate()
    }

    fn close(&mut self) -> Result<(), JournalError> {
        self.inner.close()
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        self.inner.reader()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_is_on_disk_before_its_fan_or_anybody_hears_of_it() {
    let (store, durable) = (MemoryStore::default(), Arc::new(AtomicU64::new(0)));
    let journal = Slow { inner: store.open(), durable: Arc::clone(&durable) };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let engine = start(Box::new(journal), clock).await;
    let entry = put_on_sale(engine.router(), "e", 10, 60).await;
    assert!(entry.room().is_none());
    let view = open_room(engine.router(), &entry, |_| ()).await;
    for fan in 0..20_u64 {
        let before = durable.load(Ordering::SeqCst);
        let place = join(engine.router(), &entry, fan).await.expect("a place");
        assert!(before < durable.load(Ordering::SeqCst), "INV-5: fan {fan} was told too early");
        assert_eq!((u64::from(place.number), place.replayed), (fan, false));
        // Told, so published; and recovered from what is on disk at this very moment.
        let seen = view.place(place.number, &view.snapshot(), engine.router().now());
        assert_eq!(seen.expect("it is shown").state, State::Waiting);
        let books = recover(&*store.open().reader()).expect("the journal reads");
        let room = books.rooms.values().next().expect("the room");
        assert_eq!(room.line().fingerprint(place.number), Some(fan));
    }
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fan_who_asks_many_times_at_once_has_one_place() {
    let store = MemoryStore::default();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let engine = start(Box::new(store.open()), clock).await;
    let entry = put_on_sale(engine.router(), "e", 10, 60).await;
    let nobody = join(engine.router(), &entry, 1).await;
    assert_eq!(nobody, Err(RoomError::Refused(RoomRefusal::NoRoom)));
    let view = open_room(engine.router(), &entry, |ask| ask.method = Some(Method::Fifo)).await;
    let mut asking = JoinSet::new();
    for n in 0..200_u64 {
        let (router, entry) = (Arc::clone(engine.router()), Arc::clone(&entry));
        asking
            .spawn(async move { (n % 10, join(&router, &entry, n % 10).await.expect("a place")) });
    }
    let answers = asking.join_all().await;
    let news = answers.iter().filter(|(_, place)| !place.replayed).count();
    assert_eq!(news, 10, "one new place for each");
    for (fan, place) in &answers {
        let first = answers.iter().find(|(other, _)| other == fan).expect("itself");
        assert_eq!((place.number, place.fingerprint), (first.1.number, *fan));
    }
    assert_eq!(view.snapshot().phase, Phase::PreQueue);
    // The clockwork opens the doors, and each has a place that is told.
    let pulse = pulse(&engine, Duration::from_millis(5));
    until_phase(&view, Phase::Active).await;
    let leave = RoomCommand::Leave { number: 3, in_flight_ms: 0 };
    engine.router().room_submit(&entry, leave).await.expect("it may leave");
    let seen = view.place(3, &view.snapshot(), engine.router().now()).expect("it was given out");
    assert_eq!(seen.state, State::Left);
    pulse.abort();
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_tab_takes_no_turn_to_ask_from_the_first() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let engine = start(Box::new(MemoryStore::default().open()), clock).await;
    let entry = put_on_sale(engine.router(), "e", 10, 60).await;
    let view = open_room(engine.router(), &entry, |_| ()).await;
    let place = join(engine.router(), &entry, 1).await.expect("a place").number;
    let now = engine.router().now();
    assert!(!view.is_absent(place, now, 60));
    assert!(!view.is_absent(place + 1, now, 60), "nobody was told this number yet");
    assert!(view.is_absent(place, now.plus_seconds(600), 60));
    view.expect_poll(place, now, 2_000);
    view.expect_poll_too(place, now, 30_000);
    assert_eq!(view.poll(place, now.plus_millis(2_000)), PollTurn::Due, "the first tab's turn");
    // Sooner than the first was asked to: sooner for both.
    view.expect_poll(place, now, 30_000);
    view.expect_poll_too(place, now, 2_000);
    assert_eq!(view.poll(place, now.plus_millis(2_000)), PollTurn::Due);
    // The first one is late, perhaps closed.
    let later = now.plus_millis(60_000);
    view.expect_poll_too(place, later, 10_000);
    assert!(matches!(view.poll(place, later.plus_millis(2_000)), PollTurn::Early { .. }));
    engine.drain().await;
}

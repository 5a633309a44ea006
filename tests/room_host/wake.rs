//! A room in the mode `auto` sleeps until demand wakes it.

use std::sync::Arc;
use std::time::Duration;

use onsale::actors::Gate;
use onsale::clock::{Clock, SystemClock};
use onsale::domain::waiting_room::{Ending, Method, Phase, RoomCommand, RoomMode, State};
use onsale::storage::memory_journal::MemoryStore;

use crate::world::{FastClock, join, open_room, pulse, put_on_sale, start, until, until_phase};
use onsale::domain::waiting_room::Arrange;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gate_is_open_without_a_room_and_shut_by_demand_alone() {
    let store = MemoryStore::default();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let engine = start(Box::new(store.open()), clock).await;
    let router = Arc::clone(engine.router());
    let entry = put_on_sale(&router, "e", 10, 60).await;
    assert!(matches!(entry.gate(), Gate::Open), "no room");
    let view = open_room(&router, &entry, |ask| {
        ask.mode = Some(RoomMode::Auto);
        ask.method = Some(Method::Fifo);
        ask.auto_per_second = Some(50);
    })
    .await;
    let pulse = pulse(&engine, Duration::from_millis(5));
    assert_eq!(view.snapshot().phase, Phase::Idle);
    assert!(matches!(entry.gate(), Gate::Open), "nobody asks");
    // More than 50 in a second, however the host's looks fall.
    let rush = tokio::spawn({
        let entry = Arc::clone(&entry);
        async move {
            loop {
                (0..20).for_each(|_| drop(entry.gate()));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    until_phase(&view, Phase::Active).await;
    rush.abort();
    assert!(matches!(entry.gate(), Gate::NeedsPass(_)));
    let mut drain = Arrange::nothing([8; 64]);
    drain.ending = Some(Ending::Drain);
    let command = RoomCommand::Arrange(Box::new(drain));
    router.room_submit(&entry, command).await.expect("it may be drained");
    until_phase(&view, Phase::Drained).await;
    assert!(matches!(entry.gate(), Gate::Open), "drained");
    pulse.abort();
    engine.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_demand_woke_sleeps_again_once_nobody_waits_and_few_ask() {
    let store = MemoryStore::default();
    let clock: Arc<dyn Clock> = Arc::new(FastClock::new(100));
    let engine = start(Box::new(store.open()), clock).await;
    let router = Arc::clone(engine.router());
    let entry = put_on_sale(&router, "e", 10, 60).await;
    let view = open_room(&router, &entry, |ask| {
        ask.mode = Some(RoomMode::Auto);
        ask.method = Some(Method::Fifo);
        ask.auto_per_second = Some(2);
        ask.pass_seconds = Some(10);
    })
    .await;
    let pulse = pulse(&engine, Duration::from_millis(5));
    for _ in 0..2 {
        until("demand wakes it", || {
            (0..100).for_each(|_| drop(entry.gate()));
            view.snapshot().phase == Phase::Active
        })
        .await;
        let place = join(&router, &entry, 7).await.expect("a place");
        assert!(matches!(entry.gate(), Gate::NeedsPass(_)));
        until_phase(&view, Phase::Idle).await;
        assert!(matches!(entry.gate(), Gate::Open), "it sleeps");
        let seen = view.place(place.number, &view.snapshot(), router.now()).expect("given out");
        assert!(!matches!(seen.state, State::Waiting | State::Returning), "{seen:?} still waits");
    }
    pulse.abort();
    engine.drain().await;
}

//! A host that panics is replaced by replay: its rooms go on, and nobody loses a place.

use std::sync::Arc;
use std::time::{Duration, Instant};

use onsale::actors::{EventEntry, PlaceAnswer, RoomError, Router, SubmitError};
use onsale::clock::{Clock, SystemClock};
use onsale::domain::waiting_room::{Arrange, Method, Phase, State};
use onsale::storage::memory_journal::MemoryStore;

use crate::child::{spawn, word};
use crate::world::{join, open_room, pulse, put_on_sale, start, until, until_phase};

/// Whoever joins with it brings the host down, when `panic_on_fingerprint` is planted.
const POISON: u64 = u64::MAX;

/// Asks again while the host is being replaced, as `outcome_unknown` and `shard_down` ask for.
async fn insist(router: &Router, entry: &Arc<EventEntry>, fan: u64) -> PlaceAnswer {
    let started = Instant::now();
    loop {
        match join(router, entry, fan).await {
            Ok(place) => return place,
            Err(RoomError::Failed(_)) => {}
            Err(refused) => panic!("{refused}"),
        }
        assert!(started.elapsed() < Duration::from_secs(20), "the host stays down");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_host_that_panics_comes_back_with_all_it_promised() {
    let dir = tempfile::tempdir().expect("a directory");
    let more = word("ONSALE_FAULT").unwrap_or_default();
    let planted = format!("panic_on_fingerprint,{more}");
    let words = [("ONSALE_FAULT", planted.as_str())];
    let mut child = spawn("replaced::child_with_a_host_that_panics", dir.path(), &words);
    assert!(child.wait().expect("it ends").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the test above, with a planted panic"]
async fn child_with_a_host_that_panics() {
    if word("ONSALE_TEST_DIR").is_none() {
        return;
    }
    let store = MemoryStore::default();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let engine = start(Box::new(store.open()), clock).await;
    let router = Arc::clone(engine.router());
    // More units than fans, so that it is never stock that lets nobody in.
    let entry = put_on_sale(&router, "e", 10_000, 60).await;
    let other = put_on_sale(&router, "other", 10, 60).await;
    let quickly = |ask: &mut Arrange| {
        ask.method = Some(Method::Fifo);
        (ask.rate_per_minute, ask.active_max) = (Some(60_000), Some(10_000));
    };
    let view = open_room(&router, &entry, quickly).await;
    open_room(&router, &other, |_| ()).await;
    let pulse = pulse(&engine, Duration::from_millis(5));
    until_phase(&view, Phase::Active).await;
    let mut told = Vec::new();
    for round in 0..5_u64 {
        for n in 0..40 {
            let fan = round * 1_000 + n;
            told.push((fan, join(&router, &entry, fan).await.expect("a place").number));
        }
        let poisoned = join(&router, &entry, POISON).await;
        assert_eq!(poisoned, Err(RoomError::Failed(SubmitError::OutcomeUnknown)));
        assert!(Arc::ptr_eq(&view, entry.room().expect("a room")), "readers keep their view");
        for (fan, number) in &told {
            let again = insist(&router, &entry, *fan).await;
            assert_eq!((again.number, again.replayed), (*number, true), "fan {fan}");
        }
        assert_eq!(view.place(9_999, &view.snapshot(), router.now()), None);
        insist(&router, &other, round).await;
    }
    // The clockwork goes on as well: whoever joins after the last replacement is let in.
    let last = join(&router, &entry, 77_777).await.expect("a place").number;
    let is_ready = || {
        let seen = view.place(last, &view.snapshot(), router.now());
        seen.is_some_and(|seen| seen.state == State::Ready)
    };
    until("somebody is let in", is_ready).await;
    pulse.abort();
    engine.drain().await;
}

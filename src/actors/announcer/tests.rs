//! The whole announcer, on a log, a receiver and an outbox in memory. Time stands still unless everybody
//! waits for it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::testing::{Log, Stand, ToStand, event, publish};
use super::*;
use crate::actors::audit::Audit;
use crate::actors::directory::{Directory, EventEntry};
use crate::clock::ManualClock;
use crate::domain::audit::AuditLog;
use crate::domain::ids::EventNumber;
use crate::domain::placement::Ring;
use crate::domain::time::UnixMillis;
use crate::storage::outbox::{LetterId, MemoryShelf};

/// What survives a restart, and what is outside.
struct World {
    directory: Arc<Directory>,
    clock: ManualClock,
    shelf: Arc<MemoryShelf>,
    log: Arc<Log>,
    stand: Arc<Stand>,
    next_event: u64,
}

impl World {
    fn new() -> Self {
        Self {
            directory: Arc::default(),
            clock: ManualClock::at(UnixMillis(1_795_521_600_000)),
            shelf: Arc::default(),
            log: Arc::default(),
            stand: Arc::default(),
            next_event: 1,
        }
    }

    /// An event of which so many entries are published.
    fn add(&mut self, version: u64) -> Arc<EventEntry> {
        let entry = event(self.next_event, version);
        self.next_event += 1;
        self.directory.insert(Arc::clone(&entry));
        self.directory.note_change(&entry);
        entry
    }

    fn publish(&self, entry: &Arc<EventEntry>, version: u64) {
        publish(entry, version);
        self.directory.note_change(entry);
    }

    fn outbox(&self) -> Outbox {
        Outbox::new(self.shelf.clone())
    }

    async fn start(&self) -> AnnouncerHandle {
        self.start_for("reservation.*").await
    }

    async fn start_for(&self, topics: &str) -> AnnouncerHandle {
        let ring = Ring::new(std::num::NonZeroU16::MIN);
        let clock = Arc::new(self.clock.clone());
        let directory = Arc::clone(&self.directory);
        let (intake, _) = tokio::sync::mpsc::channel(1);
        let audit = Audit::new(AuditLog::default(), intake, clock.clone(), Arc::default());
        let none = (Box::default(), Box::default());
        let router = Router::new(directory, none, audit, ring, (self.next_event, clock));
        let receiver = Receiver {
            url: "https://example.org/".to_owned(),
            secrets: vec![SigningSecret::from_bytes(vec![1; 32]).expect("32 bytes")],
            topics: Topics::parse(topics).expect("topics"),
        };
        let options = AnnouncerOptions {
            receiver,
            channel: Box::new(ToStand(Arc::clone(&self.stand))),
            source: Box::new(Arc::clone(&self.log)),
            outbox: self.outbox(),
            concurrency: 8,
        };
        start(Arc::new(router), options).await.expect("starts")
    }

    async fn stop(&self, handle: AnnouncerHandle) {
        handle.stop().await;
        assert_eq!(handle.dead(None, 1).await, Err(AnnouncerDown));
    }

    /// Waits until so many were taken, and a while longer for what should not come.
    async fn until_taken(&self, count: usize) -> Vec<String> {
        for _ in 0..100_000 {
            if count <= self.stand.taken().len() {
                break;
            }
            self.pass(Duration::from_millis(50)).await;
        }
        self.pass(Duration::from_secs(1)).await;
        self.stand.taken().into_keys().collect()
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
        self.clock.advance(u64::try_from(time.as_millis()).expect("short"));
    }
}

fn ids(event: u64, entries: std::ops::RangeInclusive<u64>) -> Vec<String> {
    let mut ids: Vec<String> = entries.map(|entry| format!("w{event}-{entry}")).collect();
    ids.sort();
    ids
}

#[tokio::test(start_paused = true)]
async fn every_entry_of_a_new_event_is_told_in_order_and_once() {
    let mut world = World::new();
    let handle = world.start().await;
    let entry = world.add(1);
    world.publish(&entry, 300);
    assert_eq!(world.until_taken(299).await, ids(1, 2..=300));
    let begun = world.stand.tries();
    let in_order: Vec<String> = (2..=300).map(|entry| format!("w1-{entry}")).collect();
    assert_eq!(begun, in_order, "begun in order, each once");
    assert_eq!(world.stand.taken()["w1-7"], "entry 7");
    assert!((2..=8).contains(&world.stand.under_way_max()), "{}", world.stand.under_way_max());
    // After a restart nothing comes again.
    world.stop(handle).await;
    assert_eq!(world.outbox().cursor(EventNumber(1)).expect("reads"), Some(300));
    let handle = world.start().await;
    world.publish(&entry, 301);
    world.until_taken(300).await;
    assert_eq!(world.stand.tries().len(), 300);
    world.stop(handle).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_from_before_is_told_from_now_on_and_one_from_meanwhile_from_its_start() {
    let mut world = World::new();
    let old = world.add(50);
    let handle = world.start().await;
    let new = world.add(1);
    world.publish(&old, 51);
    world.publish(&new, 3);
    assert_eq!(world.until_taken(3).await, ["w1-51", "w2-2", "w2-3"]);
    world.stop(handle).await;
    // Created while it was on, and nobody was told before the crash.
    world.shelf.fail_from_write(Some(0));
    let handle = world.start_for("").await;
    world.add(4);
    world.pass(Duration::from_secs(1)).await;
    world.stop(handle).await;
    world.shelf.fail_from_write(None);
    let handle = world.start().await;
    assert_eq!(world.until_taken(6).await.len(), 6, "{:?}", world.stand.tries());
    world.stop(handle).await;
    // Created while it was off.
    world.outbox().set_since(None).expect("kept");
    let late = world.add(9);
    let handle = world.start().await;
    world.publish(&late, 10);
    assert!(world.until_taken(7).await.contains(&"w4-10".to_owned()));
    assert_eq!(world.stand.taken().len(), 7);
    world.stop(handle).await;
}

#[tokio::test(start_paused = true)]
async fn one_entry_that_is_refused_holds_up_no_other_and_comes_later() {
    let mut world = World::new();
    let handle = world.start().await;
    world.stand.refuse(&["w1-3"]);
    let entry = world.add(20);
    let mut others = ids(1, 2..=20);
    others.retain(|id| id != "w1-3");
    assert_eq!(world.until_taken(18).await, others);
    assert_eq!(world.outbox().cursor(EventNumber(1)).expect("reads"), Some(20));
    // The log may drop it: the letter has its own copy, which survives a restart.
    *world.log.oldest.lock().expect("a number") = 19;
    world.stop(handle).await;
    let handle = world.start().await;
    world.stand.refuse(&[]);
    assert_eq!(world.until_taken(19).await, ids(1, 2..=20));
    assert_eq!(world.stand.taken()["w1-3"], "entry 3");
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(world.outbox().letters(None, 9, |_| true).expect("reads"), []);
    assert_eq!(entry.published().version, 20);
    world.stop(handle).await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_uses_up_few_tries_and_afterwards_everything_arrives_at_once() {
    let mut world = World::new();
    world.stand.set_down(true);
    let handle = world.start().await;
    for _ in 0..5 {
        world.add(401);
    }
    world.pass(Duration::from_secs(3 * 60 * 60)).await;
    world.pass(Duration::from_secs(1)).await;
    let tries = world.stand.tries().len();
    assert!((50..700).contains(&tries), "{tries} tries in three hours");
    assert_eq!(handle.dead(None, 10).await.expect("up"), []);
    world.stand.set_down(false);
    let back = tokio::time::Instant::now();
    assert_eq!(world.until_taken(2_000).await.len(), 2_000);
    assert!(back.elapsed() < Duration::from_secs(120), "{:?}", back.elapsed());
    world.stop(handle).await;
    for number in 1..=5 {
        assert_eq!(world.outbox().cursor(EventNumber(number)).expect("reads"), Some(401));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_given_up_is_shown_and_sent_again_when_asked() {
    let mut world = World::new();
    world.stand.set_gone(true);
    let handle = world.start().await;
    world.add(4);
    world.pass(Duration::from_secs(2)).await;
    let dead = handle.dead(None, 10).await.expect("up");
    let shown: Vec<_> = dead.iter().map(|(id, letter)| (id.to_string(), letter.tries)).collect();
    assert_eq!(shown, [("w1-2".to_owned(), 1), ("w1-3".to_owned(), 1), ("w1-4".to_owned(), 1)]);
    let (id, letter) = &dead[1];
    assert_eq!((letter.event.as_str(), letter.kind.as_str()), ("event-000001", "reservation.held"));
    assert!(letter.reason.contains("410 Gone"), "{}", letter.reason);
    let unknown = LetterId { entry: 99, ..*id };
    let refused = handle.send_again(unknown).await.expect_err("never was");
    assert_eq!(refused, ReviveError::Unknown.into());
    world.stand.set_gone(false);
    // Also after a restart.
    world.stop(handle).await;
    let handle = world.start().await;
    assert_eq!(handle.dead(None, 10).await.expect("up"), dead);
    assert_eq!(handle.send_again(*id).await.expect("dead").tries, 0);
    assert_eq!(world.until_taken(1).await, ["w1-3"]);
    assert_eq!(handle.dead(Some(*id), 10).await.expect("up").len(), 1);
    assert_eq!(handle.dead(None, 1).await.expect("up")[0].0.entry, 2);
    world.stop(handle).await;
}

#[tokio::test(start_paused = true)]
async fn a_letter_is_given_up_after_three_days_of_tries() {
    let mut world = World::new();
    world.stand.refuse(&["w1-2"]);
    let handle = world.start().await;
    world.add(2);
    for _ in 0..(24 * 4) {
        world.clock.advance(60 * 60 * 1_000);
        world.pass(Duration::from_secs(1)).await;
    }
    let dead = handle.dead(None, 10).await.expect("up");
    assert_eq!((dead.len(), dead[0].1.tries), (1, 10));
    assert_eq!(world.stand.tries().len(), 10);
    world.stop(handle).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_log_dropped_is_skipped_and_the_rest_goes_on() {
    let mut world = World::new();
    let handle = world.start().await;
    *world.log.oldest.lock().expect("a number") = 8;
    world.add(10);
    assert_eq!(world.until_taken(3).await, ids(1, 8..=10));
    world.stop(handle).await;
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_for_a_while_is_read_later() {
    let mut world = World::new();
    world.log.faults.store(3, Ordering::SeqCst);
    let handle = world.start().await;
    world.add(3);
    assert_eq!(world.until_taken(2).await, ids(1, 2..=3));
    world.stop(handle).await;
}

#[tokio::test(start_paused = true)]
async fn an_outbox_that_takes_nothing_stops_new_tries_and_forgets_no_letter() {
    let mut world = World::new();
    let handle = world.start().await;
    world.shelf.fail_from_write(Some(0));
    let all = ids(1, 2..=301);
    world.stand.refuse(&all.iter().map(String::as_str).collect::<Vec<_>>());
    world.add(301);
    for _ in 0..20 {
        world.pass(Duration::from_secs(1)).await;
    }
    let tried = world.stand.tries().len();
    assert!(tried < 100, "{tried} letters in memory only");
    assert_eq!(handle.dead(None, 1).await.expect("up"), [], "nothing is given up for it");
    world.stand.refuse(&[]);
    world.shelf.fail_from_write(None);
    assert_eq!(world.until_taken(300).await, all);
    world.stop(handle).await;
}

#[tokio::test(start_paused = true)]
async fn many_events_with_one_change_each_are_told() {
    let mut world = World::new();
    let handle = world.start().await;
    for number in 0..2_000 {
        // Of each second one, nothing is wanted.
        world.add(1 + number % 2);
    }
    assert_eq!(world.until_taken(1_000).await.len(), 1_000);
    assert_eq!(world.stand.tries().len(), 1_000);
    world.stop(handle).await;
    assert_eq!(world.outbox().cursors().expect("reads").len(), 2_000);
}

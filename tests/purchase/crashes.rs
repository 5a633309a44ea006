//! The server dies at every step of the purchase, is started again, and every purchase ends right.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::buyers::{Bought, Buyer, KINDS, Kind, Way, check, settle_slow};
use crate::shop::Shop;
use crate::support::plain_client;

const CAPACITY: u64 = 10_000;
/// Until the place is passed at which the server dies.
const PATIENCE: Duration = Duration::from_secs(20);

/// Buyers of the given kinds, over servers that die as `deaths` says.
struct Story {
    shop: Shop,
    way: Way,
    buyers: Vec<tokio::task::JoinHandle<Bought>>,
}

impl Story {
    async fn begin(extra: &[(&str, &str)], kinds: &[Kind]) -> Self {
        let shop = Shop::open_with(extra).await;
        shop.event("a", CAPACITY, json!({"payment_seconds": 600})).await;
        shop.hear_webhooks(2);
        let url = Arc::new(Mutex::new(shop.server.url.clone()));
        let way = Way { client: plain_client(), url };
        let all: Vec<Buyer> = kinds
            .iter()
            .enumerate()
            .map(|(n, kind)| Buyer::new(&shop, &way, format!("fan-{n}"), *kind))
            .collect();
        let buyers = all.into_iter().map(|buyer| tokio::spawn(buyer.run())).collect();
        Self { shop, way, buyers }
    }

    fn reopen(&mut self) {
        self.shop.reopen();
        self.way.url.lock().expect("an address").clone_from(&self.shop.server.url);
        self.shop.hear_webhooks(2);
    }

    /// Whether it died before everybody had what they wanted.
    async fn until_dead(&mut self, place: &str) -> bool {
        let (started, mut all_done) = (Instant::now(), None);
        while !self.shop.server.has_ended() {
            assert!(started.elapsed() < PATIENCE, "nothing happens before {place}");
            settle_slow(&self.shop);
            tokio::time::sleep(Duration::from_millis(20)).await;
            if self.buyers.iter().all(tokio::task::JoinHandle::is_finished) {
                // What is left are mails, and what is noted of them.
                let since: &mut Instant = all_done.get_or_insert_with(Instant::now);
                if Duration::from_secs(2) < since.elapsed() {
                    return false;
                }
            }
        }
        true
    }

    async fn end(mut self, when: &str) -> String {
        while !self.buyers.iter().all(tokio::task::JoinHandle::is_finished) {
            settle_slow(&self.shop);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut all = Vec::new();
        for buyer in self.buyers {
            all.push(buyer.await.unwrap_or_else(|error| panic!("{when}: {error}")));
        }
        check(&self.shop, &all, CAPACITY, when).await;
        self.shop.close()
    }
}

/// One story for each of `places`, which are as `ONSALE_CRASH` wants them.
async fn die_at(places: &[&str]) {
    for place in places {
        assert!(die_if_passed(place).await, "{place} was not passed: nothing was tried");
    }
}

/// Whether the server died there; the story ends well in any case.
async fn die_if_passed(place: &str) -> bool {
    let mut story = Story::begin(&[("ONSALE_CRASH", place)], &KINDS).await;
    let has_died = story.until_dead(place).await;
    story.shop.server.kill();
    story.reopen();
    story.end(place).await;
    has_died
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_death_around_an_order_loses_or_doubles_it() {
    die_at(&["before_booked:3", "after_booked", "before_cancelled", "after_cancelled"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_death_around_a_charge_loses_or_doubles_money() {
    die_at(&["before_charge:2", "after_charge", "after_charge:3", "after_look_up"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_death_around_what_the_provider_said_forgets_it() {
    die_at(&["before_told", "after_told", "before_webhook_noted", "after_webhook_noted:2"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_death_around_a_refund_loses_or_doubles_it() {
    die_at(&["before_refund", "after_refund"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_death_around_a_mail_loses_it() {
    die_at(&["before_mail", "after_mail", "after_mail:2", "after_mail_noted"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_death_around_a_write_of_the_journal_loses_or_doubles_anything() {
    // The first three are the event and its entry in the audit log.
    die_at(&["before_append:5", "after_append:8", "before_append:11"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a minute by itself; the gate runs it"]
async fn no_death_at_any_write_of_the_journal_loses_or_doubles_anything() {
    // Writes are grouped as they come, so nobody knows how many there will be.
    for write in 4.. {
        let before = die_if_passed(&format!("before_append:{write}")).await;
        let after = die_if_passed(&format!("after_append:{write}")).await;
        if !before && !after {
            assert!(10 < write, "only {write} writes: nothing was tried");
            println!("died at each of {write} writes");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_under_load_loses_or_doubles_anything() {
    let kinds: Vec<Kind> = KINDS.iter().copied().cycle().take(40).collect();
    let mut story = Story::begin(&[], &kinds).await;
    story.shop.event("filler", CAPACITY, json!({})).await;
    for kill in 0..6 {
        tokio::time::sleep(Duration::from_millis(20 + kill * 47)).await;
        story.shop.fill("filler", &kill.to_string()).await;
        settle_slow(&story.shop);
        story.shop.server.kill();
        story.reopen();
    }
    let found = story.end("six kills").await;
    assert!(!found.contains("checkpoint    none"), "no purchase was ever folded: {found}");
}

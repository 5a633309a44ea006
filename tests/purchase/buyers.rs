//! Buyers who do not give up: each repeats every step with the same key until it is answered, over as many
//! deaths of the server as it takes, and in the end everybody's money and units are counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::shop::{PRICE, Shop, order};
use crate::stripe_stand_in::Fault;

/// Until every step of a buyer is answered.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a card behaves, and what its owner does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Plain,
    Declined,
    HangsAfter,
    HangsBefore,
    Garbage,
    /// Under way until the provider tells.
    Slow,
    /// Cancelled once it is confirmed.
    Regrets,
    /// Cancelled at once, whatever it is by then.
    Hasty,
}

pub const KINDS: [Kind; 8] = [
    Kind::Plain,
    Kind::Regrets,
    Kind::Declined,
    Kind::HangsAfter,
    Kind::Hasty,
    Kind::Slow,
    Kind::HangsBefore,
    Kind::Garbage,
];

/// Where the server is at the moment; it moves when it starts again.
#[derive(Clone)]
pub struct Way {
    pub client: Client,
    pub url: Arc<Mutex<String>>,
}

impl Way {
    /// Asks until there is an answer that is one.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let started = Instant::now();
        loop {
            assert!(started.elapsed() < PATIENCE, "{method} {path} is not answered");
            let url = format!("{}{path}", self.url.lock().expect("an address"));
            let mut request = self.client.request(method.clone(), url);
            if let Some(key) = key {
                request = request.header("Idempotency-Key", key);
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            if let Ok(answer) = request.send().await {
                let status = answer.status().as_u16();
                if let (true, Ok(body)) = (status != 503, answer.json().await) {
                    return (status, body);
                }
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}

/// One who buys two units of the event `a`.
#[derive(Clone)]
pub struct Buyer {
    pub name: String,
    pub kind: Kind,
    way: Way,
}

/// What a buyer was told in the end.
pub struct Bought {
    pub buyer: Buyer,
    pub id: String,
    /// Whether it was ever seen CONFIRMED.
    pub was_confirmed: bool,
}

impl Buyer {
    pub fn new(shop: &Shop, way: &Way, name: String, kind: Kind) -> Self {
        let buyer = Self { name, kind, way: way.clone() };
        let faults: &[Fault] = match kind {
            Kind::HangsAfter => &[Fault::HangAfter],
            Kind::HangsBefore => &[Fault::HangBefore],
            Kind::Garbage => &[Fault::GarbageAfter],
            Kind::Plain | Kind::Declined | Kind::Slow | Kind::Regrets | Kind::Hasty => &[],
        };
        shop.stripe.script_card(&buyer.token(), faults.iter().copied());
        buyer
    }

    pub fn token(&self) -> String {
        let card = match self.kind {
            Kind::Declined => "pm_card_chargeDeclined",
            Kind::Slow => "pm_card_slow",
            _ => "pm_card_visa",
        };
        format!("{card}-{}", self.name)
    }

    pub async fn run(self) -> Bought {
        let hold = json!({"customer": self.name, "lines": [{"pool": "standing", "quantity": 2}]});
        let key = format!("hold-{}", self.name);
        let path = "/v1/events/a/reservations";
        let (status, held) = self.way.ask(Method::POST, path, Some(&key), Some(&hold)).await;
        assert_eq!(status, 201, "{held}");
        let id = held["id"].as_str().expect("an id").to_owned();
        let order = order(&id, &self.token(), &self.name);
        let key = format!("book-{}", self.name);
        let path = "/v1/events/a/bookings";
        let (status, booked) = self.way.ask(Method::POST, path, Some(&key), Some(&order)).await;
        assert_eq!((status, &booked["id"]), (202, &json!(id)), "{booked}");
        if self.kind == Kind::Hasty {
            self.cancel(&id).await;
        }
        let mut booking = self.until(&id, |booking| booking["status"] != "PENDING_PAYMENT").await;
        let was_confirmed = booking["status"] == "CONFIRMED";
        if self.kind == Kind::Regrets {
            assert!(was_confirmed, "{booking}");
            self.cancel(&id).await;
            booking = self.until(&id, |booking| booking["refund_status"] == "refunded").await;
            assert_eq!(booking["status"], "CANCELLED", "{booking}");
        }
        Bought { buyer: self, id, was_confirmed }
    }

    async fn cancel(&self, id: &str) {
        let path = format!("/v1/events/a/bookings/{id}/cancel");
        let (status, answer) = self.way.ask(Method::POST, &path, None, None).await;
        assert_eq!(status, 202, "{answer}");
    }

    async fn until(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let (path, started) = (format!("/v1/events/a/bookings/{id}"), Instant::now());
        loop {
            let (status, booking) = self.way.ask(Method::GET, &path, None, None).await;
            assert_eq!(status, 200, "a booking that was told of is gone: {booking}");
            if wanted(&booking) {
                return booking;
            }
            assert!(started.elapsed() < PATIENCE, "{} is still {booking}", self.name);
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }
}

/// The provider's part: ends what is under way there, for as long as it lives.
pub fn settle_slow(shop: &Shop) {
    let under_way = shop.stripe.intents();
    let under_way = under_way.iter().filter(|intent| intent.status == "processing");
    under_way.for_each(|intent| shop.stripe.settle(&intent.id, true));
}

/// Counts after everybody is done: every booking has ended, each card was charged at most once, and who
/// paid has tickets and one mail of them. `capacity` is the event's.
pub async fn check(shop: &Shop, all: &[Bought], capacity: u64, when: &str) {
    let mut confirmed = 0;
    for Bought { buyer, id, was_confirmed } in all {
        let (name, token) = (&buyer.name, buyer.token());
        let unsettled = |booking: &Value| {
            booking["refund_status"] == "pending" || booking["payment"]["status"] == "PROCESSING"
        };
        let booking = shop.until("a", id, |booking| !unsettled(booking)).await;
        let status = booking["status"].as_str().expect("a status");
        let wanted: &[&str] = match buyer.kind {
            Kind::Declined => &["FAILED"],
            Kind::Regrets => &["CANCELLED"],
            Kind::Hasty => &["CANCELLED", "FAILED"],
            _ => &["CONFIRMED"],
        };
        assert!(wanted.contains(&status), "{when}: {name} has {booking}");
        assert!(shop.stripe.times_charged(&token) <= 1, "{when}: {name} was charged twice");
        assert!(shop.stripe.times_refunded(&token) <= 1, "{when}: {name} was refunded twice");
        let is_confirmed = status == "CONFIRMED";
        let kept = if is_confirmed { 2 * PRICE } else { 0 };
        assert_eq!(shop.stripe.kept(&token), kept, "{when}: {name} has {booking}");
        let tickets = shop.tickets("a", id).await;
        let all_are = |status: &str| tickets.iter().all(|ticket| ticket["status"] == status);
        match status {
            "CONFIRMED" => assert!(tickets.len() == 2 && all_are("VALID"), "{when}: {tickets:?}"),
            "CANCELLED" => assert!(tickets.len() == 2 && all_are("REVOKED"), "{when}: {tickets:?}"),
            _ => assert_eq!(tickets.len(), 0, "{when}: {tickets:?}"),
        }
        confirmed += u64::from(is_confirmed);
        // Repeated after a crash a mail has the same id, hence the same file.
        let letters = shop.letters_to(name, is_confirmed).await.len();
        assert_eq!(letters, 1, "{when}: mails to {name}, who has {booking}");
        assert!(!is_confirmed || *was_confirmed || buyer.kind == Kind::Hasty, "{when}: {name}");
    }
    let ids: BTreeMap<&str, &str> =
        all.iter().map(|b| (b.id.as_str(), b.buyer.name.as_str())).collect();
    assert_eq!(ids.len(), all.len(), "{when}: an id was given out twice");
    assert_eq!(shop.units("a").await, (capacity - 2 * confirmed, 0, 2 * confirmed), "{when}");
}

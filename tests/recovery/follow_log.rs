//! A shop that follows an event's log ends with the same books as the server, however often that one dies
//! and folds its journal meanwhile.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::support::{Server, plain_client};

const CYCLES: u32 = 6;
const UNITS: u64 = 1_000_000;
const PATIENCE: Duration = Duration::from_secs(30);

/// Tiny epochs, so that they are folded and dropped all the time; payments that end in every way.
const SETTINGS: [(&str, &str); 7] = [
    ("ONSALE__STORAGE__EPOCH_BYTES_MAX", "65536"),
    ("ONSALE__DEMO__EVENT", "false"),
    ("ONSALE__PAYMENT__SIMULATED_LATENCY_MS", "40"),
    ("ONSALE__PAYMENT__SIMULATED_DECLINES_PERMILLE", "200"),
    ("ONSALE__PAYMENT__SIMULATED_ASYNCS_PERMILLE", "300"),
    ("ONSALE__PAYMENT__PER_SECOND", "10000"),
    ("ONSALE__PAYMENT__CONCURRENCY", "200"),
];

/// Where the server is now, for those who outlive it.
#[derive(Clone)]
struct Way {
    client: Client,
    url: Arc<Mutex<String>>,
    stop: Arc<AtomicBool>,
    /// Number of the last entry, once nothing happens any more.
    end: Arc<AtomicU64>,
}

impl Way {
    /// `None`: it died meanwhile, so who knows.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Option<(u16, Value)> {
        let url = self.url.lock().expect("an address").clone();
        let mut request = self.client.request(method, format!("{url}{path}"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, serde_json::from_slice(&answer.bytes().await.ok()?).ok()?))
    }

    async fn get(&self, path: &str) -> Option<(u16, Value)> {
        self.ask(Method::GET, path, None).await
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Reserved {
    status: &'static str,
    customer: String,
    lines: Value,
    total: Value,
    booking: Option<Booked>,
}

#[derive(Debug, PartialEq, Eq, Clone)]
struct Booked {
    status: &'static str,
    payment: &'static str,
    reason: Option<String>,
}

/// The shop's own books: what the log told, and nothing else.
#[derive(Default, PartialEq, Eq, Debug)]
struct Books {
    /// Number of the newest entry.
    number: u64,
    reservations: BTreeMap<String, Reserved>,
    types: BTreeMap<String, u64>,
}

impl Books {
    fn fold(&mut self, entry: &Value) {
        let number = entry["number"].as_u64().expect("a number");
        assert_eq!(number, self.number + 1, "one is missing or told twice: {entry}");
        self.number = number;
        assert_eq!(entry["event"], "rush");
        let (kind, data) = (entry["type"].as_str().expect("a type"), &entry["data"]);
        *self.types.entry(kind.to_owned()).or_default() += 1;
        match kind {
            "event.created" => assert_eq!((number, &data["id"]), (1, &json!("rush"))),
            "event.changed" => assert_eq!(data["pools"][0]["capacity"], UNITS),
            "reservation.held" => {
                let reserved = Reserved {
                    status: "HELD",
                    customer: text(&data["customer"]),
                    lines: data["lines"].clone(),
                    total: data["total"].clone(),
                    booking: None,
                };
                let before = self.reservations.insert(text(&data["id"]), reserved);
                assert_eq!(before, None, "{entry}");
            }
            "reservation.released" => self.end(&data["id"], "RELEASED"),
            "reservation.expired" => {
                for id in data["reservations"].as_array().expect("a list") {
                    self.end(id, "EXPIRED");
                }
                for id in data["bookings"].as_array().expect("a list") {
                    self.reserved(id).status = "EXPIRED";
                    self.fail(id, "expired");
                }
            }
            "booking.created" => {
                let reserved = self.reserved(&data["id"]);
                assert_eq!((reserved.status, &reserved.booking), ("HELD", &None), "{entry}");
                assert_eq!((&reserved.total, &reserved.lines), (&data["total"], &data["lines"]));
                reserved.status = "BOOKED";
                let (status, payment) = ("PENDING_PAYMENT", "CREATED");
                reserved.booking = Some(Booked { status, payment, reason: None });
            }
            "booking.confirmed" => {
                let id = text(&data["id"]);
                let reserved = self.reserved(&data["id"]);
                let units = reserved.lines[0]["quantity"].as_u64().expect("a quantity");
                let tickets: Vec<String> = (1..=units).map(|n| format!("{id}-{n}")).collect();
                assert_eq!(data["tickets"], json!(tickets));
                reserved.status = "BOOKED";
                let (status, payment) = ("CONFIRMED", "SUCCEEDED");
                reserved.booking = Some(Booked { status, payment, reason: None });
            }
            "booking.failed" => {
                self.reserved(&data["id"]).status = "RELEASED";
                self.fail(&data["id"], data["reason"].as_str().expect("a reason"));
            }
            "booking.cancelled" => {
                self.reserved(&data["id"]).status = "RELEASED";
                let booked = self.booked(&data["id"]);
                assert_eq!(booked.status, "CONFIRMED");
                (booked.status, booked.payment) = ("CANCELLED", "REFUND_PENDING");
            }
            "payment.processing" => self.booked(&data["booking"]).payment = "PROCESSING",
            "payment.failed" => self.booked(&data["booking"]).payment = "FAILED",
            "payment.refund_pending" => self.booked(&data["booking"]).payment = "REFUND_PENDING",
            "payment.refunded" => self.booked(&data["booking"]).payment = "REFUNDED",
            "message.sent" | "message.skipped" => assert!(data["message"].is_u64()),
            other => panic!("nobody told of {other}"),
        }
    }

    #[track_caller]
    fn reserved(&mut self, id: &Value) -> &mut Reserved {
        self.reservations.get_mut(id.as_str().expect("an id")).expect("it was held before")
    }

    #[track_caller]
    fn booked(&mut self, id: &Value) -> &mut Booked {
        self.reserved(id).booking.as_mut().expect("it was booked before")
    }

    fn end(&mut self, id: &Value, status: &'static str) {
        let reserved = self.reserved(id);
        assert_eq!(reserved.status, "HELD");
        reserved.status = status;
    }

    fn fail(&mut self, id: &Value, reason: &str) {
        let booked = self.booked(id);
        assert_eq!(booked.status, "PENDING_PAYMENT");
        booked.status = "FAILED";
        booked.reason = Some(reason.to_owned());
        if reason == "declined" {
            booked.payment = "FAILED";
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_follows_the_log_has_the_same_books_whatever_happens() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = Server::start(dir.path(), &SETTINGS);
    let url = Arc::new(Mutex::new(server.url.clone()));
    let way = Way { client: plain_client(), url, stop: Arc::default(), end: Arc::default() };
    let filler = json!({"id": "filler", "name": "Filler", "pools": [{"id": "standing",
        "capacity": UNITS, "price": {"amount": 1, "currency": "EUR"}}]});
    assert_eq!(way.ask(Method::POST, "/v1/events", Some(filler)).await.expect("up").0, 201);
    let event = json!({"id": "rush", "name": "Rush", "sale": {"hold_seconds": 2, "payment_seconds": 1},
        "pools": [{"id": "standing", "capacity": 10, "price": {"amount": 4_500, "currency": "EUR"}}]});
    assert_eq!(way.ask(Method::POST, "/v1/events", Some(event)).await.expect("up").0, 201);
    let more = json!({"pools": [{"id": "standing", "capacity": UNITS}]});
    let changed = way.ask(Method::PATCH, "/v1/events/rush", Some(more)).await;
    assert_eq!(changed.expect("up").0, 200);
    let buyers: Vec<_> = (0..12).map(|buyer| tokio::spawn(buy(way.clone(), buyer))).collect();
    let filler = tokio::spawn(fill(way.clone()));
    let follower = tokio::spawn(follow(way.clone()));
    for cycle in 0..CYCLES {
        tokio::time::sleep(Duration::from_millis(700 + u64::from(cycle) * 130)).await;
        server.kill();
        server = Server::start(dir.path(), &SETTINGS);
        way.url.lock().expect("an address").clone_from(&server.url);
    }
    way.stop.store(true, Ordering::Relaxed);
    for buyer in buyers {
        buyer.await.expect("a buyer");
    }
    filler.await.expect("the filler");
    let version = settle(&way).await;
    way.end.store(version, Ordering::Relaxed);
    let followed = follower.await.expect("the follower");
    assert_eq!(followed.number, version, "it followed to the end");
    assert!(1_000 < version, "only {version} entries: the test tried nothing");
    let kinds: Vec<&str> = followed.types.keys().map(String::as_str).collect();
    for wanted in ["booking.confirmed", "booking.failed", "payment.refunded", "message.sent"] {
        assert!(kinds.contains(&wanted), "{wanted} is not among {kinds:?}: the test tried nothing");
    }
    let segments = count_segments(dir.path());
    println!("{version} entries, {segments} epochs folded, {:?}", followed.types);
    assert!(5 < segments, "only {segments} epochs were folded: the test tried nothing");
    // Who comes late is told the same from the segments.
    let mut late = Books::default();
    while late.number < version {
        let path = format!("/v1/events/rush/log?limit=1000&after={}", late.number);
        read(&way, &path, &mut late).await.expect("up");
    }
    assert_eq!(late, followed);
    compare(&way, &followed).await;
}

fn count_segments(dir: &Path) -> usize {
    std::fs::read_dir(dir.join("data/log")).expect("segments").count()
}

/// Another event fills an epoch several times a second, under long names.
async fn fill(way: Way) {
    let name = "x".repeat(255);
    for n in 0_u64.. {
        if way.stopped() {
            return;
        }
        let line = |line: u64| {
            let key = format!("{n}-{line}");
            let lines = [json!({"pool": "standing", "quantity": 1})];
            json!({"idempotency_key": key, "customer": name, "lines": lines}).to_string() + "\n"
        };
        let url = way.url.lock().expect("an address").clone();
        let bulk = way.client.post(format!("{url}/v1/events/filler/reservations/bulk"));
        let bulk = bulk.header("Content-Type", "application/x-ndjson");
        let answer = bulk.body((0..200).map(line).collect::<String>()).send().await;
        if let Ok(answer) = answer {
            drop(answer.bytes().await);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Until the sale is over: reserves, and then gives back, leaves it, buys, or buys and gives back.
async fn buy(way: Way, buyer: u32) {
    let reservations = "/v1/events/rush/reservations";
    for n in 0_u32.. {
        if way.stopped() {
            return;
        }
        let customer = format!("fan-{buyer}-{n}");
        let quantity = 1 + n % 3;
        let ask =
            json!({"customer": customer, "lines": [{"pool": "standing", "quantity": quantity}]});
        let held = way.ask(Method::POST, reservations, Some(ask)).await;
        let Some((201, held)) = held else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let id = text(&held["id"]);
        match n % 8 {
            0 | 1 => {}
            2 | 3 => {
                way.ask(Method::DELETE, &format!("{reservations}/{id}"), None).await;
            }
            fate => {
                let email = (fate == 4).then(|| format!("{customer}@example.org"));
                let order = json!({"reservation": id, "contact": {"email": email},
                    "payment": {"method": "card", "token": "tok_visa"}});
                way.ask(Method::POST, "/v1/events/rush/bookings", Some(order)).await;
                if fate == 5 {
                    tokio::time::sleep(Duration::from_millis(60)).await;
                    let cancel = format!("/v1/events/rush/bookings/{id}/cancel");
                    way.ask(Method::POST, &cancel, None).await;
                }
            }
        }
    }
}

/// Follows to the last entry, over every server.
async fn follow(way: Way) -> Books {
    let (mut books, mut quiet_since) = (Books::default(), Instant::now());
    loop {
        let path = format!("/v1/events/rush/log?limit=200&after={}", books.number);
        let told = read(&way, &path, &mut books).await.unwrap_or(0);
        if told == 0 {
            let end = way.end.load(Ordering::Relaxed);
            if 0 < end && (end <= books.number || PATIENCE < quiet_since.elapsed()) {
                return books;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        quiet_since = Instant::now();
        // P8: what is told is on the disk, and so everybody is told of it.
        if let Some((200, now)) = way.get("/v1/events/rush/availability").await {
            let version = now["version"].as_u64().expect("a version");
            assert!(books.number <= version, "entry {} told at {version}", books.number);
        }
    }
}

/// Folds a page; gives how many entries it had. `None`: the server died.
async fn read(way: &Way, path: &str, books: &mut Books) -> Option<usize> {
    let (status, page) = way.get(path).await?;
    if status == 503 {
        // It is coming up.
        return None;
    }
    assert_eq!(status, 200, "{path}: {page}");
    let items = page["items"].as_array().expect("a list");
    items.iter().for_each(|entry| books.fold(entry));
    assert_eq!(page["next"], books.number, "{path}");
    Some(items.len())
}

/// Waits until nothing is held, no payment is open and nothing happens; gives the version.
async fn settle(way: &Way) -> u64 {
    let (mut before, mut since) = (0, Instant::now());
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let (_, now) = way.get("/v1/events/rush/availability").await.expect("it is up");
        let version = now["version"].as_u64().expect("a version");
        if version != before {
            (before, since) = (version, Instant::now());
        }
        if now["pools"][0]["held"] == 0 && Duration::from_secs(5) < since.elapsed() {
            return version;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the sale never settles");
}

/// Every reservation and booking is what the server says it is.
async fn compare(way: &Way, books: &Books) {
    let (_, now) = way.get("/v1/events/rush/availability").await.expect("it is up");
    let sold = books.reservations.values().filter(|reserved| reserved.status == "BOOKED");
    let sold: u64 = sold.filter_map(|reserved| reserved.lines[0]["quantity"].as_u64()).sum();
    assert_eq!((&now["pools"][0]["sold"], &now["pools"][0]["held"]), (&json!(sold), &json!(0)));
    for (id, expected) in &books.reservations {
        let path = format!("/v1/events/rush/reservations/{id}");
        let (status, found) = way.get(&path).await.expect("it is up");
        assert_eq!(status, 200, "{id}");
        let (customer, of) = (text(&found["customer"]), &found["lines"]);
        assert_eq!(
            (found["status"].as_str(), &customer),
            (Some(expected.status), &expected.customer)
        );
        assert_eq!((of, &found["total"]), (&expected.lines, &expected.total), "{id}");
        let (status, found) =
            way.get(&format!("/v1/events/rush/bookings/{id}")).await.expect("it is up");
        let Some(booked) = &expected.booking else {
            assert_eq!(status, 404, "{id} was never booked: {found}");
            continue;
        };
        let told = (Some(booked.status), Some(booked.payment), booked.reason.as_deref());
        let found = (
            found["status"].as_str(),
            found["payment"]["status"].as_str(),
            found["reason"].as_str(),
        );
        assert_eq!(found, told, "{id}");
    }
}

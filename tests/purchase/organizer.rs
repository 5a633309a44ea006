//! The organizer's server, which hears by webhooks what happens, checks who says so, and keeps books of its
//! own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use onsale::providers::webhook::{SigningSecret, signature};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::shop::now_s;

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// For anything that is sure to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs until it is dropped.
pub struct Organizer {
    pub url: String,
    port: u16,
    shared: Arc<Shared>,
    server: Option<tokio::task::JoinHandle<()>>,
}

struct Shared {
    secret: SigningSecret,
    books: Mutex<Books>,
}

type Answer = Box<dyn Fn(&str) -> Response + Send>;

struct Books {
    /// Ids in the order of the tries, and whether they were taken.
    tries: Vec<(String, bool)>,
    /// By id, exactly as they came.
    taken: BTreeMap<String, Bytes>,
    complaints: Vec<String>,
    answer: Answer,
}

impl Organizer {
    /// Takes what is signed with [`SECRET`].
    pub async fn start() -> Self {
        Self::start_with(SECRET).await
    }

    pub async fn start_with(secret: &str) -> Self {
        let mut organizer = Self::absent(secret).await;
        organizer.come().await;
        organizer
    }

    /// Nobody listens, until [`Self::come`].
    pub async fn absent(secret: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").await.expect("a free port").local_addr();
        let port = port.expect("bound").port();
        let books = Books {
            tries: Vec::new(),
            taken: BTreeMap::new(),
            complaints: Vec::new(),
            answer: Box::new(|_| StatusCode::NO_CONTENT.into_response()),
        };
        let secret = SigningSecret::parse(secret).expect("a secret");
        let shared = Arc::new(Shared { secret, books: Mutex::new(books) });
        Self { url: format!("http://127.0.0.1:{port}/hook"), port, shared, server: None }
    }

    pub async fn come(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.expect("its port");
        let shared = Arc::clone(&self.shared);
        let hear = move |headers: HeaderMap, body: Bytes| {
            let shared = Arc::clone(&shared);
            async move { shared.hear(&headers, body) }
        };
        self.server = Some(tokio::spawn(async move {
            let routes = Router::new().fallback(hear);
            axum::serve(listener, routes).await.expect("serves");
        }));
    }

    /// Settings of a server that tells this one.
    pub fn settings(&self) -> Vec<(&str, &str)> {
        vec![
            ("ONSALE__WEBHOOKS__URL", &self.url),
            ("ONSALE__WEBHOOKS__SECRETS", SECRET),
            ("ONSALE__WEBHOOKS__ALLOW_PRIVATE", "true"),
            ("ONSALE__WEBHOOKS__TYPES", "*"),
            ("ONSALE__WEBHOOKS__TIMEOUT_MS", "1000"),
        ]
    }

    /// How it answers to ids from now on. Whatever is not a success counts as not taken.
    pub fn answer<R: IntoResponse>(&self, answer: impl Fn(&str) -> R + Send + 'static) {
        self.shared.books().answer = Box::new(move |id| answer(id).into_response());
    }

    /// What was taken of the event with this number, by the entries' numbers.
    pub fn heard(&self, event: u64) -> BTreeMap<u64, Value> {
        let (books, start) = (self.shared.books(), format!("w{event}-"));
        let heard = books.taken.iter().filter_map(|(id, body)| {
            let number = id.strip_prefix(&start)?.parse().expect("a number");
            let body: Value = serde_json::from_slice(body).expect("JSON");
            assert_eq!(body["number"], number, "{id}");
            Some((number, body))
        });
        heard.collect()
    }

    /// Waits until everything up to `number` was taken of the event, without a gap, and gives it.
    pub async fn hear_all(&self, event: u64, number: u64) -> BTreeMap<u64, Value> {
        self.until(|organizer| organizer.heard(event).range(..=number).count() as u64 == number)
            .await;
        self.heard(event)
    }

    #[track_caller]
    pub fn until<'a>(
        &'a self,
        is_so: impl Fn(&Self) -> bool + 'a,
    ) -> impl Future<Output = ()> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let started = Instant::now();
            while !is_so(self) {
                let taken = self.shared.books().taken.keys().cloned().collect::<Vec<_>>();
                assert!(started.elapsed() < PATIENCE, "{place}: taken {taken:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Ids in the order of the tries, and whether they were taken.
    pub fn tries(&self) -> Vec<(String, bool)> {
        self.shared.books().tries.clone()
    }

    /// What it was told wrongly.
    pub fn complaints(&self) -> Vec<String> {
        self.shared.books().complaints.clone()
    }
}

impl Drop for Organizer {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

impl Shared {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("no test panicked with it")
    }

    fn hear(&self, headers: &HeaderMap, body: Bytes) -> Response {
        let header = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
        let seconds: u64 = timestamp.parse().unwrap_or_default();
        let ours = signature(std::slice::from_ref(&self.secret), &id, seconds, &body);
        let mut books = self.books();
        if !header("webhook-signature").split(' ').any(|signed| signed == ours) {
            books.complaints.push(format!("{id} is not signed with our secret"));
            return StatusCode::BAD_REQUEST.into_response();
        }
        if 60 < now_s().abs_diff(seconds) {
            books.complaints.push(format!("{id} is from {seconds}"));
        }
        let answer = (books.answer)(&id);
        let is_taken = answer.status().is_success();
        books.tries.push((id.clone(), is_taken));
        if is_taken
            && let Some(before) = books.taken.insert(id.clone(), body.clone())
            && before != body
        {
            books.complaints.push(format!("{id} says something else the second time"));
        }
        answer
    }
}

/// What the organizer knows of reservations and bookings: their states, by id.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Known {
    pub reservations: BTreeMap<String, &'static str>,
    pub bookings: BTreeMap<String, &'static str>,
    /// Ids of tickets that opened the door.
    pub redeemed: Vec<String>,
}

impl Known {
    /// From everything that happened to an event, in its order.
    pub fn of(heard: &BTreeMap<u64, Value>) -> Self {
        let mut known = Self::default();
        for body in heard.values() {
            known.fold(body);
        }
        known
    }

    fn fold(&mut self, body: &Value) {
        let data = &body["data"];
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let list = |value: &Value| {
            let items = value.as_array().expect("a list");
            items.iter().map(text).collect::<Vec<_>>()
        };
        let Self { reservations, bookings, redeemed } = self;
        match body["type"].as_str().expect("a type") {
            "reservation.held" => drop(reservations.insert(text(&data["id"]), "HELD")),
            "reservation.released" => drop(reservations.insert(text(&data["id"]), "RELEASED")),
            "reservation.expired" => {
                let lapsed = list(&data["reservations"]).into_iter();
                reservations.extend(lapsed.map(|id| (id, "EXPIRED")));
                bookings.extend(list(&data["bookings"]).into_iter().map(|id| (id, "FAILED")));
            }
            "booking.created" => {
                let id = text(&data["id"]);
                reservations.remove(&id);
                bookings.insert(id, "PENDING_PAYMENT");
            }
            "booking.confirmed" => {
                let tickets = list(&data["tickets"]);
                assert!(!tickets.is_empty(), "{body}");
                bookings.insert(text(&data["id"]), "CONFIRMED");
            }
            "booking.failed" => drop(bookings.insert(text(&data["id"]), "FAILED")),
            "booking.cancelled" => drop(bookings.insert(text(&data["id"]), "CANCELLED")),
            "ticket.redeemed" => redeemed.push(text(&data["ticket"])),
            other => {
                let thing = other.split('.').next();
                assert!(matches!(thing, Some("event" | "payment" | "message")), "{body}");
            }
        }
    }
}

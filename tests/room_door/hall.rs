//! A server with one event and its waiting room, and what fans and operators ask of it.

use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::support::Server;

pub const ROOM: &str = "/v1/events/hall/waiting-room";
pub const PLACES: &str = "/v1/events/hall/waiting-room/places";
pub const ME: &str = "/v1/events/hall/waiting-room/places/me";
pub const RESERVE: &str = "/v1/events/hall/reservations";

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Hall {
    pub server: Server,
    dir: tempfile::TempDir,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Answer {
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub fn reason(&self) -> &str {
        self.body["reason"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Panics with the whole answer unless it has this status.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

/// A time so many seconds from now, as in RFC 3339.
pub fn in_seconds(seconds: i64) -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds)).to_string()
}

impl Hall {
    /// With an event `hall` of so many units.
    pub async fn of(capacity: u32) -> Self {
        Self::with(capacity, &[]).await
    }

    pub async fn with(capacity: u32, settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let hall = Self { server: Server::start(dir.path(), settings), dir };
        hall.event("hall", capacity).await;
        hall
    }

    /// `kill -9`, and up again on the same directory.
    pub fn restart(&mut self) {
        self.server.kill();
        self.server = Server::start(self.dir.path(), &[]);
    }

    pub async fn event(&self, id: &str, capacity: u32) {
        let event = json!({"id": id, "name": id, "pools": [
            {"id": "standing", "capacity": capacity, "price": {"amount": 100, "currency": "EUR"}}]});
        self.send(Method::POST, "/v1/events", &[], Some(event)).await.expect(201);
    }

    /// The same with a room as said.
    pub async fn with_room(capacity: u32, terms: Value) -> Self {
        let hall = Self::of(capacity).await;
        hall.arrange(terms).await.expect(201);
        hall
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.server.url)
        };
        let mut request = self.server.client.request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status, headers, body, text }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    /// On the operator's listener.
    pub async fn figures(&self) -> Value {
        let path = format!("{}{ROOM}/figures", self.server.admin);
        self.get(&path).await.expect(200).body
    }

    /// Until the figures are as wanted: they are shown some times a second.
    pub async fn figures_until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let figures = self.figures().await;
            if wanted(&figures) {
                return figures;
            }
            assert!(started.elapsed() < PATIENCE, "{figures}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Until the doors are open and the line is in order.
    pub async fn sealed(&self) {
        let started = Instant::now();
        while self.get(&format!("{ROOM}/draw")).await.expect(200).body["secret"].is_null() {
            assert!(started.elapsed() < PATIENCE, "the doors never opened");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn arrange(&self, terms: Value) -> Answer {
        self.send(Method::PATCH, ROOM, &[], Some(terms)).await
    }

    pub async fn join(&self, customer: &str) -> Answer {
        self.send(Method::POST, PLACES, &[], Some(json!({"customer": customer}))).await
    }

    /// Takes a place, and gives its token.
    pub async fn token(&self, customer: &str) -> String {
        let joined = self.join(customer).await.expect(201);
        joined.body["token"].as_str().expect("a token").to_owned()
    }

    pub async fn me(&self, method: Method, below: &str, token: &str) -> Answer {
        self.send(method, &format!("{ME}{below}"), &[("Onsale-Place", token)], None).await
    }

    pub async fn poll(&self, token: &str) -> Answer {
        self.me(Method::GET, "", token).await
    }

    /// Asks again and again, when told to, until the place is as wanted.
    pub async fn until(&self, token: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let answer = self.poll(token).await;
            let wait_ms = answer.body["poll_after_ms"].as_u64().unwrap_or(1_000);
            match answer.status {
                200 if wanted(&answer.body) => return answer.body,
                200 | 429 => {}
                _ => panic!("{}", answer.text),
            }
            assert!(started.elapsed() < PATIENCE, "{}", answer.text);
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
    }

    /// Until the fan has a pass; gives it.
    pub async fn admitted(&self, token: &str) -> String {
        let place = self.until(token, |place| place["status"] == "ADMITTED").await;
        place["pass"]["token"].as_str().expect("a pass").to_owned()
    }

    pub async fn reserve(&self, customer: &str, headers: &[(&str, &str)]) -> Answer {
        let body = json!({"customer": customer, "lines": [{"pool": "standing", "quantity": 1}]});
        self.send(Method::POST, RESERVE, headers, Some(body)).await
    }

    /// Until the room is in this phase.
    pub async fn phase(&self, wanted: &str) {
        let started = Instant::now();
        loop {
            let room = self.get(ROOM).await.expect(200).body;
            if room["phase"] == wanted {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{room}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A room that lets anybody in at once, as fast as it can.
pub fn quick() -> Value {
    json!({"method": "fifo", "rate_per_minute": 60_000, "active_max": 1_000})
}

//! A shop to buy in: the server's process, its data and mail directories, and the payment provider.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stripe_stand_in::{SECRET_KEY, StripeStandIn, WEBHOOK_SECRET};
use crate::support::Server;

/// Price of every unit. Minor units.
pub const PRICE: u64 = 4_500;
/// For anything that is sure to happen.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Shop {
    pub server: Server,
    pub stripe: StripeStandIn,
    dir: TempDir,
}

/// A mail as it lies in the directory.
pub struct Letter {
    pub text: String,
}

impl Letter {
    pub fn is_to(&self, address: &str) -> bool {
        let is_it = |word: &str| word.trim_matches(['<', '>']) == address;
        let line = |line: &str| line.starts_with("To:") && line.split_whitespace().any(is_it);
        self.text.lines().take_while(|line| !line.is_empty()).any(line)
    }

    /// Whether the tickets are in it: a part of that type which begins as a PDF does, in base64.
    pub fn has_tickets(&self) -> bool {
        self.text.contains("application/pdf") && self.text.contains("JVBERi0")
    }
}

impl Shop {
    /// Little patience with the provider; no webhooks until [`Self::hear_webhooks`].
    pub async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub async fn open_with(extra: &[(&str, &str)]) -> Self {
        let stripe = StripeStandIn::start().await;
        let dir = tempfile::tempdir().expect("a directory");
        let server = start(dir.path(), &stripe, extra);
        Self { server, stripe, dir }
    }

    /// A new process on the same data.
    pub fn reopen(&mut self) {
        self.reopen_with(&[]);
    }

    pub fn reopen_with(&mut self, extra: &[(&str, &str)]) {
        self.server = start(self.dir.path(), &self.stripe, extra);
    }

    /// Each webhook is posted so many times from now on.
    pub fn hear_webhooks(&self, times: usize) {
        self.stripe.send_webhooks_to(format!("{}/v1/payments/webhook", self.server.url), times);
    }

    /// An event with one pool `standing`.
    pub async fn event(&self, id: &str, capacity: u64, sale: Value) {
        let body = json!({"id": id, "name": "Concert", "venue": "Hall", "sale": sale, "pools": [
            {"id": "standing", "name": "Standing", "capacity": capacity,
             "price": {"amount": PRICE, "currency": "EUR"}}]});
        let (status, answer) = self.post("/v1/events", body).await;
        assert_eq!(status, 201, "{answer}");
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.server.send(Method::POST, path, None, Some(body)).await.expect("an answer")
    }

    /// Reserves; gives the reservation's id.
    pub async fn hold(&self, event: &str, customer: &str, quantity: u32) -> String {
        let key = format!("hold-{customer}");
        let answer = self.server.reserve(event, customer, &key, quantity);
        let (status, held) = answer.await.expect("an answer");
        assert_eq!(status, 201, "{held}");
        held["id"].as_str().expect("an id").to_owned()
    }

    /// Reserves and books under the customer's name; gives the booking's id.
    pub async fn buy(&self, event: &str, customer: &str, quantity: u32, token: &str) -> String {
        let reservation = self.hold(event, customer, quantity).await;
        let path = format!("/v1/events/{event}/bookings");
        let (status, booked) = self.post(&path, order(&reservation, token, customer)).await;
        assert_eq!((status, &booked["status"]), (202, &json!("PENDING_PAYMENT")), "{booked}");
        reservation
    }

    pub async fn booking(&self, event: &str, id: &str) -> Value {
        let (status, booking) = self.server.get(&format!("/v1/events/{event}/bookings/{id}")).await;
        assert_eq!(status, 200, "{booking}");
        booking
    }

    /// Waits until the booking is as `wanted` says.
    #[track_caller]
    pub fn until<'a>(
        &'a self,
        event: &'a str,
        id: &'a str,
        wanted: impl Fn(&Value) -> bool + 'a,
    ) -> impl Future<Output = Value> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let started = Instant::now();
            loop {
                let booking = self.booking(event, id).await;
                if wanted(&booking) {
                    return booking;
                }
                assert!(started.elapsed() < PATIENCE, "{place}: still {booking}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    #[track_caller]
    pub fn until_status<'a>(
        &'a self,
        event: &'a str,
        id: &'a str,
        status: &'a str,
    ) -> impl Future<Output = Value> + 'a {
        self.until(event, id, move |booking| booking["status"] == status)
    }

    #[track_caller]
    pub fn until_refund<'a>(
        &'a self,
        event: &'a str,
        id: &'a str,
        status: &'a str,
    ) -> impl Future<Output = Value> + 'a {
        self.until(event, id, move |booking| booking["refund_status"] == status)
    }

    /// Reserves under long names until an epoch of the journal is full, so that it is folded into a
    /// checkpoint.
    pub async fn fill(&self, event: &str, keys: &str) {
        let name = "x".repeat(255);
        for number in 0..250 {
            let held = self.server.reserve(event, &name, &format!("{keys}-{number}"), 1).await;
            assert_eq!(held.expect("an answer").0, 201);
        }
    }

    /// Units of the pool: available, held, sold.
    pub async fn units(&self, event: &str) -> (u64, u64, u64) {
        let (status, now) = self.server.get(&format!("/v1/events/{event}/availability")).await;
        assert_eq!(status, 200, "{now}");
        let count = |name: &str| now["pools"][0][name].as_u64().expect("a count");
        (count("available"), count("held"), count("sold"))
    }

    /// Waits until the pool's units are so.
    #[track_caller]
    pub fn until_units<'a>(
        &'a self,
        event: &'a str,
        wanted: (u64, u64, u64),
    ) -> impl Future<Output = ()> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let started = Instant::now();
            loop {
                let units = self.units(event).await;
                if units == wanted {
                    return;
                }
                assert!(started.elapsed() < PATIENCE, "{place}: still {units:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// The tickets' statuses and codes.
    pub async fn tickets(&self, event: &str, id: &str) -> Vec<Value> {
        let path = format!("/v1/events/{event}/bookings/{id}/tickets");
        let (status, tickets) = self.server.get(&path).await;
        assert_eq!(status, 200, "{tickets}");
        tickets["items"].as_array().expect("a list").clone()
    }

    pub async fn cancel(&self, event: &str, id: &str) -> (u16, Value) {
        let path = format!("/v1/events/{event}/bookings/{id}/cancel");
        self.server.send(Method::POST, &path, None, None).await.expect("an answer")
    }

    pub async fn scan(&self, event: &str, code: &str, nonce: &str) -> (u16, Value) {
        let path = format!("/v1/events/{event}/checkins");
        self.post(&path, json!({"code": code, "nonce": nonce})).await
    }

    /// On the operators' listener.
    pub async fn operator(&self, method: Method, path: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.server.admin);
        let answer = self.server.client.request(method, url).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.expect("JSON"))
    }

    /// A file that is not JSON: status, media type, bytes.
    pub async fn fetch(&self, path: &str) -> (u16, String, Vec<u8>) {
        let answer = self.server.client.get(format!("{}{path}", self.server.url)).send().await;
        let answer = answer.expect("an answer");
        let media = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
        let (status, media) = (answer.status().as_u16(), media.unwrap_or_default().to_owned());
        (status, media, answer.bytes().await.expect("a body").to_vec())
    }

    /// What was mailed so far.
    pub fn letters(&self) -> Vec<Letter> {
        let Ok(entries) = std::fs::read_dir(self.dir.path().join("mails")) else { return vec![] };
        let whole = entries.filter_map(|entry| {
            let path = entry.expect("an entry").path();
            path.file_name()?.to_str()?.strip_suffix(".eml")?;
            Some(Letter { text: std::fs::read_to_string(&path).expect("a mail is text") })
        });
        whole.collect()
    }

    /// Mails to this customer, with tickets in them or without, once there is one.
    pub async fn letters_to(&self, customer: &str, with_tickets: bool) -> Vec<Letter> {
        let started = Instant::now();
        loop {
            let mut found = self.letters();
            found.retain(|letter| {
                letter.is_to(&address(customer)) && letter.has_tickets() == with_tickets
            });
            if !found.is_empty() {
                return found;
            }
            assert!(started.elapsed() < PATIENCE, "no mail to {customer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Has the books of a server that is not running audited; gives what was found.
    pub fn verify(&self) -> String {
        let mut verify = Command::new(env!("CARGO_BIN_EXE_onsale"));
        let output = verify.arg("verify").arg(self.dir.path().join("data")).output();
        let output = output.expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("all laws hold"), "{said}");
        said.into_owned()
    }

    /// Ends the server in order and has its books audited; gives what was found.
    pub fn close(&mut self) -> String {
        self.server.terminate();
        assert_eq!(self.server.exit_code(), Some(0));
        let found = self.verify();
        assert_eq!(self.stripe.complaints(), [""; 0], "the provider was asked wrongly");
        found
    }
}

pub fn address(customer: &str) -> String {
    format!("{customer}@example.org")
}

/// A request to buy a reservation.
pub fn order(reservation: &str, token: &str, customer: &str) -> Value {
    json!({"reservation": reservation, "payment": {"method": "card", "token": token},
        "contact": {"email": address(customer), "name": customer}})
}

pub fn now_s() -> u64 {
    std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs()
}

fn start(dir: &Path, stripe: &StripeStandIn, extra: &[(&str, &str)]) -> Server {
    let settings = [
        ("ONSALE__DEMO__EVENT", "false"),
        ("ONSALE__PAYMENT__PROVIDER", "stripe"),
        ("ONSALE__PAYMENT__BASE_URL", &stripe.url),
        ("ONSALE__PAYMENT__SECRET_KEY", SECRET_KEY),
        ("ONSALE__PAYMENT__WEBHOOK_SECRET", WEBHOOK_SECRET),
        ("ONSALE__PAYMENT__TIMEOUT_MS", "400"),
        // The smallest, so that purchases are folded into checkpoints when there is more than a little.
        ("ONSALE__STORAGE__EPOCH_BYTES_MAX", "65536"),
        ("ONSALE__MAIL__MODE", "file"),
        ("ONSALE__MAIL__DIRECTORY", "mails"),
    ];
    let all: Vec<(&str, &str)> = settings.iter().chain(extra).copied().collect();
    Server::start(dir, &all)
}

//! A server with an event, a booking that is paid, and a waiting room; and requests by hand.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::Server;

pub const EVENT: &str = "/v1/events/concert-a";

/// What the server has to show.
pub struct Shop {
    pub server: Server,
    pub booking: String,
    pub ticket: String,
    /// Of a fan in the waiting room.
    pub place: String,
}

impl Shop {
    /// With a paid booking of two, and doors that are open.
    pub async fn open(dir: &Path, settings: &[(&str, &str)]) -> Self {
        let mut all = vec![("ONSALE__PAYMENT__SIMULATED_LATENCY_MS", "0")];
        all.extend(settings);
        let server = Server::start(dir, &all);
        let booking = buy(&server, "fan-1", &[]).await;
        until_confirmed(&server, &booking).await;
        let tickets = server.get(&format!("{EVENT}/bookings/{booking}/tickets")).await.1;
        let ticket = tickets["items"][0]["id"].as_str().expect("a ticket").to_owned();
        let room = json!({"method": "draw"});
        let path = format!("{EVENT}/waiting-room");
        let made = server.send(Method::PATCH, &path, None, Some(room)).await.expect("an answer");
        assert_eq!(made.0, 201, "{}", made.1);
        let join = json!({"customer": "fan-2"});
        let path = format!("{path}/places");
        let joined = server.send(Method::POST, &path, None, Some(join)).await.expect("an answer");
        assert_eq!(joined.0, 201, "{}", joined.1);
        let place = joined.1["token"].as_str().expect("a token").to_owned();
        Self { server, booking, ticket, place }
    }
}

/// Reserves two and books them; gives the booking's id.
pub async fn buy(server: &Server, customer: &str, headers: &[(&str, &str)]) -> String {
    let body = json!({"customer": customer, "lines": [{"pool": "standing", "quantity": 2}]});
    let held =
        send(&server.client, Method::POST, &at(server, "reservations"), headers, Some(&body)).await;
    assert_eq!(held.status(), 201);
    let held: Value = held.json().await.expect("JSON");
    let id = held["id"].as_str().expect("an id").to_owned();
    let body = json!({"reservation": id, "payment": {"method": "card", "token": "tok_secret_card"},
        "contact": {"email": "fan@example.org"}});
    let booked =
        send(&server.client, Method::POST, &at(server, "bookings"), headers, Some(&body)).await;
    assert_eq!(booked.status(), 202, "{:?}", booked.text().await);
    id
}

pub async fn until_confirmed(server: &Server, booking: &str) {
    let started = Instant::now();
    loop {
        let (_, now) = server.get(&format!("{EVENT}/bookings/{booking}")).await;
        if now["status"] == "CONFIRMED" {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{now}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn at(server: &Server, rest: &str) -> String {
    format!("{}{EVENT}/{rest}", server.url)
}

pub async fn send(
    client: &reqwest::Client,
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Response {
    let mut request = client.request(method, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    request.send().await.expect("an answer")
}

/// A header of which there is at most one; empty: none.
pub fn one<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let all: Vec<_> = headers.get_all(name).iter().collect();
    assert!(all.len() < 2, "{name}: {all:?}");
    all.first().map_or("", |value| value.to_str().expect("ASCII"))
}

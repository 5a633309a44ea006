//! The bytes that fans and the organizer send.

use super::roles::units;
use crate::event::POOL;

/// The event of the scenario.
pub const EVENT: &str = "room";

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Vec<u8> {
    let mut text = format!("{method} /v1/events/{EVENT}/{path} HTTP/1.1\r\nHost: onsale\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = body {
        let length = body.len();
        text.push_str(&format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(body.unwrap_or_default());
    text.into_bytes()
}

pub fn arrange(terms: &serde_json::Value) -> Vec<u8> {
    request("PATCH", "waiting-room", &[], Some(&terms.to_string()))
}

pub fn figures() -> Vec<u8> {
    request("GET", "waiting-room/figures", &[], None)
}

pub fn availability() -> Vec<u8> {
    request("GET", "availability", &[], None)
}

pub fn draw() -> Vec<u8> {
    request("GET", "waiting-room/draw", &[], None)
}

/// For a reader of streams: the connection ends with the answer.
pub fn entries() -> Vec<u8> {
    request("GET", "waiting-room/draw/entries", &[("Connection", "close")], None)
}

pub fn join(fan: u32) -> Vec<u8> {
    let body = format!(r#"{{"customer":"fan-{fan}"}}"#);
    request("POST", "waiting-room/places", &[], Some(&body))
}

pub fn poll(token: &str) -> Vec<u8> {
    request("GET", "waiting-room/places/me", &[("Onsale-Place", token)], None)
}

pub fn leave(token: &str) -> Vec<u8> {
    request("DELETE", "waiting-room/places/me", &[("Onsale-Place", token)], None)
}

/// Who reserves, under which key, with what.
pub struct Purchase<'a> {
    pub fan: u32,
    pub customer: &'a str,
    pub key: &'a str,
    pub pass: Option<&'a str>,
}

pub fn reserve(purchase: &Purchase<'_>) -> Vec<u8> {
    let Purchase { fan, customer, key, pass } = purchase;
    let quantity = units(*fan);
    let body = format!(
        r#"{{"customer":"{customer}","lines":[{{"pool":"{POOL}","quantity":{quantity}}}]}}"#
    );
    let mut headers = vec![("Idempotency-Key", *key)];
    headers.extend(pass.map(|pass| ("Onsale-Pass", pass)));
    request("POST", "reservations", &headers, Some(&body))
}

/// Pays for what is held, with a card that works.
pub fn book(reservation: &str, key: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"reservation":"{reservation}","payment":{{"method":"card","token":"tok_load"}}}}"#
    );
    request("POST", "bookings", &[("Idempotency-Key", key)], Some(&body))
}

pub fn give_back(reservation: &str) -> Vec<u8> {
    request("DELETE", &format!("reservations/{reservation}"), &[], None)
}

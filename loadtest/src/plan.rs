//! What everybody in a run does, and the bytes they send.

use std::time::Duration;

use crate::journey::Roles;
use crate::target::Target;

/// A rush on one pool of one event.
#[derive(Debug, Clone)]
pub struct Plan {
    pub target: Target,
    pub event: String,
    pub pool: String,
    /// Buyers, each wanting one unit.
    pub buyers: u64,
    /// Connections at the most, so also requests under way.
    pub connections: u32,
    /// Buyers per second who come whatever the server does; `None`: the next one comes when a
    /// connection is free.
    pub rate: Option<f64>,
    /// How long a buyer repeats a request that is not decided.
    pub patience: Duration,
    /// Who does what after reserving; `None`: nobody goes on.
    pub roles: Option<Roles>,
}

impl Plan {
    /// When buyer `number` comes, from the start of the run; `None`: when a connection is free.
    pub fn comes_at(&self, number: u64) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "buyers are far fewer than 2^52")]
        self.rate.map(|rate| Duration::from_secs_f64(number as f64 / rate))
    }

    pub fn key(&self, buyer: u64) -> String {
        format!("{}-{buyer}", self.event)
    }

    pub fn reserve(&self, buyer: u64) -> Vec<u8> {
        reserve(&self.event, &self.pool, &self.key(buyer), buyer)
    }
}

/// One unit for one fan.
pub fn reserve(event: &str, pool: &str, key: &str, fan: u64) -> Vec<u8> {
    let body = format!(r#"{{"customer":"fan-{fan}","lines":[{{"pool":"{pool}","quantity":1}}]}}"#);
    post(&format!("/v1/events/{event}/reservations"), Some(key), &body)
}

pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: onsale\r\n\r\n").into_bytes()
}

pub fn post(path: &str, key: Option<&str>, body: &str) -> Vec<u8> {
    let key = key.map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: onsale\r\nContent-Type: application/json\r\n\
         {key}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

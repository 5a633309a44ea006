//! How large the run is, and what the organizer tells the room.

use anyhow::{Context, bail};
use serde_json::json;

use super::requests;
use crate::connection::{Answer, Connection};
use crate::target::Target;

/// A run's sizes.
#[derive(Debug, Clone)]
pub struct Terms {
    pub fans: u32,
    /// On sale.
    pub units: u32,
    pub rate_per_minute: u32,
    pub active_max: u32,
    pub pass_seconds: u32,
    pub absent_seconds: u32,
    pub return_seconds: u32,
    /// How long reserved units are held.
    pub hold_seconds: u32,
    /// How long fans keep coming before the doors.
    pub join_seconds: u32,
    /// When the doors open, from the start of the run.
    pub doors_seconds: u32,
}

/// Of a hundred fans, so many come after the doors.
const LATE_PERCENT: u64 = 10;

impl Terms {
    /// When a fan comes. Unit: milliseconds since the start.
    pub fn comes_at(&self, luck: u64) -> u32 {
        let (percent, luck) = (luck % 100, luck / 100);
        let joining = u64::from(self.join_seconds) * 1_000;
        let at = if percent < LATE_PERCENT {
            u64::from(self.doors_seconds) * 1_000 + luck % (joining / 4).max(1)
        } else {
            luck % joining.max(1)
        };
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// The body that makes the room. `doors_at` is a time as in RFC 3339.
    pub fn body(&self, doors_at: &str) -> serde_json::Value {
        json!({
            "mode": "on", "method": "draw", "doors_at": doors_at,
            "rate_per_minute": self.rate_per_minute, "active_max": self.active_max,
            "pass_seconds": self.pass_seconds, "absent_seconds": self.absent_seconds,
            "return_seconds": self.return_seconds, "units_per_pass": 1.5,
            "message": "A load test: nobody gets in.",
        })
    }
}

/// Makes the room of an event that exists.
///
/// # Errors
/// The server does not take it.
pub fn arrange(target: Target, terms: &serde_json::Value) -> anyhow::Result<()> {
    let answer = ask_once(target, &requests::arrange(terms))?;
    if !matches!(answer.status, 200 | 201) {
        bail!("the waiting room was not made: status {}: {}", answer.status, answer.text());
    }
    Ok(())
}

/// One request, on a connection of its own.
///
/// # Errors
/// There is no answer.
pub fn ask_once(target: Target, request: &[u8]) -> anyhow::Result<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut connection = Connection::new(target);
    runtime.block_on(connection.ask(request)).context("the server does not answer")
}

//! The body of a webhook: an entry of an event's log, as everybody reads it, with what Standard Webhooks
//! wants to find in it.

use serde::Serialize;

use super::entry::Told;
use super::rfc3339;
use crate::domain::ids::EventId;
use crate::domain::inventory::{Entry, EventTerms};

/// See the module. `type` and `data` are the entry's own.
#[derive(Debug, Clone, Serialize)]
pub struct Announcement {
    /// When it happened, which Standard Webhooks calls so; the entry's `at`.
    timestamp: String,
    #[serde(flatten)]
    told: Told,
}

impl Announcement {
    /// `None`: see [`Told::of`].
    #[must_use]
    pub fn of(event_id: &EventId, terms: &EventTerms, entry: &Entry) -> Option<Self> {
        let told = Told::of(event_id, terms, entry)?;
        Some(Self { timestamp: rfc3339(entry.at()), told })
    }

    /// The entry's type, such as `reservation.held`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.told.kind()
    }

    /// As JSON.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("plain data with keys of text")
    }
}

//! Where announcers read what happened.

use bytes::Bytes;

use super::topics::Topics;
use crate::actors::directory::EventEntry;
use crate::domain::ids::ReservationId;

/// The durable entries of all events.
pub trait Source: Send + Sync + 'static {
    /// Up to `limit` entries after number `after`, none of them newer than what is published. Those that
    /// nobody wants are left out. Reads the disk.
    ///
    /// # Errors
    /// [`SourceError`].
    fn read(
        &self,
        event: &EventEntry,
        after: u64,
        limit: usize,
        wanted: &Topics,
    ) -> Result<Found, SourceError>;
}

/// A stretch of an event's entries.
#[derive(Debug)]
pub struct Found {
    pub after: u64,
    /// Everything after `after` up to here was read.
    pub read_to: u64,
    /// What of it is wanted, in order.
    pub news: Vec<News>,
    /// Entries that cannot be told.
    pub lost: u64,
}

/// An entry, as it is sent.
#[derive(Debug, Clone)]
pub struct News {
    /// Its number in its event.
    pub entry: u64,
    /// Its type, such as `booking.confirmed`.
    pub kind: &'static str,
    pub body: Bytes,
    /// The purchase that it tells of.
    pub purchase: Option<ReservationId>,
}

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("entries before {oldest} are not kept any more")]
    Gone { oldest: u64 },
    #[error("the log cannot be read: {0}")]
    Fault(String),
}

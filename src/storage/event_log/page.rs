//! A page of one event's log under construction: entries in their order, none twice, none left out.

use std::ops::ControlFlow;

use super::LogError;
use crate::domain::ids::EventNumber;
use crate::domain::inventory::Entry;
use crate::faults;
use crate::storage::frame::Frame;
use crate::storage::record::decode_entry;

/// A page ends early when its frames are so much together, since an entry can be long: an expiry names up
/// to 1,000 reservations. Unit: bytes.
const PAGE_BYTES: usize = 256 << 10;

pub(super) struct Page {
    event: EventNumber,
    /// Number of the entry that comes next.
    next: u64,
    /// Number of the last that may be told.
    until: u64,
    limit: usize,
    bytes: usize,
    entries: Vec<Entry>,
    /// The entry that was found in place of the next.
    gap: Option<u64>,
}

impl Page {
    pub fn new(event: EventNumber, after: u64, until: u64, limit: usize) -> Self {
        let next = after.saturating_add(1);
        Self { event, next, until, limit, bytes: 0, entries: Vec::new(), gap: None }
    }

    pub fn event(&self) -> EventNumber {
        self.event
    }

    pub fn next(&self) -> u64 {
        self.next
    }

    pub fn is_done(&self) -> bool {
        self.gap.is_some()
            || self.limit <= self.entries.len()
            || self.until < self.next && !faults::planted("tell_undurable")
            || PAGE_BYTES <= self.bytes
    }

    /// Most entries that may still be taken.
    pub fn room(&self) -> usize {
        self.limit - self.entries.len()
    }

    /// Takes one of the event's frames; those before the next entry are passed over.
    ///
    /// # Errors
    /// [`LogError::Record`]
    pub fn take(&mut self, frame: &Frame<'_>) -> Result<ControlFlow<()>, LogError> {
        if self.is_done() {
            return Ok(ControlFlow::Break(()));
        }
        let Some(entry) = decode_entry(frame)? else { return Ok(ControlFlow::Continue(())) };
        if entry.number == self.next {
            self.next += 1;
            self.bytes += frame.payload.len();
            self.entries.push(entry);
        } else if self.next < entry.number {
            self.gap = Some(entry.number);
        }
        Ok(if self.is_done() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// # Errors
    /// [`LogError::Gone`] when not even the first entry was found.
    pub fn finish(self) -> Result<Vec<Entry>, LogError> {
        if self.entries.is_empty() {
            let after_all = self.until.saturating_add(1);
            return Err(LogError::Gone { oldest: self.gap.unwrap_or(after_all) });
        }
        Ok(self.entries)
    }
}

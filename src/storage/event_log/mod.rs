//! An event's facts, read back in their order by whoever keeps a database of their own in step.
//!
//! What is still in the journal is read there. Before the compactor folds a closed epoch and drops it, its
//! facts are copied into a segment, a file that never changes, and segments are kept up to a bound. So
//! nothing here is on the way of a sale: no fact is written twice before it is acknowledged, and no
//! committed frame is decoded unless somebody reads.

mod page;
mod places;
mod segment;
mod segments;
mod writer;

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::page::Page;
use self::places::{Places, each};
use self::segments::Segments;
use super::error::JournalError;
use super::journal::JournalReader;
use super::record::{RecordError, event_told};
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
    #[error("an entry cannot be understood")]
    Record(#[from] RecordError),
    #[error("the segment of epoch {epoch} is damaged: {reason}")]
    Segment { epoch: u64, reason: &'static str },
    #[error("{doing} failed")]
    Io {
        doing: &'static str,
        #[source]
        source: io::Error,
    },
}

/// The logs of all events. Those who read them wait for each other, and nobody else for them.
pub struct EventLog {
    reader: Arc<dyn JournalReader>,
    segments: Option<Segments>,
    places: Mutex<Places>,
}

impl EventLog {
    /// With segments in `dir`, of `bytes_max` bytes in all at the most; with 0 none are kept, and those
    /// that are there are deleted.
    ///
    /// # Errors
    /// When the directory cannot be made or listed.
    pub fn open(reader: Arc<dyn JournalReader>, dir: PathBuf, bytes_max: u64) -> io::Result<Self> {
        let segments = Some(Segments::open(dir, bytes_max)?);
        Ok(Self { reader, segments, places: Mutex::default() })
    }

    /// What is in the journal and no more.
    #[must_use]
    pub fn of_journal(reader: Arc<dyn JournalReader>) -> Self {
        Self { reader, segments: None, places: Mutex::default() }
    }

    /// Bytes of segments.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.segments.as_ref().map_or(0, Segments::bytes)
    }

    /// Up to `limit` entries of the event after number `after`, in order and without a gap; fewer when
    /// they are long, none when there are none up to `until`, which must be published: a fact is told
    /// when it is durable (P8). Reads the disk, so not for a thread of the runtime.
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
        if until <= after || limit == 0 {
            return Ok(Vec::new());
        }
        let mut page = Page::new(event, after, until, limit);
        // What is read in one turn is not folded meanwhile.
        let _hold = self.reader.hold();
        let epochs = self.reader.epochs()?;
        let first = {
            let mut places = self.places();
            places.learn(&*self.reader, &epochs)?;
            places.first(event)
        };
        if first.is_none_or(|first| page.next() < first)
            && let Some(segments) = &self.segments
        {
            segments.read(epochs.first().copied().unwrap_or(u64::MAX), &mut page)?;
        }
        if !page.is_done() {
            self.read_journal(&mut page)?;
        }
        page.finish()
    }

    /// Copies the facts of the closed epochs up to `epoch_last` out of the journal, durably, so that they
    /// can be folded and dropped. What cannot be copied is told here and missing in the log: selling does
    /// not wait for it.
    pub fn keep(&self, epoch_last: u64) {
        let Some(segments) = self.segments.as_ref().filter(|segments| segments.are_kept()) else {
            return;
        };
        let epochs = match self.reader.epochs() {
            Ok(epochs) => epochs,
            Err(error) => return tracing::error!(%error, "no log is kept of what is folded now"),
        };
        for epoch in epochs.into_iter().filter(|epoch| *epoch <= epoch_last) {
            if let Err(error) = segments.write(&*self.reader, epoch) {
                let error = format!("{:#}", anyhow::Error::new(error));
                tracing::error!(epoch, error, "the log will lack what is folded now");
            }
        }
    }

    fn read_journal(&self, page: &mut Page) -> Result<(), LogError> {
        let event = page.event();
        let places = self.places();
        let positions = places.from(&*self.reader, event, page.next(), page.room())?;
        drop(places);
        for position in positions {
            if page.is_done() {
                break;
            }
            each(&*self.reader, position, |key, frame| {
                if key != position.key {
                    return Ok(ControlFlow::Break(()));
                }
                match event_told(frame)? {
                    Some(found) if found == event => page.take(frame),
                    Some(_) | None => Ok(ControlFlow::Continue(())),
                }
            })?;
        }
        Ok(())
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;

//! From the disk to the state: the newest complete checkpoint, then the epochs after it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::books::Books;
use super::error::JournalError;
use super::frame::Frame;
use super::journal::JournalReader;
use super::record::{CheckpointPart, RecordError, decode};
use crate::faults;

/// Why a journal is refused. None of these is repaired by trying again; restore a copy, or look with
/// `onsale verify`.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error("the journal cannot be read")]
    Journal(#[from] JournalError),
    #[error("a record in epoch {epoch} cannot be understood")]
    Record {
        epoch: u64,
        #[source]
        source: RecordError,
    },
    #[error("event {event} is created twice")]
    CreatedTwice { event: u64 },
    #[error("a fact of event {event}, which was never created")]
    UnknownEvent { event: u64 },
    #[error("a fact of the waiting room of event {event}, which has none")]
    UnknownRoom { event: u64 },
    #[error("the checkpoint is incomplete")]
    CheckpointIncomplete,
    #[error("the journal breaks a law: {0}")]
    BrokenLaw(String),
}

/// Reads everything.
///
/// # Errors
/// [`RecoveryError`]; nothing was changed on disk.
pub fn recover(reader: &dyn JournalReader) -> Result<Books, RecoveryError> {
    recover_until(reader, u64::MAX)
}

/// Reads everything up to the end of `epoch_last`.
///
/// # Errors
/// As [`recover`].
pub fn recover_until(reader: &dyn JournalReader, epoch_last: u64) -> Result<Books, RecoveryError> {
    // A broken law panics in `apply`. Here the state under construction is thrown away with it.
    let folded = catch_unwind(AssertUnwindSafe(|| fold_all(reader, epoch_last)));
    folded.unwrap_or_else(|panic| Err(RecoveryError::BrokenLaw(panic_text(&*panic))))
}

fn fold_all(reader: &dyn JournalReader, epoch_last: u64) -> Result<Books, RecoveryError> {
    let _hold = reader.hold();
    let mut books = Books::default();
    let from = reader.checkpoint_epoch()?;
    if let Some(epoch) = from {
        each(reader, epoch, Part::Checkpoint, |frame| {
            let source = |source| RecoveryError::Record { epoch, source };
            books.restore(CheckpointPart::decode(frame).map_err(source)?)
        })?;
    }
    let mut forgotten = None;
    for epoch in reader.epochs()? {
        if from.is_some_and(|from| epoch <= from) || epoch_last < epoch {
            continue;
        }
        each(reader, epoch, Part::Epoch, |frame| {
            let source = |source| RecoveryError::Record { epoch, source };
            let mut record = Some(decode(frame).map_err(source)?);
            if faults::planted("forget_last_record") {
                std::mem::swap(&mut record, &mut forgotten);
            }
            record.map_or(Ok(()), |record| books.fold(record))
        })?;
    }
    Ok(books)
}

#[derive(Clone, Copy)]
enum Part {
    Checkpoint,
    Epoch,
}

/// Hands each frame to `take` until it fails, and keeps the reason.
fn each(
    reader: &dyn JournalReader,
    epoch: u64,
    part: Part,
    mut take: impl FnMut(&Frame<'_>) -> Result<(), RecoveryError>,
) -> Result<(), RecoveryError> {
    let mut failed = None;
    let mut visit = |frame: Frame<'_>| {
        if failed.is_none() {
            failed = take(&frame).err();
        }
        Ok(())
    };
    match part {
        Part::Checkpoint => reader.read_checkpoint(epoch, &mut visit)?,
        Part::Epoch => reader.read_epoch(epoch, &mut visit)?,
    }
    failed.map_or(Ok(()), Err)
}

/// The text of a panic, for people.
#[must_use]
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}

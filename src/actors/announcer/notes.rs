//! What is to be written into the outbox. It is written in the order in which it happened, by one blocking
//! call at a time, and letters before the cursors that pass them: after a crash an entry may be told again,
//! but none is forgotten.

use bytes::Bytes;

use crate::domain::ids::EventNumber;
use crate::storage::outbox::{Letter, LetterId, Outbox, OutboxError};

/// One write.
#[derive(Debug, Clone)]
pub(super) enum Note {
    Put(LetterId, Letter, Bytes),
    Update(LetterId, Letter),
    Remove(LetterId),
}

/// Blocks.
///
/// # Errors
/// Some may have been written; writing all of them again does no harm.
pub(super) fn write(
    outbox: &Outbox,
    notes: &[Note],
    cursors: &[(EventNumber, u64)],
) -> Result<(), OutboxError> {
    for note in notes {
        match note {
            Note::Put(id, letter, body) => outbox.put(*id, letter, body)?,
            Note::Update(id, letter) => outbox.update(*id, letter)?,
            Note::Remove(id) => outbox.remove(*id)?,
        }
    }
    cursors.iter().try_for_each(|(event, cursor)| outbox.set_cursor(*event, *cursor))
}

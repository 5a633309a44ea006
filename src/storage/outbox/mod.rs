//! What somebody outside is to be told of, and was not yet: how far each event's entries are told, which of
//! them are tried again, and which were given up.
//!
//! These are not facts of the event: one for each delivery would double the journal, and would itself be an
//! entry to tell. So they stand beside the journal, in the same store but without its sync. A crash may
//! therefore take back the newest of them, in order, never a later one without an earlier one: what was told
//! last is told again, and nothing is forgotten, as long as the writer puts a letter here before the cursor
//! passes it.

mod letter;
mod memory;
mod shelf;

use std::sync::Arc;

use bytes::Bytes;

use super::error::JournalError;
use crate::domain::ids::EventNumber;

pub use letter::{Letter, LetterId, LetterState, REASON_CHARS_MAX};
pub use memory::MemoryShelf;
pub use shelf::{Board, Shelf};

/// Why the outbox does not answer. The journal is not touched by it: selling goes on.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    #[error("the outbox cannot be read or written")]
    Store(#[from] JournalError),
    #[error("the outbox is damaged at {what}")]
    Damaged { what: String },
}

/// The outbox of one receiver. All calls block; cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    shelf: Arc<dyn Shelf>,
}

impl Outbox {
    #[must_use]
    pub fn new(shelf: Arc<dyn Shelf>) -> Self {
        Self { shelf }
    }

    /// All entries of the event up to this one were told, given up, or are letters here. `None`: nothing is
    /// known of the event.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn cursor(&self, event: EventNumber) -> Result<Option<u64>, OutboxError> {
        let value = self.shelf.get(Board::Cursors, &event.0.to_be_bytes())?;
        value.map(|value| number(&value, || format!("the cursor of event {}", event.0))).transpose()
    }

    /// Events of which a cursor is known, and the cursors, in the order of the events.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn cursors(&self) -> Result<Vec<(EventNumber, u64)>, OutboxError> {
        let mut found = Vec::new();
        let mut damaged = None;
        self.shelf.scan(Board::Cursors, &[], &mut |key, value| {
            if key == SINCE {
                return true;
            }
            let read = number(key, || "the events".to_owned()).and_then(|event| {
                let cursor = number(value, || format!("the cursor of event {event}"))?;
                Ok((EventNumber(event), cursor))
            });
            match read {
                Ok(pair) => found.push(pair),
                Err(error) => damaged = Some(error),
            }
            damaged.is_none()
        })?;
        damaged.map_or(Ok(found), Err)
    }

    /// # Errors
    /// [`OutboxError`].
    pub fn set_cursor(&self, event: EventNumber, cursor: u64) -> Result<(), OutboxError> {
        Ok(self.shelf.put(Board::Cursors, &event.0.to_be_bytes(), &cursor.to_be_bytes())?)
    }

    /// Events from this number on came onto the books while somebody was told of them, so all of their
    /// entries are news. `None`: nobody was told at the last start.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn since(&self) -> Result<Option<EventNumber>, OutboxError> {
        let value = self.shelf.get(Board::Cursors, SINCE)?;
        let value = value.map(|value| number(&value, || "its beginning".to_owned())).transpose()?;
        Ok(value.map(EventNumber))
    }

    /// # Errors
    /// [`OutboxError`].
    pub fn set_since(&self, since: Option<EventNumber>) -> Result<(), OutboxError> {
        match since {
            Some(event) => self.shelf.put(Board::Cursors, SINCE, &event.0.to_be_bytes())?,
            None => self.shelf.remove(Board::Cursors, SINCE)?,
        }
        Ok(())
    }

    /// Keeps a letter with its body, which must not be there yet.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn put(&self, id: LetterId, letter: &Letter, body: &[u8]) -> Result<(), OutboxError> {
        // The letter goes last: whoever finds one finds the whole body.
        for (part, bytes) in (0_u32..).zip(body.chunks(shelf::VALUE_BYTES_MAX)) {
            self.shelf.put(Board::Bodies, &part_key(id, part), bytes)?;
        }
        self.update(id, letter)
    }

    /// Changes what is known of a letter that is here.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn update(&self, id: LetterId, letter: &Letter) -> Result<(), OutboxError> {
        Ok(self.shelf.put(Board::Letters, &id.key(), &letter.encode())?)
    }

    /// # Errors
    /// [`OutboxError`].
    pub fn remove(&self, id: LetterId) -> Result<(), OutboxError> {
        self.shelf.remove(Board::Letters, &id.key())?;
        self.remove_body(id)
    }

    /// # Errors
    /// [`OutboxError`].
    pub fn letter(&self, id: LetterId) -> Result<Option<Letter>, OutboxError> {
        let value = self.shelf.get(Board::Letters, &id.key())?;
        value.map(|value| Letter::decode(id, &value)).transpose()
    }

    /// Letters after this one that `wanted` wants, in the order of their ids, at most `limit`.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn letters(
        &self,
        after: Option<LetterId>,
        limit: usize,
        wanted: impl Fn(&Letter) -> bool,
    ) -> Result<Vec<(LetterId, Letter)>, OutboxError> {
        // One byte longer than the key it follows, and before every other one.
        let from = after.map_or_else(Vec::new, |id| [&id.key()[..], &[0]].concat());
        let (mut found, mut damaged) = (Vec::new(), None);
        if limit == 0 {
            return Ok(found);
        }
        self.shelf.scan(Board::Letters, &from, &mut |key, value| {
            let read = LetterId::from_key(key).and_then(|id| Ok((id, Letter::decode(id, value)?)));
            match read {
                Ok((id, letter)) if wanted(&letter) => found.push((id, letter)),
                Ok(_) => {}
                Err(error) => damaged = Some(error),
            }
            damaged.is_none() && found.len() < limit
        })?;
        damaged.map_or(Ok(found), Err)
    }

    /// # Errors
    /// [`OutboxError`]; also when a part of it is missing.
    pub fn body(&self, id: LetterId) -> Result<Bytes, OutboxError> {
        let mut body = Vec::new();
        let mut parts = 0;
        self.shelf.scan(Board::Bodies, &id.key(), &mut |key, value| {
            let is_next = key == part_key(id, parts);
            if is_next {
                body.extend_from_slice(value);
                parts += 1;
            }
            is_next
        })?;
        match self.letter(id)? {
            Some(letter) if letter.body_bytes as usize == body.len() => Ok(body.into()),
            _ => Err(OutboxError::Damaged { what: format!("the body of {id}") }),
        }
    }

    /// Removes bodies whose letter a crash took away.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn tidy(&self) -> Result<(), OutboxError> {
        let mut ids = Vec::new();
        self.shelf.scan(Board::Bodies, &[], &mut |key, _| {
            if let Some(Ok(id)) = key.get(..LetterId::KEY_BYTES).map(LetterId::from_key)
                && ids.last() != Some(&id)
            {
                ids.push(id);
            }
            true
        })?;
        for id in ids {
            if self.shelf.get(Board::Letters, &id.key())?.is_none() {
                self.remove_body(id)?;
            }
        }
        Ok(())
    }

    /// Everything so far is on stable storage when it returns.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn sync(&self) -> Result<(), OutboxError> {
        Ok(self.shelf.sync()?)
    }

    fn remove_body(&self, id: LetterId) -> Result<(), OutboxError> {
        let mut keys = Vec::new();
        self.shelf.scan(Board::Bodies, &id.key(), &mut |key, _| {
            let is_part = key.starts_with(&id.key());
            if is_part {
                keys.push(key.to_vec());
            }
            is_part
        })?;
        // From the end, so that a crash leaves no gap.
        keys.iter().rev().try_for_each(|key| self.shelf.remove(Board::Bodies, key))?;
        Ok(())
    }
}

/// Among the cursors, whose keys have eight bytes.
const SINCE: &[u8] = b"since";

fn part_key(id: LetterId, part: u32) -> Vec<u8> {
    [&id.key()[..], &part.to_be_bytes()].concat()
}

fn number(bytes: &[u8], what: impl Fn() -> String) -> Result<u64, OutboxError> {
    let bytes = bytes.try_into().map_err(|_| OutboxError::Damaged { what: what() })?;
    Ok(u64::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests;

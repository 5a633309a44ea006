//! What the outbox asks of a store: keys and values on three boards. Bytes only.

use crate::storage::error::JournalError;

/// Longest value. See `sled_journal::values` for why. Unit: bytes.
pub(super) const VALUE_BYTES_MAX: usize = 4_000;

/// A table of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Board {
    /// By event: how far its entries are told.
    Cursors,
    /// By event and entry: what was not told at its first try.
    Letters,
    /// By event, entry and part: what such a letter says.
    Bodies,
}

/// Takes a key and its value, and says whether to go on.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> bool;

/// A store of its own for each receiver. After a crash the newest writes may be gone, in order: none is
/// there without all that were made before it.
pub trait Shelf: Send + Sync + 'static {
    /// # Errors
    /// When the store does not answer; and so for all others.
    fn get(&self, board: Board, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError>;

    /// `value` has at most 4,000 bytes.
    ///
    /// # Errors
    /// It may have been written.
    fn put(&self, board: Board, key: &[u8], value: &[u8]) -> Result<(), JournalError>;

    /// # Errors
    /// It may have been removed.
    fn remove(&self, board: Board, key: &[u8]) -> Result<(), JournalError>;

    /// Visits keys from `from` on, ascending.
    ///
    /// # Errors
    /// Some may have been visited.
    fn scan(&self, board: Board, from: &[u8], visit: Visit<'_>) -> Result<(), JournalError>;

    /// # Errors
    /// What was written before may be lost in a power cut.
    fn sync(&self) -> Result<(), JournalError>;
}

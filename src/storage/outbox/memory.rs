//! A shelf in memory for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::shelf::{Board, Shelf, Visit};
use crate::storage::error::JournalError;

/// See the module.
#[derive(Debug, Default)]
pub struct MemoryShelf {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    values: BTreeMap<(Board, Vec<u8>), Vec<u8>>,
    writes: u64,
    fail_from: Option<u64>,
}

impl MemoryShelf {
    /// Writes so far.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// The write with this number (1, 2, 3… since the shelf was made) and all after it are lost, as in a
    /// crash; `None`: they are kept again.
    pub fn fail_from_write(&self, number: Option<u64>) {
        self.lock().fail_from = number;
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, change: impl FnOnce(&mut Kept)) -> Result<(), JournalError> {
        let mut kept = self.lock();
        if kept.fail_from.is_some_and(|from| from <= kept.writes + 1) {
            return Err(JournalError::Scripted);
        }
        kept.writes += 1;
        change(&mut kept);
        Ok(())
    }
}

impl Shelf for MemoryShelf {
    fn get(&self, board: Board, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(self.lock().values.get(&(board, key.to_vec())).cloned())
    }

    fn put(&self, board: Board, key: &[u8], value: &[u8]) -> Result<(), JournalError> {
        self.write(|kept| drop(kept.values.insert((board, key.to_vec()), value.to_vec())))
    }

    fn remove(&self, board: Board, key: &[u8]) -> Result<(), JournalError> {
        self.write(|kept| drop(kept.values.remove(&(board, key.to_vec()))))
    }

    fn scan(&self, board: Board, from: &[u8], visit: Visit<'_>) -> Result<(), JournalError> {
        let kept = self.lock();
        for ((of, key), value) in kept.values.range((board, from.to_vec())..) {
            if *of != board || !visit(key, value) {
                break;
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), JournalError> {
        Ok(())
    }
}

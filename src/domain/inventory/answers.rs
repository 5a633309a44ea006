//! Which idempotency keys were answered, and by which reservation (P3, INV-7).
//!
//! The table stores only sequence numbers; the digests stand in the reservations.

use hashbrown::HashTable;

use super::book::Book;
use crate::domain::idempotency::{KeyDigest, RememberedKey};

/// Key digests to sequence numbers.
#[derive(Debug)]
pub struct AnswerMemory {
    table: HashTable<u64>,
    /// Keys of reservations below this number are forgotten.
    pub(super) remembered_from: u64,
}

impl Default for AnswerMemory {
    fn default() -> Self {
        Self { table: HashTable::new(), remembered_from: 1 }
    }
}

impl AnswerMemory {
    /// The reservation that answered this key, with what was asked under it then.
    pub(super) fn find(&self, digest: &KeyDigest, book: &Book) -> Option<(u64, RememberedKey)> {
        let same = |sequence: &u64| key_of(book, *sequence).is_some_and(|k| k.digest == *digest);
        let sequence = *self.table.find(digest.table_hash(), same)?;
        Some((sequence, key_of(book, sequence)?))
    }

    /// # Panics
    /// INV-7, when the key has an answer already. The reservation must be in the book.
    pub(super) fn remember(&mut self, key: &RememberedKey, sequence: u64, book: &Book) {
        assert!(self.find(&key.digest, book).is_none(), "INV-7: a second effect for one key");
        let hash = |sequence: &u64| key_of(book, *sequence).map_or(0, |k| k.digest.table_hash());
        self.table.insert_unique(key.digest.table_hash(), sequence, hash);
    }

    /// Call while the reservation still has its key.
    pub(super) fn forget(&mut self, key: &RememberedKey, sequence: u64) {
        let hash = key.digest.table_hash();
        if let Ok(entry) = self.table.find_entry(hash, |found| *found == sequence) {
            entry.remove();
        }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

fn key_of(book: &Book, sequence: u64) -> Option<RememberedKey> {
    book.get(sequence)?.key
}

//! Who has a number already: one place for each fan. The table holds numbers only and looks into the
//! column of fingerprints.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::column::Column;

/// Numbers by fingerprint, in many small tables: one that grows is copied, so none may be large.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// None, or [`TABLES`].
    tables: Vec<HashTable<u32>>,
}

/// At a million fans each has a thousand, which are copied in some tens of microseconds.
const TABLES: usize = 1_024;

impl Known {
    /// The newest number of this fan. `base`: the number that stands first in the column.
    pub fn find(&self, fingerprint: u64, fingerprints: &Column<u64>, base: u32) -> Option<u32> {
        let table = self.tables.get(table_of(fingerprint))?;
        let same = |number: &u32| fingerprints.at(*number - base) == fingerprint;
        table.find(fingerprint, same).copied()
    }

    /// From now on the fan goes by this number, which stands in the column already.
    pub fn learn(&mut self, number: u32, fingerprints: &Column<u64>, base: u32) {
        if self.tables.is_empty() {
            self.tables.resize_with(TABLES, HashTable::new);
        }
        let of = |number: &u32| fingerprints.at(*number - base);
        let fingerprint = of(&number);
        let table = &mut self.tables[table_of(fingerprint)];
        match table.entry(fingerprint, |found| of(found) == fingerprint, of) {
            Entry::Occupied(mut entry) => *entry.get_mut() = number,
            Entry::Vacant(entry) => drop(entry.insert(number)),
        }
    }

    /// Fans, each counted once.
    pub fn len(&self) -> usize {
        self.tables.iter().map(HashTable::len).sum()
    }

    /// Unit: bytes.
    pub fn bytes(&self) -> usize {
        let own = self.tables.len() * size_of::<HashTable<u32>>();
        own + self.tables.iter().map(HashTable::allocation_size).sum::<usize>()
    }
}

/// Neither the lowest nor the highest bits: within its table the fingerprint is found by those.
fn table_of(fingerprint: u64) -> usize {
    (fingerprint >> 40) as usize % TABLES
}

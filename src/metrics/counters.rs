//! Counters with labels from closed sets.

use std::sync::OnceLock;

use metrics::Counter;

/// Counters by up to two labels, resolved when first used and found again without a lock or an
/// allocation. The labels are `'static`, which keeps what a buyer typed from becoming one.
pub(super) struct CounterTable {
    name: &'static str,
    labels: &'static [&'static str],
    /// Open addressing, append only: a cell, once filled, never changes.
    cells: [OnceLock<([&'static str; 2], Counter)>; CELLS],
}

impl CounterTable {
    pub const fn new(name: &'static str, labels: &'static [&'static str]) -> Self {
        Self { name, labels, cells: [const { OnceLock::new() }; CELLS] }
    }

    pub fn count(&self, values: [&'static str; 2], several: u64) {
        let mut at = slot(values);
        for _ in 0..CELLS {
            // Whoever loses the race for a cell finds the winner's values there, and goes on.
            let (held, counter) = self.cells[at].get_or_init(|| (values, self.resolve(values)));
            if *held == values {
                return counter.increment(several);
            }
            at = (at + 1) % CELLS;
        }
        self.resolve(values).increment(several);
    }

    fn resolve(&self, values: [&'static str; 2]) -> Counter {
        let labels = self.labels.iter().zip(values);
        let labels: Vec<_> =
            labels.map(|(name, value)| metrics::Label::new(*name, value)).collect();
        metrics::counter!(self.name, labels)
    }
}

/// Cells of a table: four times the codes or the command outcomes there are. A full table still
/// counts right, only slower.
pub(super) const CELLS: usize = 128;

/// FNV-1a over the values.
fn slot(values: [&'static str; 2]) -> usize {
    let bytes = values[0].bytes().chain([b'|']).chain(values[1].bytes());
    let hash = bytes
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash as usize % CELLS
}

//! Which passes of the event's waiting room were used, and which of the reservations made with one still
//! keep others from shopping.

use std::collections::{BTreeMap, BTreeSet};

/// Passes of one event. Empty, and free, without a waiting room.
#[derive(Debug, Default)]
pub struct Passes {
    /// In the order of their use, for ever: what the room has heard of is a number of these.
    pub(super) used: Vec<u32>,
    known: BTreeSet<u32>,
    /// Pass by sequence of each reservation that is HELD, or BOOKED and not paid yet.
    pub(super) live: BTreeMap<u64, u32>,
}

impl Passes {
    #[must_use]
    pub fn is_used(&self, pass: u32) -> bool {
        self.known.contains(&pass)
    }

    /// # Panics
    /// INV-3, when the pass was used before.
    pub(super) fn spend(&mut self, pass: u32, sequence: u64) {
        self.restore_used(pass);
        self.live.insert(sequence, pass);
    }

    /// The reservation has ended, or is paid: whoever made it shops no more.
    pub(super) fn leave(&mut self, sequence: u64) {
        self.live.remove(&sequence);
    }

    pub(super) fn restore_used(&mut self, pass: u32) {
        assert!(self.known.insert(pass), "INV-3: pass {pass} used twice");
        self.used.push(pass);
    }

    /// All used after the first `after`, in the order of their use.
    #[must_use]
    pub fn used_after(&self, after: u64) -> &[u32] {
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        self.used.get(after..).unwrap_or_default()
    }

    /// How many were used.
    #[must_use]
    pub fn used_len(&self) -> u64 {
        self.used.len() as u64
    }

    /// Reservations made with a pass that are HELD, or BOOKED and not paid yet.
    #[must_use]
    pub fn shopping(&self) -> u32 {
        u32::try_from(self.live.len()).expect("as many as passes, which are numbered in 32 bits")
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }
}

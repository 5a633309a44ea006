//! Tokens that were checked: a table of fixed size, a slot for each token, no lock. A token that falls on
//! another's slot takes its place; both are then only checked again.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::http::gateway::CustomerCaller;

pub(super) struct Memory {
    seed: [u8; 32],
    slots: Box<[ArcSwapOption<Remembered>]>,
}

pub(super) struct Remembered {
    /// Of the whole token, signature and all.
    pub digest: [u8; 32],
    /// Unit: seconds since 1970.
    pub until_s: u64,
    pub issuer: usize,
    /// Of the issuer's keys.
    pub era: u64,
    pub caller: Arc<CustomerCaller>,
}

impl Memory {
    pub fn new(slots: usize, seed: [u8; 32]) -> Self {
        Self { seed, slots: std::iter::repeat_with(ArcSwapOption::empty).take(slots).collect() }
    }

    pub fn digest(&self, token: &str) -> [u8; 32] {
        *blake3::keyed_hash(&self.seed, token.as_bytes()).as_bytes()
    }

    pub fn find(&self, digest: &[u8; 32]) -> Option<Arc<Remembered>> {
        let slot = self.slot(digest)?.load();
        let found = slot.as_ref().filter(|known| known.digest == *digest)?;
        Some(Arc::clone(found))
    }

    pub fn remember(&self, known: Remembered) {
        if let Some(slot) = self.slot(&known.digest) {
            slot.store(Some(Arc::new(known)));
        }
    }

    fn slot(&self, digest: &[u8; 32]) -> Option<&ArcSwapOption<Remembered>> {
        let head = u64::from_le_bytes(digest[..8].try_into().expect("eight of 32 bytes"));
        let at = head.checked_rem(self.slots.len() as u64)?;
        self.slots.get(usize::try_from(at).ok()?)
    }
}

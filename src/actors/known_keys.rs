//! "This idempotency key was surely never answered here", without waking the shard.
//!
//! The sold-out fast path must not turn away a buyer who repeats a request that succeeded (P3). A
//! Bloom filter never forgets a key it was given; what it wrongly claims to know only costs a visit to
//! the shard.

use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use fastbloom::AtomicBloomFilter;

use crate::domain::idempotency::KeyDigest;
use crate::domain::inventory::Inventory;

/// One visit in a hundred is for nothing; about ten bits a key.
const FALSE_POSITIVES: f64 = 0.01;
/// Keys of the smallest filter: 1.2 KiB would be too much for an idle event, so it starts small.
const KEYS_MIN: usize = 64;

/// A growing filter; the shard writes, everybody reads.
#[derive(Debug)]
pub struct KnownKeys {
    filter: ArcSwap<AtomicBloomFilter>,
    /// Keys the current filter was made for.
    room: AtomicUsize,
}

impl KnownKeys {
    /// A filter that knows the keys of this state.
    pub fn of(inventory: &Inventory) -> Self {
        let room = keys_max(inventory).max(KEYS_MIN) * 2;
        let keys =
            Self { filter: ArcSwap::from_pointee(filter(room, inventory)), room: room.into() };
        keys.room.store(room, Ordering::Relaxed);
        keys
    }

    pub fn may_know(&self, key: &KeyDigest) -> bool {
        self.filter.load().contains(&key.0)
    }

    /// Called by the shard alone, when the reservation or the booking is staged: before it can be
    /// published.
    pub fn learn(&self, key: &KeyDigest, inventory: &Inventory) {
        if self.room.load(Ordering::Relaxed) <= keys_max(inventory) {
            let room = keys_max(inventory) * 2;
            self.filter.store(filter(room, inventory).into());
            self.room.store(room, Ordering::Relaxed);
        }
        self.filter.load().insert(&key.0);
    }
}

/// As many keys as there may be: one of each reservation, and one of each booking.
fn keys_max(inventory: &Inventory) -> usize {
    inventory.reservations() + inventory.booking_keys_len()
}

fn filter(room: usize, inventory: &Inventory) -> AtomicBloomFilter {
    // Digests are evenly spread already; a fixed seed keeps the filter the same in every run.
    let filter = AtomicBloomFilter::with_false_pos(FALSE_POSITIVES).seed(&0).expected_items(room);
    for key in inventory.remembered_keys() {
        filter.insert(&key.0);
    }
    filter
}

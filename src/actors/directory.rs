//! Every event that can be found, with what is published of it for reads that wake no shard.
//!
//! Published states are written by the committer alone, after the commit and before the replies
//! (P8), so a reader never sees what is not durable, nor less than somebody was told.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use arc_swap::ArcSwap;

use super::known_keys::KnownKeys;
use super::waiting_room::RoomView;
use crate::domain::ids::{EventId, EventNumber, OrganizerId, ShardId};
use crate::domain::inventory::{EventTerms, Inventory, PoolCounts};
use crate::domain::time::UnixMillis;

/// What is published of an event.
#[derive(Debug, Clone)]
pub struct Published {
    pub terms: Arc<EventTerms>,
    /// By pool, in the order of the terms.
    pub pools: Box<[PoolCounts]>,
    /// Facts so far; equal versions mean equal states.
    pub version: u64,
    pub next_release_at: Option<UnixMillis>,
}

impl Published {
    #[must_use]
    pub fn of(inventory: &Inventory) -> Self {
        Self {
            terms: Arc::clone(inventory.terms()),
            pools: inventory.pools().into(),
            version: inventory.version(),
            next_release_at: inventory.next_release_at(),
        }
    }
}

/// An event's place in the house.
#[derive(Debug)]
pub struct EventEntry {
    pub id: EventId,
    pub number: EventNumber,
    pub shard: ShardId,
    /// Whose it is, for good; absent: nobody's but the operator's.
    pub organizer: Option<OrganizerId>,
    pub(super) keys: KnownKeys,
    published: ArcSwap<Published>,
    /// Whether it is among the changed.
    is_changed: AtomicBool,
    /// Made once, for the life of the event.
    room: OnceLock<Arc<RoomView>>,
}

impl EventEntry {
    #[must_use]
    pub fn new(shard: ShardId, inventory: &Inventory) -> Self {
        Self {
            id: inventory.terms().id.clone(),
            number: inventory.number(),
            shard,
            organizer: inventory.organizer().cloned(),
            keys: KnownKeys::of(inventory),
            published: ArcSwap::from_pointee(Published::of(inventory)),
            is_changed: AtomicBool::new(false),
            room: OnceLock::new(),
        }
    }

    /// The newest durable state.
    #[must_use]
    pub fn published(&self) -> Arc<Published> {
        self.published.load_full()
    }

    /// The event's waiting room, once there is one; see [`EventEntry::gate`] for reservations.
    #[must_use]
    pub fn room(&self) -> Option<&Arc<RoomView>> {
        self.room.get()
    }

    pub(super) fn publish(&self, state: Arc<Published>) {
        self.published.store(state);
    }
}

/// Events by id. Reads take no lock but for lists.
#[derive(Debug, Default)]
pub struct Directory {
    by_id: papaya::HashMap<EventId, Arc<EventEntry>>,
    /// The same entries in the order of their ids, for lists; never asked by the hot path.
    ordered: RwLock<BTreeMap<EventId, Arc<EventEntry>>>,
    is_watched: AtomicBool,
    /// Published since somebody last asked, each once. Only while watched.
    changed: Mutex<Vec<Arc<EventEntry>>>,
    /// Every room there is; never asked by the hot path.
    rooms: RwLock<Vec<Arc<RoomView>>>,
}

impl Directory {
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Arc<EventEntry>> {
        self.by_id.pin().get(id).cloned()
    }

    pub(super) fn insert(&self, entry: Arc<EventEntry>) {
        let mut ordered = self.ordered.write().unwrap_or_else(PoisonError::into_inner);
        ordered.insert(entry.id.clone(), Arc::clone(&entry));
        self.by_id.pin().insert(entry.id.clone(), entry);
    }

    /// The event of a number that operators saw. Walks all events: not for what buyers ask.
    pub(super) fn find_number(&self, number: EventNumber) -> Option<Arc<EventEntry>> {
        let ordered = self.ordered.read().unwrap_or_else(PoisonError::into_inner);
        ordered.values().find(|entry| entry.number == number).cloned()
    }

    /// Shows the event's room, once.
    pub(super) fn open_room(&self, entry: &EventEntry, room: &Arc<RoomView>) {
        if entry.room.set(Arc::clone(room)).is_ok() {
            self.rooms.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(room));
        }
    }

    /// Every waiting room, in the order in which they were made.
    #[must_use]
    pub fn rooms(&self) -> Vec<Arc<RoomView>> {
        self.rooms.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Up to `limit` events after the id `after`, in the order of their ids.
    #[must_use]
    pub fn list(&self, after: Option<&str>, limit: usize) -> Vec<Arc<EventEntry>> {
        self.list_where(after, limit, |_| true)
    }

    /// The same of events that are `wanted`.
    #[must_use]
    pub fn list_where(
        &self,
        after: Option<&str>,
        limit: usize,
        wanted: impl Fn(&EventEntry) -> bool,
    ) -> Vec<Arc<EventEntry>> {
        let ordered = self.ordered.read().unwrap_or_else(PoisonError::into_inner);
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let events = ordered.range::<str, _>((from, Bound::Unbounded)).map(|(_, entry)| entry);
        events.filter(|entry| wanted(entry)).take(limit).map(Arc::clone).collect()
    }

    /// From here on it is noted which events change.
    pub(super) fn watch(&self) {
        self.is_watched.store(true, Ordering::Relaxed);
    }

    /// Notes that a state of the event was published. Nothing but a look at a flag if nobody watches.
    pub(super) fn note_change(&self, entry: &Arc<EventEntry>) {
        // After the publication and before the flag: whoever takes the event sees the new state, or finds
        // it noted again.
        if self.is_watched.load(Ordering::Relaxed) && !entry.is_changed.swap(true, Ordering::AcqRel)
        {
            self.lock_changed().push(Arc::clone(entry));
        }
    }

    /// Events of which something was published since this was last asked. For one watcher.
    pub(super) fn changed(&self) -> Vec<Arc<EventEntry>> {
        let changed = std::mem::take(&mut *self.lock_changed());
        for entry in &changed {
            entry.is_changed.swap(false, Ordering::AcqRel);
        }
        changed
    }

    fn lock_changed(&self) -> MutexGuard<'_, Vec<Arc<EventEntry>>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

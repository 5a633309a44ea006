//! The entrants of a draw in the order in which they are published, with the tree over them. Made when
//! somebody looks at the draw, shared by all who do, and dropped when nobody has for a while: a room of a
//! million fans does not carry it along.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::actors::{Entrant, EventEntry, RoomError, Router, SubmitError};
use crate::domain::ids::EventNumber;
use crate::domain::waiting_room::Sealed;
use crate::domain::waiting_room::draw::merkle::Tree;
use crate::domain::waiting_room::draw::proof::Placed;
use crate::domain::waiting_room::draw::{Entry, Hash, TIERS};

/// How long a book is kept after it was looked at.
const KEPT: Duration = Duration::from_secs(60);
/// Entrants asked for at a time.
const PAGE: u32 = 16_384;

/// See the module. Entries by index, in rising order of their numbers: 17 bytes each.
pub struct Book {
    numbers: Box<[u32]>,
    fingerprints: Box<[u64]>,
    tiers: Box<[u8]>,
    places: Box<[u32]>,
    tree: Tree,
}

impl Book {
    /// Of the entrants in the order of their places.
    fn of(entrants: &[Entrant]) -> Self {
        let mut placed: Vec<(u32, u32)> =
            (0..).zip(entrants).map(|(place, entrant)| (entrant.number, place)).collect();
        placed.sort_unstable();
        let ordered = || placed.iter().map(|(_, place)| &entrants[*place as usize]);
        let entries = ordered().map(|entrant| Entry {
            number: entrant.number,
            tier: entrant.tier as u8,
            fingerprint: entrant.fingerprint,
        });
        Self {
            tree: Tree::of(entries),
            numbers: placed.iter().map(|(number, _)| *number).collect(),
            fingerprints: ordered().map(|entrant| entrant.fingerprint).collect(),
            tiers: ordered().map(|entrant| entrant.tier as u8).collect(),
            places: placed.iter().map(|(_, place)| *place).collect(),
        }
    }

    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Entries by tier.
    pub fn tiers(&self) -> [u64; TIERS] {
        let mut counts = [0; TIERS];
        self.tiers.iter().for_each(|tier| counts[usize::from(*tier)] += 1);
        counts
    }

    /// Where the entry with this number stands among the published ones.
    pub fn index_of(&self, number: u32) -> Option<usize> {
        self.numbers.binary_search(&number).ok()
    }

    /// # Panics
    /// When there is no such entry.
    pub fn placed(&self, index: usize) -> Placed {
        Placed { entry: self.entry(index), place: self.places[index] }
    }

    /// What leads from an entry to the root.
    pub fn path(&self, index: usize) -> Option<Vec<Hash>> {
        self.tree.path(index as u64, |at| self.entry(usize::try_from(at).unwrap_or(usize::MAX)))
    }

    fn entry(&self, index: usize) -> Entry {
        Entry {
            number: self.numbers[index],
            tier: self.tiers[index],
            fingerprint: self.fingerprints[index],
        }
    }
}

/// Books that are being looked at.
#[derive(Default)]
pub struct Books {
    kept: Arc<Mutex<Vec<Kept>>>,
    /// One is made at a time: they are large.
    making: tokio::sync::Mutex<()>,
}

struct Kept {
    of: (EventNumber, Hash),
    book: Arc<Book>,
    looked_at: Instant,
}

impl Books {
    /// The book of the event's newest draw.
    ///
    /// # Errors
    /// [`RoomError`], when the room's host does not answer.
    pub async fn of(
        &self,
        router: &Router,
        event: &Arc<EventEntry>,
        sealed: &Sealed,
    ) -> Result<Arc<Book>, RoomError> {
        let of = (event.number, sealed.root);
        if let Some(book) = self.find(of) {
            return Ok(book);
        }
        let _making = self.making.lock().await;
        if let Some(book) = self.find(of) {
            return Ok(book);
        }
        let mut entrants: Vec<Entrant> = Vec::with_capacity(sealed.count as usize);
        while let Ok(from) = u32::try_from(entrants.len())
            && from < sealed.count
        {
            let page = router.room_entrants(event, from, PAGE.min(sealed.count - from)).await?;
            if page.is_empty() {
                break;
            }
            entrants.extend(page);
        }
        let root = sealed.root;
        let made = tokio::task::spawn_blocking(move || {
            let book = Book::of(&entrants);
            // A line that ended in between gives other entrants: those asked for are gone.
            (book.tree.root() == root).then_some(book)
        });
        let book = made.await.ok().flatten().ok_or(SubmitError::ShardDown)?;
        Ok(self.keep(of, Arc::new(book)))
    }

    fn find(&self, of: (EventNumber, Hash)) -> Option<Arc<Book>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter_mut().find(|kept| kept.of == of)?;
        found.looked_at = Instant::now();
        Some(Arc::clone(&found.book))
    }

    fn keep(&self, of: (EventNumber, Hash), book: Arc<Book>) -> Arc<Book> {
        let looked_at = Instant::now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(Kept { of, book: Arc::clone(&book), looked_at });
        drop(kept);
        tokio::spawn(drop_when_unused(Arc::clone(&self.kept), of));
        book
    }
}

async fn drop_when_unused(kept: Arc<Mutex<Vec<Kept>>>, of: (EventNumber, Hash)) {
    loop {
        tokio::time::sleep(KEPT / 2).await;
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| kept.of != of || kept.looked_at.elapsed() < KEPT);
        if kept.iter().all(|kept| kept.of != of) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::waiting_room::Tier;
    use crate::domain::waiting_room::draw::merkle::leads_to_root;

    #[test]
    fn entries_stand_by_number_with_their_places_and_paths() {
        // 300 entrants, numbers with gaps, in a mixed order of places.
        let entrant = |place: u32| Entrant {
            number: (place * 7 % 300) * 2,
            tier: if place < 10 { Tier::Priority } else { Tier::General },
            fingerprint: u64::from(place) << 32,
        };
        let entrants: Vec<Entrant> = (0..300).map(entrant).collect();
        let book = Book::of(&entrants);
        assert_eq!((book.len(), book.tiers()), (300, [10, 290, 0]));
        for (place, entrant) in (0..).zip(&entrants) {
            let index = book.index_of(entrant.number).unwrap();
            let placed = book.placed(index);
            assert_eq!((placed.place, placed.entry.number), (place, entrant.number));
            assert_eq!(placed.entry.fingerprint, entrant.fingerprint);
            let path = book.path(index).unwrap();
            let root = book.tree.root();
            assert!(leads_to_root(&placed.entry, index as u64, 300, &path, &root));
        }
        assert_eq!(book.index_of(1), None);
        let numbers: Vec<u32> = (0..300).map(|at| book.placed(at).entry.number).collect();
        assert!(numbers.is_sorted());
    }
}

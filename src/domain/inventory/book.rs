//! The reservations of one event, by sequence number.
//!
//! Numbers are dense, so the book is a run of fixed pages instead of a hash table: finding one is an
//! index, a million more never move the ones before, and a page goes when all on it are forgotten.

use std::collections::VecDeque;

use super::Lines;
use crate::domain::idempotency::RememberedKey;
use crate::domain::time::UnixMillis;

/// Where a reservation is in its life. Numbers are written to the journal; never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Held = 0,
    Released = 1,
    Expired = 2,
    /// Being bought, or bought; the booking says which.
    Booked = 3,
}

impl Status {
    /// The word in bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Held => "HELD",
            Self::Released => "RELEASED",
            Self::Expired => "EXPIRED",
            Self::Booked => "BOOKED",
        }
    }

    /// Whether the reservation owns its units.
    #[must_use]
    pub fn is_live(self) -> bool {
        match self {
            Self::Held | Self::Booked => true,
            Self::Released | Self::Expired => false,
        }
    }
}

/// One reservation, kept small: a sale has millions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    pub salt: u32,
    /// Index in the event's customers.
    pub customer: u32,
    pub status: Status,
    pub lines: Lines,
    pub created_at: UnixMillis,
    /// When the hold ends, or would have ended.
    pub expires_at: UnixMillis,
    /// Absent when none was sent, or when its 24 hours are over.
    pub key: Option<RememberedKey>,
}

/// Reservations per page: about 80 KiB a page.
const PAGE: usize = 1_024;

/// All reservations that are not forgotten.
#[derive(Debug, Default)]
pub struct Book {
    /// Number of the page at the front of `pages`.
    first_page: u64,
    /// `None`: every reservation on the page is forgotten.
    pages: VecDeque<Option<Page>>,
    len: usize,
}

#[derive(Debug)]
struct Page {
    slots: Vec<Option<Reservation>>,
    live: usize,
}

impl Book {
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    #[must_use]
    pub fn get(&self, sequence: u64) -> Option<&Reservation> {
        let (page, slot) = self.place(sequence)?;
        self.pages.get(page)?.as_ref()?.slots.get(slot)?.as_ref()
    }

    pub fn get_mut(&mut self, sequence: u64) -> Option<&mut Reservation> {
        let (page, slot) = self.place(sequence)?;
        self.pages.get_mut(page)?.as_mut()?.slots.get_mut(slot)?.as_mut()
    }

    /// # Panics
    /// INV-3, when the number was used before.
    pub fn insert(&mut self, sequence: u64, reservation: Reservation) {
        let number = page_of(sequence);
        if self.pages.is_empty() {
            self.first_page = number;
        }
        assert!(self.first_page <= number, "INV-3: reservation {sequence} comes too late");
        let page = usize::try_from(number - self.first_page).expect("pages fit memory");
        while self.pages.len() <= page {
            self.pages.push_back(None);
        }
        let page = self.pages[page].get_or_insert_with(|| Page { slots: Vec::new(), live: 0 });
        let slot = slot_of(sequence);
        if page.slots.len() <= slot {
            // A page grows by doubling at first, so that a small event stays small.
            page.slots.resize_with(slot + 1, || None);
        }
        assert!(page.slots[slot].is_none(), "INV-3: reservation {sequence} was used before");
        page.slots[slot] = Some(reservation);
        page.live += 1;
        self.len += 1;
    }

    /// Forgets one; its number is not used again.
    pub fn remove(&mut self, sequence: u64) -> Option<Reservation> {
        let (place, slot) = self.place(sequence)?;
        let page = self.pages.get_mut(place)?.as_mut()?;
        let gone = page.slots.get_mut(slot)?.take()?;
        page.live -= 1;
        self.len -= 1;
        if page.live == 0 && page.slots.len() == PAGE {
            self.pages[place] = None;
        }
        self.drop_empty_front();
        Some(gone)
    }

    /// In the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Reservation)> {
        let pages = (self.first_page..).zip(&self.pages);
        pages.filter_map(|(number, page)| Some((number, page.as_ref()?))).flat_map(
            |(number, page)| {
                let first = number * PAGE as u64;
                let slots = (first..).zip(&page.slots);
                slots.filter_map(|(sequence, slot)| Some((sequence, slot.as_ref()?)))
            },
        )
    }

    fn place(&self, sequence: u64) -> Option<(usize, usize)> {
        let page = page_of(sequence).checked_sub(self.first_page)?;
        Some((usize::try_from(page).ok()?, slot_of(sequence)))
    }

    /// Keeps the newest page, whose numbers are still being given out.
    fn drop_empty_front(&mut self) {
        while self.pages.len() > 1
            && self.pages.front().is_some_and(|page| page.as_ref().is_none_or(|p| p.live == 0))
        {
            self.pages.pop_front();
            self.first_page += 1;
        }
    }
}

fn page_of(sequence: u64) -> u64 {
    sequence / PAGE as u64
}

fn slot_of(sequence: u64) -> usize {
    usize::try_from(sequence % PAGE as u64).expect("less than a page")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::inventory::Line;
    use crate::domain::quantity::Quantity;

    fn reservation() -> Reservation {
        Reservation {
            salt: 1,
            customer: 0,
            status: Status::Held,
            lines: Lines::One(Line { pool: 0, quantity: Quantity::new(1).unwrap() }),
            created_at: UnixMillis(1),
            expires_at: UnixMillis(2),
            key: None,
        }
    }

    #[test]
    fn pages_go_when_all_on_them_are_forgotten() {
        let mut book = Book::default();
        for sequence in 1..=5_000 {
            book.insert(sequence, reservation());
        }
        for sequence in 1..=4_500 {
            assert!(book.remove(sequence).is_some());
            assert!(book.remove(sequence).is_none());
        }
        assert_eq!(book.len(), 500);
        assert_eq!(book.pages.len(), 1);
        assert!(book.get(4_500).is_none() && book.get(4_501).is_some());
        assert_eq!(
            book.iter().map(|(n, _)| n).collect::<Vec<_>>(),
            (4_501..=5_000).collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_book_may_start_anywhere_after_a_checkpoint() {
        let mut book = Book::default();
        book.insert(70_000, reservation());
        book.insert(90_000, reservation());
        assert_eq!(book.iter().count(), 2);
        assert!(book.get(80_000).is_none());
        book.remove(70_000);
        assert!(book.get(90_000).is_some());
    }
}

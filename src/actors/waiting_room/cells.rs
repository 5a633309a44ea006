//! What a poll looks at of each fan: their state, and when they said they would come again. Lock-free;
//! columns by number that grow in pieces and never move.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::State;

/// Columns by number.
#[derive(Debug)]
pub(super) struct Cells {
    shelves: Box<[OnceLock<Shelf>]>,
}

type Shelf = Box<[OnceLock<Piece>]>;

/// The fans of [`PIECE`] numbers.
#[derive(Debug)]
struct Piece {
    states: Box<[AtomicU64]>,
    next_polls: Box<[AtomicU16]>,
}

/// Numbers of one piece: 40 KiB, so that a room with few fans stays small.
pub(super) const PIECE: usize = 4_096;
/// 1,024 shelves of 1,024 pieces of 4,096 are all 32-bit numbers.
const SHELF: usize = 1_024;

/// Set in each cell that was given out.
const GIVEN: u64 = 1 << 40;
const STATE_AT: u32 = 32;

/// When a fan is to come again, in quarters of a second on a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NextPoll(u16);

impl NextPoll {
    /// Gone for so long that the ring would turn.
    pub const GONE: Self = Self(0);
    /// Not heard of since the start.
    pub const UNHEARD: Self = Self(1);
    const FIRST: u64 = 2;
    /// Quarters on the ring: 4.5 hours.
    const RING: u64 = u16::MAX as u64 + 1 - Self::FIRST;
    /// Later than this is marked as [`NextPoll::GONE`]. Unit: quarters; 90 minutes.
    pub const LATE_MAX: i64 = 90 * 60 * 4;

    pub fn at(time: UnixMillis) -> Self {
        let quarter = time.0 / QUARTER_MS % Self::RING + Self::FIRST;
        Self(u16::try_from(quarter).expect("less than the ring"))
    }

    /// How late they are; negative when there is time. `None`: they never said. Unit: quarters.
    pub fn late_by(self, now: UnixMillis) -> Option<i64> {
        if self == Self::GONE || self == Self::UNHEARD {
            return None;
        }
        let ring = Self::RING.cast_signed();
        let (now, next) = (i64::from(Self::at(now).0), i64::from(self.0));
        let late = (now - next).rem_euclid(ring);
        Some(if late < ring / 2 { late } else { late - ring })
    }
}

/// Unit: milliseconds.
pub(super) const QUARTER_MS: u64 = 250;

impl Cells {
    pub fn new() -> Self {
        Self { shelves: (0..SHELF).map(|_| OnceLock::new()).collect() }
    }

    /// State and slot; `None`: the number was not given out.
    pub fn get(&self, number: u32) -> Option<(State, u32)> {
        let (piece, within) = self.find(number)?;
        read(piece.states[within].load(Ordering::Acquire))
    }

    pub fn set(&self, number: u32, state: State, slot: u32) {
        let (piece, within) = self.find_or_make(number);
        let cell = GIVEN | (state as u64) << STATE_AT | u64::from(slot);
        piece.states[within].store(cell, Ordering::Release);
    }

    /// Of a fan who waits from now on. Whoever sees the number sees the next poll too.
    pub fn give(&self, number: u32, slot: u32, next: NextPoll) {
        let (piece, within) = self.find_or_make(number);
        piece.next_polls[within].store(next.0, Ordering::Relaxed);
        self.set(number, State::Waiting, slot);
    }

    pub fn next_poll(&self, number: u32) -> NextPoll {
        let next = self.find(number).map(|(piece, within)| &piece.next_polls[within]);
        NextPoll(next.map_or(0, |next| next.load(Ordering::Relaxed)))
    }

    pub fn set_next_poll(&self, number: u32, next: NextPoll) {
        if let Some((piece, within)) = self.find(number) {
            piece.next_polls[within].store(next.0, Ordering::Relaxed);
        }
    }

    /// Every number from `from` on that was given out, with its state, slot and next poll; `see` says
    /// what the next poll is to be, if another one. A poll in between wins.
    pub fn each(&self, from: u32, mut see: impl FnMut(State, u32, NextPoll) -> Option<NextPoll>) {
        let from = from as usize;
        for at in from / PIECE..SHELF * SHELF {
            let Some(piece) = self.piece(at) else { return };
            for within in from.saturating_sub(at * PIECE)..PIECE {
                let Some((state, slot)) = read(piece.states[within].load(Ordering::Relaxed)) else {
                    return;
                };
                let column = &piece.next_polls[within];
                let next = column.load(Ordering::Relaxed);
                if let Some(other) = see(state, slot, NextPoll(next)) {
                    let order = Ordering::Relaxed;
                    let _newer = column.compare_exchange(next, other.0, order, order);
                }
            }
        }
    }

    fn find(&self, number: u32) -> Option<(&Piece, usize)> {
        Some((self.piece(number as usize / PIECE)?, number as usize % PIECE))
    }

    fn piece(&self, at: usize) -> Option<&Piece> {
        self.shelves[at / SHELF].get()?[at % SHELF].get()
    }

    fn find_or_make(&self, number: u32) -> (&Piece, usize) {
        let (piece, within) = (number as usize / PIECE, number as usize % PIECE);
        let shelf = self.shelves[piece / SHELF]
            .get_or_init(|| (0..SHELF).map(|_| OnceLock::new()).collect());
        (shelf[piece % SHELF].get_or_init(Piece::new), within)
    }
}

impl Piece {
    fn new() -> Self {
        Self {
            states: (0..PIECE).map(|_| AtomicU64::new(0)).collect(),
            next_polls: (0..PIECE).map(|_| AtomicU16::new(0)).collect(),
        }
    }
}

fn read(cell: u64) -> Option<(State, u32)> {
    if cell & GIVEN == 0 {
        return None;
    }
    let state = State::from_number((cell >> STATE_AT) as u8 & 0b111)?;
    Some((state, (cell & u64::from(u32::MAX)) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_keep_what_was_written_at_both_ends_and_over_pieces() {
        let cells = Cells::new();
        assert_eq!(cells.get(0), None);
        for number in [0, 4_095, 4_096, 5_000_000, u32::MAX] {
            assert_eq!(cells.get(number), None);
            cells.set(number, State::Ready, number);
            assert_eq!(cells.get(number), Some((State::Ready, number)));
            cells.set(number, State::Waiting, u32::MAX);
            assert_eq!(cells.get(number), Some((State::Waiting, u32::MAX)));
        }
    }

    #[test]
    fn who_is_late_is_known_over_the_turn_of_the_ring() {
        for start in [0_u64, 16_382_000, 1_800_000_000_000, 1_800_000_000_123] {
            let next = NextPoll::at(UnixMillis(start + 10_000));
            assert_eq!(next.late_by(UnixMillis(start)).unwrap() / 4, -10);
            assert_eq!(next.late_by(UnixMillis(start + 70_000)).unwrap() / 4, 60);
            let late = next.late_by(UnixMillis(start + 5_410_000)).unwrap();
            assert!(NextPoll::LATE_MAX <= late);
        }
    }

    #[test]
    fn each_sees_all_from_a_number_on_in_order_and_may_note_who_is_gone() {
        let cells = Cells::new();
        for number in 0..10_000 {
            cells.set(number, State::Waiting, number);
            cells.set_next_poll(number, NextPoll::UNHEARD);
        }
        let mut seen = Vec::new();
        cells.each(4_090, |_, slot, next| {
            assert_eq!(next, NextPoll::UNHEARD);
            seen.push(slot);
            (slot == 9_000).then_some(NextPoll::GONE)
        });
        assert_eq!(seen, (4_090..10_000).collect::<Vec<_>>());
        assert_eq!(cells.next_poll(9_000), NextPoll::GONE);
        assert_eq!(cells.next_poll(8_999), NextPoll::UNHEARD);
    }
}

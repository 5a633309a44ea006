//! Who stands in line: a few columns by number and one by position, and what can be derived from them.
//!
//! A number is given to each who joins, 0, 1, 2… A position is where one stands, 0, 1, 2…, settled when the
//! doors open and given to later ones as they join; it never changes (INV-10). Only under the method
//! `random`, which tells nobody a position, the column is a pool from which the next are taken.

use std::collections::{BTreeSet, VecDeque};

use super::column::Column;
use super::known::Known;
use super::moves::is_out;
use super::terms::Tier;
use crate::domain::time::UnixMillis;

/// The position of one who has none, or is told none.
pub const NO_PLACE: u32 = u32::MAX;

/// What became of a fan who joined. The numbers are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Waiting = 0,
    /// Has a pass.
    Ready = 1,
    /// Has used it.
    Used = 2,
    /// Was gone when their turn came, or did not use their pass; may come back for a while.
    Skipped = 3,
    /// Came back, and is let in before all who wait.
    Returning = 4,
    /// Gave up.
    Left = 5,
    /// May not come back.
    Expired = 6,
}

/// The line of one room, from its doors to its end.
#[derive(Debug, Default)]
pub struct Line {
    /// The first number; those before belong to lines that ended.
    pub(super) base: u32,
    pub(super) fingerprints: Column<u64>,
    pub(super) cells: Column<Cell>,
    /// See [`Line::slot`]. Before the doors: the index of the code that was used, or [`NO_PLACE`].
    pub(super) slots: Column<u32>,
    /// Number by position; empty before the doors.
    pub(super) order: Column<u32>,
    pub(super) known: Known,
    pub(super) is_sealed: bool,
    /// Lowest position that may still wait: all before have been let in, skipped, or have left.
    pub(super) cursor: u32,
    /// Of a line that is let in at random.
    pub(super) lots: Option<Lots>,
    /// Fans of this line by state.
    pub(super) counts: [u32; State::COUNT],
    /// Passes that may still be used: the second in which they end, and the number.
    pub(super) out: BTreeSet<(u32, u32)>,
    /// Who came back, in that order; the first one still waits for their pass.
    pub(super) returning: VecDeque<u32>,
    /// How many came back ever.
    pub(super) returns: u32,
}

/// State, tier and flag of one fan in a byte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cell(pub u8);

/// Where the next are taken from under `random`: each part of the order is a pool, used up from its front.
/// The parts stand in this order: with a code; suspects; all others and those who came later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lots {
    /// First position of each part that still waits.
    pub next: [u32; 3],
    /// First position behind the first two parts.
    pub end: [u32; 2],
}

impl Line {
    /// An empty line, whose first number is `base`.
    #[must_use]
    pub(super) fn starting_at(base: u32) -> Self {
        Self { base, ..Self::default() }
    }

    /// The first number of this line.
    #[must_use]
    pub fn base(&self) -> u32 {
        self.base
    }

    /// The number that the next one will get; also how many there were in all lines of the room.
    #[must_use]
    pub fn next_number(&self) -> u32 {
        self.base + self.cells.len()
    }

    /// Positions given out; 0 before the doors.
    #[must_use]
    pub fn positions(&self) -> u32 {
        self.order.len()
    }

    /// All positions before this one have had their turn. Means nothing under `random`.
    #[must_use]
    pub fn cursor(&self) -> u32 {
        self.cursor
    }

    /// Whether positions are told: the doors are open, and the method is not `random`.
    #[must_use]
    pub fn tells_places(&self) -> bool {
        self.is_sealed && self.lots.is_none()
    }

    /// Whose position this is.
    #[must_use]
    pub fn number_at(&self, position: u32) -> Option<u32> {
        (position < self.order.len()).then(|| self.order.at(position))
    }

    /// `None`: nobody has this number. Numbers of lines that ended have expired.
    #[must_use]
    pub fn state(&self, number: u32) -> Option<State> {
        if self.next_number() <= number {
            return None;
        }
        Some(self.cell(number).map_or(State::Expired, Cell::state))
    }

    /// What goes with the state: of a WAITING fan the position ([`NO_PLACE`] when none is told), of a READY
    /// one the second since 1970 in which the pass ends, of a SKIPPED one that until which they may come
    /// back, of a RETURNING one their turn among those who came back; else nothing of meaning.
    #[must_use]
    pub fn slot(&self, number: u32) -> u32 {
        let Some(cell) = self.cell(number) else { return 0 };
        if cell.state() == State::Waiting && !self.tells_places() {
            return NO_PLACE;
        }
        self.slots.at(number - self.base)
    }

    /// The tier of the seal; of later ones that which they would have had without a code.
    #[must_use]
    pub fn tier(&self, number: u32) -> Option<Tier> {
        self.cell(number).map(Cell::tier)
    }

    /// Whether the one late return is used up.
    #[must_use]
    pub fn has_returned(&self, number: u32) -> bool {
        self.cell(number).is_some_and(Cell::has_returned)
    }

    #[must_use]
    pub fn fingerprint(&self, number: u32) -> Option<u64> {
        self.cell(number).map(|_| self.fingerprints.at(number - self.base))
    }

    /// The newest number of a fan in this line, whatever became of it.
    #[must_use]
    pub fn find(&self, fingerprint: u64) -> Option<u32> {
        self.known.find(fingerprint, &self.fingerprints, self.base)
    }

    /// Fans of this line in this state.
    #[must_use]
    pub fn count(&self, state: State) -> u32 {
        self.counts[state as usize]
    }

    /// Passes that may still be used: of READY fans, and of those who gave theirs back just now.
    #[must_use]
    pub fn passes_out(&self) -> u32 {
        u32::try_from(self.out.len()).expect("numbers fit in 32 bits")
    }

    /// Whether this fan's pass may still be used.
    #[must_use]
    pub fn has_pass_out(&self, number: u32) -> bool {
        self.state(number).is_some_and(|state| is_out(state, self.slot(number)))
    }

    /// Unit: bytes, of everything that grows with the fans.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let columns = self.fingerprints.bytes()
            + self.cells.bytes()
            + self.slots.bytes()
            + self.order.bytes();
        // A tree's nodes are two thirds full on average, and have a little of their own.
        let out = self.out.len() * size_of::<(u32, u32)>() * 2;
        columns + self.known.bytes() + out + self.returning.capacity() * size_of::<u32>()
    }

    fn cell(&self, number: u32) -> Option<Cell> {
        let index = number.checked_sub(self.base)?;
        (index < self.cells.len()).then(|| self.cells.at(index))
    }
}

impl State {
    pub const COUNT: usize = 7;
    pub const ALL: [Self; Self::COUNT] = [
        Self::Waiting,
        Self::Ready,
        Self::Used,
        Self::Skipped,
        Self::Returning,
        Self::Left,
        Self::Expired,
    ];

    /// From the number in records and views.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The word in bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Ready => "READY",
            Self::Used => "USED",
            Self::Skipped => "SKIPPED",
            Self::Returning => "RETURNING",
            Self::Left => "LEFT",
            Self::Expired => "EXPIRED",
        }
    }

    /// Whether a pass may still come of it without joining anew.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Waiting | Self::Ready | Self::Skipped | Self::Returning)
    }
}

impl Cell {
    const STATE: u8 = 0b111;
    const TIER_AT: u8 = 3;
    const TIER: u8 = 0b11 << Self::TIER_AT;
    const RETURNED: u8 = 1 << 5;

    pub fn new(state: State, tier: Tier) -> Self {
        Self(state as u8 | (tier as u8) << Self::TIER_AT)
    }

    /// `None`: no such cell was ever written.
    pub fn checked(byte: u8) -> Option<Self> {
        let known = byte & !(Self::STATE | Self::TIER | Self::RETURNED) == 0;
        let state = State::from_number(byte & Self::STATE).is_some();
        let tier = Tier::from_number((byte & Self::TIER) >> Self::TIER_AT).is_some();
        (known && state && tier).then_some(Self(byte))
    }

    pub fn state(self) -> State {
        State::from_number(self.0 & Self::STATE).expect("cells are made of states")
    }

    pub fn tier(self) -> Tier {
        Tier::from_number((self.0 & Self::TIER) >> Self::TIER_AT).expect("cells are made of tiers")
    }

    pub fn has_returned(self) -> bool {
        self.0 & Self::RETURNED != 0
    }

    /// The same fan in another state.
    pub fn turned(self, to: State) -> Self {
        Self(self.0 & !Self::STATE | to as u8)
    }

    /// The same fan, whose late return is used up.
    pub fn returned(self) -> Self {
        Self(self.0 | Self::RETURNED)
    }
}

/// The second in which `at` falls.
pub(super) fn second_of(at: UnixMillis) -> u32 {
    u32::try_from(at.0 / 1_000).unwrap_or(u32::MAX)
}

/// `at`, or the beginning of the next second: ends of passes are whole seconds.
pub(super) fn up_to_second(at: UnixMillis) -> UnixMillis {
    UnixMillis(at.0.div_ceil(1_000) * 1_000)
}
